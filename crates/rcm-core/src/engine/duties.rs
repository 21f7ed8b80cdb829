//! Standing duties: every node that answers is brought to what the record says of it.

use crate::mutant::Mutant;
use alloc::vec::Vec;

use super::belonging::{Follows, follows, receives};
use super::{Engine, Plan};
use crate::action::Deed;
use crate::event::Kind;
use crate::id::{NodeId, RunId};
use crate::lease::Held;
use crate::lineage::Position;
use crate::observation::Replication;
use crate::plan::{Duty, Need, WriteDown};
use crate::policy::Policy;
use crate::record::{Member, Record};
use crate::rule::Rule;
use crate::verdict::{Verdict, Warning};
use crate::view::Node;

/// What a node needs and when.
pub(super) enum Judged {
    /// Nothing.
    Content,
    /// This, now.
    Needs(Need),
    /// Its data is not ours: left alone, and named.
    Foreign,
    /// Newer looks are needed first.
    LookCloser,
}

impl Engine {
    pub(super) fn do_duties(&mut self) {
        if self.observing() || !self.record().is_some_and(Record::is_committed) {
            return;
        }
        let Some(held) = self.lease.held() else {
            return;
        };
        let mut needy: Vec<(u64, NodeId, Need)> = Vec::new();
        let mut look_closer = false;
        for node in self.view.nodes() {
            let waits = self.retry_at.get(&node.id).is_some_and(|&at| at > self.now);
            if waits || self.duties.contains_key(&node.id) {
                continue;
            }
            match self.judge_node(node) {
                Judged::Needs(need) if !self.still_stands(&need) => look_closer = true,
                Judged::Needs(need) => needy.push((self.lag(node), node.id, need)),
                Judged::LookCloser => look_closer = true,
                Judged::Content | Judged::Foreign => {}
            }
        }
        if look_closer {
            self.look_closer(self.now + Policy::SUSPICION_EVERY * 5);
        }
        // The least lagging first: it is the next candidate.
        needy.sort_by_key(|(lag, node, _)| (*lag, *node));
        for (_, node, need) in needy {
            self.meet_old_primary(node, &need);
            let work = (need, self.write_down(node));
            let Some(record) = self.record().cloned() else {
                break;
            };
            let (world, out) = self.split();
            let duty = Duty::begin(held, &record, node, work, world, out);
            self.duties.insert(node, duty);
        }
        self.note_restored();
        if self.is_strict() {
            self.qualify(held);
        }
        self.note_facts(held);
    }

    fn write_down(&self, node: NodeId) -> WriteDown {
        match (self.persists_roles(), self.is_strict()) {
            (true, false) => WriteDown::Role,
            (true, true) if self.unpersisted.contains(&node) => WriteDown::Sealed,
            _ => WriteDown::Nothing,
        }
    }

    fn judge_node(&self, node: &Node) -> Judged {
        let (Some(record), Some(look)) = (self.record(), &node.look) else {
            return Judged::Content;
        };
        let stale = self
            .settled
            .get(&node.id)
            .is_some_and(|&settled| look.asked_at <= settled);
        if !node.answers() || stale || look.replication.loading {
            return Judged::Content;
        }
        let Some(primary) = self.primary_in_office() else {
            return Judged::Content;
        };
        if record.is_strict() {
            return self.judge_strictly(node, primary, record);
        }
        if node.id == primary.id {
            return self.judge_persistence(node);
        }
        if node.run_id() == primary.run_id() {
            // The same process under another address.
            return Judged::Content;
        }
        // The office may have changed hands since the node was first seen as a primary.
        let newer_than_node = |primary: &Node| {
            let looked = primary.look.as_ref().map(|seen| seen.asked_at);
            looked >= node.role_since
        };
        if node.is_primary() {
            return match self.may_be_changed(node, record) {
                None => Judged::LookCloser,
                Some(false) => Judged::Foreign,
                Some(true) if !newer_than_node(primary) => Judged::LookCloser,
                Some(true) => Judged::Needs(Need::SealAndAttach(primary.endpoint())),
            };
        }
        let Some(following) = node.following() else {
            return Judged::Content;
        };
        let attach = Judged::Needs(Need::Attach(primary.endpoint()));
        let broken_for = node.down_since.map(|since| self.now.since(since));
        let long_broken = broken_for.is_some_and(|time| time >= Policy::REPAIR_AFTER);
        let whom = follows(&self.view, primary, following, &look.replication);
        if whom == Follows::Primary {
            if self.crowded == Some(node.id) {
                // Its clients believe that they talk to the primary.
                return Judged::Needs(Need::SealAndAttach(primary.endpoint()));
            }
            return self.judge_persistence(node);
        }
        let stray_for = self.now.since(self.stray_since(node));
        let settled = stray_for >= Policy::REPAIR_AFTER;
        let left_behind = self.stepped_down.is_some_and(|former| {
            self.view.at_address(&following.primary).map(|node| node.id) == Some(former)
        });
        let wants = match whom {
            Follows::Primary => false,
            // Nobody built this chain: the primary above it stepped down.
            Follows::Member | Follows::LostMember if left_behind => true,
            Follows::Tombstone => true,
            Follows::Member => long_broken || (settled && !is_chained(node, record)),
            Follows::LostMember => !following.link_up,
            Follows::Outsider => settled,
        };
        // Whoever is attached loses what only it has.
        match self.may_be_changed(node, record) {
            Some(true) if wants => attach,
            None if wants => Judged::LookCloser,
            Some(true) | None => Judged::Content,
            Some(false) => Judged::Foreign,
        }
    }

