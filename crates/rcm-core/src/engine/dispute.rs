//! A primary that answers: it stays in office, somebody else was put there by hand, or it has to be
//! replaced.

use core::time::Duration;

use super::Engine;
use super::adopt::{accepted_by_all, successor};
use super::restart::Ruling;
use crate::event::Adoption;
use crate::id::{NodeId, RunId};
use crate::policy::Policy;
use crate::record::{Phase, Record};
use crate::rule::Rule;
use crate::time::Instant;
use crate::verdict::{Response, Verdict};
use crate::view::Node;

/// Whether a primary that answers is the one that is in office.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dispute {
    /// Which process answers.
    process: Option<RunId>,
    /// Since when.
    pub(super) since: Instant,
}

/// A restarted primary that is silent for no longer than this merely stutters.
const STUTTER: Duration = Duration::from_millis(500);

impl Engine {
    /// The primary is well. A claim that nobody carried out, or a first meeting, is written down.
    pub(super) fn settle_office(&mut self, primary: NodeId) {
        self.dispute = None;
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
        self.disputed_since(primary);
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
        let since = self.disputed_since(primary);
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
        } else if let Some(node) = self.record().and_then(|it| self.successor(it)) {
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
        let since = self.disputed_since(primary);
        let (Some(node), record) = (self.view.get(primary), self.record()) else {
            return;
        };
        let accepted = record.and_then(|record| accepted_by_all(&self.view, record, &self.nodes));
        let accepted = accepted.map(|node| node.id);
        let waited = self.now >= since + Policy::COLD_START_AFTER;
        // Nobody can come any more who holds more.
        let all_are_in = waited && record.is_some_and(|it| self.others_have_said(primary, it));
        let is_ours = record.is_some_and(|record| record.includes(node, &self.view, &self.nodes));
        let holds_data = node.condition.is_some_and(|it| !it.empty);
        let keeps_data = is_ours && node.is_primary() && holds_data;
        let ruling = self.rule_on_restart();
        if ruling == Ruling::Keep {
            self.adopt(primary, Rule::R250, Adoption::Restarted);
        } else if ruling == Ruling::KeepUntraced || (all_are_in && keeps_data) {
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

    /// Whether every other member has said what it holds.
    fn others_have_said(&self, primary: NodeId, record: &Record) -> bool {
        let mut members = record.remaining(&self.nodes);
        members.all(|member| {
            let node = self.view.at_address(&member.address);
            let has_said = |node: &Node| node.id == primary || (node.answers() && !node.starts());
            node.is_some_and(has_said)
        })
    }

    /// Whether a restarted primary is silent for a moment only, while others are heard: those who are
    /// waited for had their time all the same.
    pub(super) fn merely_stutters(&self, primary: NodeId, verdict: Verdict) -> bool {
        let Some(node) = self.view.get(primary) else {
            return false;
        };
        let restarted = node.run_id() != self.run_id_in_office(node);
        let began_at = node.trouble.began_at();
        let is_short = began_at.is_none_or(|at| at + STUTTER > self.now);
        let others_are_heard = self.view.nodes().any(Node::answers);
        restarted && is_short && others_are_heard && verdict.calls_for() != Response::FailOver
    }

    /// Since when it is disputed that this process of the primary is in office.
    fn disputed_since(&mut self, primary: NodeId) -> Instant {
        let process = self.view.get(primary).and_then(Node::run_id);
        let since = self.now;
        let known = self.dispute.filter(|dispute| dispute.process == process);
        self.dispute
            .insert(known.unwrap_or(Dispute { process, since }))
            .since
    }

    /// A change made by hand that may be taken over. In strict mode none: only those who are sealed
    /// and counted can say what was acknowledged.
    pub(super) fn successor(&self, record: &Record) -> Option<NodeId> {
        if record.is_strict() {
            return None;
        }
        let node = successor(&self.view, record, &self.nodes)?;
        match &record.phase {
            // Who was announced may have been promoted and have taken writes: it is looked at first.
            Phase::Promoting { intent, .. } if intent.address != node.address => None,
            Phase::Promoting { .. } | Phase::Claimed { .. } | Phase::Committed => Some(node.id),
        }
    }
}
