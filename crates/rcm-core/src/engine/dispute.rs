//! A primary that answers: it stays in office, somebody else was put there by hand, or it has to be
//! replaced.

use super::Engine;
use super::adopt::{accepted_by_all, successor};
use super::restart::Ruling;
use crate::event::Adoption;
use crate::id::NodeId;
use crate::policy::Policy;
use crate::record::{Phase, Record};
use crate::rule::Rule;
use crate::verdict::Verdict;
use crate::view::Node;

impl Engine {
    /// The primary is well. A claim that nobody carried out, or a first meeting, is written down.
    pub(super) fn settle_office(&mut self, primary: NodeId) {
        self.disputed_since = None;
        self.told_would_act = None;
        let Some(record) = self.record() else { return };
        let Some(node) = self.view.get(primary) else {
            return;
        };
        let unfinished = !matches!(record.phase, Phase::Committed);
        let met = record.primary.run_id.is_some();
        let id = node.replication().map(|seen| seen.id);
        if unfinished {
            self.adopt(primary, Rule::R260, Adoption::Kept);
        } else if !met && node.run_id().is_some() {
            self.adopt(primary, Rule::R230, Adoption::Met);
        } else if id.is_some_and(|id| id != record.chain.head()) {
            // Its stream got a new name without a restart: no replica for an hour, or a command.
            self.adopt(primary, Rule::R255, Adoption::Renamed);
        }
    }

    pub(super) fn replace_or_keep(&mut self, primary: NodeId) {
        self.disputed_since.get_or_insert(self.now);
        match self.rule_on_restart() {
            Ruling::Keep => self.adopt(primary, Rule::R250, Adoption::Restarted),
            Ruling::KeepUntraced => {
                self.adopt(primary, Rule::R250, Adoption::RestartedWithoutLineage);
            }
            // Without a candidate there is nothing to claim for.
            Ruling::Replace if self.verdict == Verdict::NoCandidate => {}
            Ruling::Replace => self.replace(primary, Verdict::PrimaryRestarted),
            Ruling::Wait => {
                self.ripens_at = self.others_awaited_until().filter(|&at| at > self.now);
            }
        }
    }

    /// The recorded primary says that it is a replica: we sealed it, or somebody demoted it.
    pub(super) fn replace_demoted(&mut self, primary: NodeId) {
        let since = *self.disputed_since.get_or_insert(self.now);
        let Some(following) = self.view.get(primary).and_then(Node::following) else {
            return;
        };
        if following.primary.is_tombstone() {
            self.replace(primary, Verdict::PrimaryClaimsReplica);
            return;
        }
        let outside = self.view.at_address(&following.primary).is_none();
        let settled = since + Policy::ADOPT_AFTER;
        if settled > self.now {
            self.ripens_at = Some(settled);
        } else if let Some(node) = self.successor() {
            self.adopt(node, Rule::R240, Adoption::ChangedByHand);
        } else if !outside {
            self.replace(primary, Verdict::PrimaryClaimsReplica);
        }
        // Following somebody outside is an operator's migration: left alone, and named.
    }

    /// The primary is lost and no replica may take over; perhaps the primary itself may stay.
    pub(super) fn hope(&mut self, primary: NodeId) {
        let Some(node) = self.view.get(primary).filter(|node| node.answers()) else {
            return;
        };
        if node.run_id() == self.run_id_in_office(node) {
            return self.replace_demoted(primary);
        }
        let since = *self.disputed_since.get_or_insert(self.now);
        let record = self.record();
        let accepted = record.and_then(|record| accepted_by_all(&self.view, record, &self.nodes));
        let accepted = accepted.map(|node| node.id);
        let waited = self.now >= since + Policy::COLD_START_AFTER;
        // Nobody can come any more who holds more.
        let all_are_in = waited && record.is_some_and(|record| self.all_answer(record));
        let is_ours = record.is_some_and(|record| record.includes(node, &self.view, &self.nodes));
        let holds_data = node.condition.is_some_and(|it| !it.empty);
        // A group without persistence has nothing left to lose.
        let is_empty = |node: &Node| node.condition.is_some_and(|it| it.empty);
        let nothing_is_left = || self.view.nodes().all(is_empty);
        let stays = is_ours && node.is_primary() && (holds_data || nothing_is_left());
        let ruling = self.rule_on_restart();
        if ruling == Ruling::Keep {
            self.adopt(primary, Rule::R250, Adoption::Restarted);
        } else if ruling == Ruling::KeepUntraced || (all_are_in && stays) {
            self.adopt(primary, Rule::R250, Adoption::RestartedWithoutLineage);
        } else if let Some(node) = accepted.filter(|_| waited) {
            self.adopt(node, Rule::R240, Adoption::ChangedByHand);
        } else if all_are_in && self.somebody_descends() {
            self.replace(primary, Verdict::PrimaryRestarted);
        } else {
            self.ripens_at = Some(since + Policy::COLD_START_AFTER);
        }
    }

    fn somebody_descends(&self) -> bool {
        let record = self.record();
        let mut nodes = self.view.nodes();
        record.is_some_and(|record| nodes.any(|node| record.is_ancestor_of(node)))
    }

    fn all_answer(&self, record: &Record) -> bool {
        let mut members = record.remaining(&self.nodes);
        members.all(|member| {
            let node = self.view.at_address(&member.address);
            node.is_some_and(Node::answers)
        })
    }

    /// A change made by hand that may be taken over. In strict mode none: only those who are sealed
    /// and counted can say what was acknowledged.
    pub(super) fn successor(&self) -> Option<NodeId> {
        let record = self.record().filter(|record| !record.is_strict())?;
        successor(&self.view, record, &self.nodes).map(|node| node.id)
    }
}