    /// Whether what the node last said was asked after this process was late: it may have restarted
    /// meanwhile, with less than it had.
    pub(super) fn was_looked_at_since_late(&self, node: &Node) -> bool {
        self.woke_at <= node.look.as_ref().map(|look| look.asked_at)
    }

    /// Since when a node follows somebody outside, as far as we have seen.
    fn stray_since(&self, node: &Node) -> crate::time::Instant {
        node.following_since.unwrap_or(self.now)
    }

    fn persists_roles(&self) -> bool {
        self.policy.persist_roles && !self.defect.is(Mutant::RolesForgotten)
    }

    fn judge_persistence(&self, node: &Node) -> Judged {
        if self.persists_roles() && self.unpersisted.contains(&node.id) {
            return Judged::Needs(Need::Persist);
        }
        Judged::Content
    }

    fn lag(&self, node: &Node) -> u64 {
        let primary = self
            .primary_node()
            .and_then(Node::offset)
            .map(|(offset, _)| offset);
        let own = node.offset().map(|(offset, _)| offset);
        primary
            .zip(own)
            .map_or(u64::MAX, |(primary, own)| primary.ahead_of(own))
    }

    /// The old primary may have executed its seal when it woke up: it comes as a replica then, and
    /// still tells where it stood.
    fn meet_old_primary(&mut self, id: NodeId, need: &Need) {
        let Need::Attach(_) = need else { return };
        let head = self.record().map(|record| record.chain.head());
        let met = self.view.get(id).and_then(|node| {
            // One that receives a stream has moved on from where it stood, and on the new stream
            // its offset no longer tells how far it had come on the old one.
            let seen = node.replication()?;
            let moved_on = Some(seen.id) == head || seen.link_up();
            if moved_on {
                return None;
            }
            Some((node.run_id()?, seen.clone()))
        });
        if let Some((run_id, seen)) = met {
            self.settle_loss(id, run_id, &seen);
        }
    }

    /// The old primary was met: what it had beyond the fork is exactly what was lost.
    pub(super) fn settle_loss(&mut self, id: NodeId, run_id: RunId, seen: &Replication) {
        let Some(record) = self.record() else { return };
        let Some(loss) = &record.loss else { return };
        let same_process = loss.old_primary == Some(run_id);
        let same_address = self
            .view
            .get(id)
            .is_some_and(|node| node.address == loss.old_address);
        // Another monitor may have attached it already: then its offset is that of the new stream.
        let moved_on = same_process && seen.id == record.chain.head();
        if moved_on || (!same_process && !same_address) {
            return;
        }
        // What was committed with the new primary may be more than was known when it was chosen.
        let kept = record.chain.common_prefix(&Position::from(seen));
        let survived = kept.map_or(loss.survived, |kept| kept.max(loss.survived));
        let exact_bytes = same_process.then(|| seen.offset.ahead_of(survived));
        self.out
            .tell_rule(self.now, Rule::R270, Kind::LossFinal { exact_bytes });
        if let Some(stored) = &mut self.store.stored {
            // Written down with the next note; a monitor that starts before that tells it again.
            stored.record.loss = None;
        }
    }

    pub(super) fn abandon_duties(&mut self) {
        let epoch = self.epoch();
        for node in core::mem::take(&mut self.duties).into_keys() {
            self.out.order(epoch, Deed::Close { node });
            // Its last command may have been executed or not: only a newer look tells.
            self.settled.insert(node, self.now);
        }
        self.retry_at.clear();
    }

    fn note_restored(&mut self) {
        let Some(since) = self.restoring else {
            return;
        };
        let Some(primary) = self.primary_in_office() else {
            return;
        };
        let mut replicas = 0;
        for node in self
            .view
            .nodes()
            .filter(|node| node.id != primary.id && node.answers())
        {
            if matches!(self.judge_node(node), Judged::Foreign) {
                continue;
            }
            if !receives(&self.view, primary, node) {
                return;
            }
            replicas += 1;
        }
        let kind = Kind::GroupRestored {
            primary: primary.address.clone(),
            replicas,
            planned: since.planned,
            after: self.now.since(since.at),
        };
        let is_stranger = |node: &Node| matches!(self.judge_node(node), Judged::Foreign);
        let mut others = self.view.nodes().filter(|node| node.id != primary.id);
        let is_alone = others.all(is_stranger);
        if replicas > 0 {
            self.out.tell(self.now, kind);
        }
        // Where everybody else was forgotten there is nothing to restore.
        if replicas > 0 || is_alone {
            self.restoring = None;
        }
    }

    /// Facts that change nobody's role are written down once the group is at rest: who belongs to
    /// it, and that all who answer have written their roles down.
    fn note_facts(&mut self, held: Held) {
        let at_rest = self.duties.is_empty() && self.plan.is_none();
        let (Some(record), Some(primary)) = (self.record(), self.primary_in_office()) else {
            return;
        };
        if !at_rest || self.restoring.is_some() || self.now < self.note_after {
            return;
        }
        // What a chain of the operator's says in its file is the operator's too, and what somebody
        // else's server says is nobody's business.
        let owing = |node: &Node| {
            node.answers()
                && self.unpersisted.contains(&node.id)
                && !is_chained(node, record)
                && !matches!(self.judge_node(node), Judged::Foreign)
        };
        let refused = |node: &Node| self.not_persistent.contains(&node.id);
        let written = (self.policy.persist_roles || record.is_strict())
            && !self
                .view
                .nodes()
                .any(|node| owing(node) || (refused(node) && !record.is_strict()));
        let roles_persisted = record.roles_persisted || written;
        let mut members = record.members.clone();
        for node in self
            .view
            .nodes()
            .filter(|node| receives(&self.view, primary, node))
        {
            note_member(&mut members, node);
        }
        let noted = Record {
            members,
            roles_persisted,
            ..record.clone()
        };
        let members = noted.remaining(&self.nodes).cloned().collect();
        let noted = Record { members, ..noted };
        if noted != *record {
            self.write(held, noted, Plan::Note);
        }
    }

    /// Warnings that need the record to be seen.
    pub(super) fn warnings_by_record(&self) -> Vec<Warning> {
        let mut found = Vec::new();
        for node in self.view.nodes().filter(|node| node.answers()) {
            let mut warn = |verdict| {
                found.push(Warning {
                    verdict,
                    node: node.id,
                });
            };
            if self.not_persistent.contains(&node.id) {
                warn(Verdict::RoleNotPersistent);
            }
            let lonely = self.record().is_none() && self.verdict == Verdict::RivalPrimary;
            if lonely && node.is_primary() {
                warn(Verdict::RivalPrimary);
            }
            if matches!(self.judge_node(node), Judged::Foreign) {
                warn(Verdict::ForeignLineage);
            }
        }
        found.extend(self.missing_votes());
        found
    }
}

/// Whether the node was found in a chain that the operator built, and is still in it.
fn is_chained(node: &Node, record: &Record) -> bool {
    let upstream = record
        .member_at(&node.address)
        .and_then(|member| member.upstream.as_ref());
    node.following()
        .is_some_and(|following| Some(&following.primary) == upstream)
}

/// A node that receives the stream belongs to the group, as the process that it is now.
fn note_member(members: &mut Vec<Member>, node: &Node) {
    let known = members
        .iter_mut()
        .find(|member| member.address == node.address);
    if known
        .as_ref()
        .is_some_and(|member| member.run_id == node.run_id())
    {
        return;
    }
    let offset = node.offset().map(|(offset, _)| offset).unwrap_or_default();
    match known {
        Some(member) => (member.run_id, member.offset) = (node.run_id(), offset),
        None => members.push(Member {
            address: node.address.clone(),
            run_id: node.run_id(),
            offset,
            upstream: None,
            seat: None,
        }),
    }
}
