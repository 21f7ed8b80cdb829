//! Standing duties: every node that answers is brought to what the record says of it.

use alloc::vec::Vec;

use super::belonging::{Follows, follows, is_recorded, may_be_changed, receives};
use super::{Engine, Plan};
use crate::action::Deed;
use crate::event::Kind;
use crate::id::{NodeId, Offset, RunId};
use crate::plan::{Duty, Need};
use crate::policy::Policy;
use crate::record::{Member, Record};
use crate::rule::Rule;
use crate::verdict::{Verdict, Warning};
use crate::view::Node;

/// What a node needs and when.
enum Judged {
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
        let epoch = self.epoch();
        for (_, node, need) in needy {
            self.meet_old_primary(node, &need);
            let (world, out) = self.split();
            let duty = Duty::begin(held, epoch, node, need, world, out);
            self.duties.insert(node, duty);
        }
        self.note_restored();
        self.note_newcomers();
        self.note_persisted();
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
        if node.id == primary.id {
            return self.judge_persistence(node);
        }
        let newer_than_node = |primary: &Node| {
            primary
                .look
                .as_ref()
                .is_some_and(|seen| seen.asked_at >= look.asked_at)
        };
        if node.is_primary() {
            return match may_be_changed(node, record) {
                None => Judged::LookCloser,
                Some(false) => Judged::Foreign,
                // The office may have changed hands between the two looks.
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
        match follows(&self.view, primary, following, &look.replication) {
            Follows::Primary => self.judge_persistence(node),
            Follows::Member if long_broken || !is_chained(node, record) => attach,
            Follows::Member => Judged::Content,
            Follows::LostMember if following.link_up => Judged::Content,
            Follows::Tombstone | Follows::LostMember => attach,
            Follows::Outsider => match may_be_changed(node, record) {
                Some(true) if self.now.since(self.stray_since(node)) >= Policy::REPAIR_AFTER => {
                    attach
                }
                Some(true) | None => Judged::Content,
                Some(false) => Judged::Foreign,
            },
        }
    }

    /// Since when a node follows somebody outside, as far as we have seen.
    fn stray_since(&self, node: &Node) -> crate::time::Instant {
        node.following_since.unwrap_or(self.now)
    }

    fn judge_persistence(&self, node: &Node) -> Judged {
        if self.policy.persist_roles && self.unpersisted.contains(&node.id) {
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
        let met = self
            .view
            .get(id)
            // One that receives a stream already has moved on from where it stood.
            .filter(|node| {
                !node
                    .replication()
                    .is_some_and(super::super::observation::Replication::link_up)
            })
            .and_then(|node| Some((node.run_id()?, node.offset()?.0)));
        if let Some((run_id, offset)) = met {
            self.settle_loss(id, run_id, offset);
        }
    }

    /// The old primary was met: what it had beyond the fork is exactly what was lost.
    pub(super) fn settle_loss(&mut self, id: NodeId, run_id: RunId, offset: Offset) {
        let Some(record) = self.record() else { return };
        let Some(loss) = &record.loss else { return };
        let same_process = loss.old_primary == Some(run_id);
        let same_address = self
            .view
            .get(id)
            .is_some_and(|node| node.address == loss.old_address);
        if !same_process && !same_address {
            return;
        }
        let exact_bytes = same_process.then(|| offset.ahead_of(loss.survived));
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
        let Some(since) = self.restoring_since else {
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
            after: self.now.since(since),
        };
        if replicas > 0 {
            self.restoring_since = None;
            self.out.tell(self.now, kind);
        }
    }

    /// Replicas that were discovered are written down: whoever starts next has to know them even
    /// when the primary that told of them is gone.
    fn note_newcomers(&mut self) {
        let (Some(record), Some(primary)) = (self.record(), self.primary_in_office()) else {
            return;
        };
        let new = |node: &&Node| {
            node.id != primary.id
                && node.answers()
                && !is_recorded(node, record)
                && receives(&self.view, primary, node)
        };
        let newcomers: Vec<Member> = self.view.nodes().filter(new).map(member).collect();
        if newcomers.is_empty() || self.plan.is_some() {
            return;
        }
        let mut record = record.clone();
        record.members.extend(newcomers);
        self.write(record, Plan::Note);
    }

    /// All who answer have written their role down: so has the record, then.
    fn note_persisted(&mut self) {
        let Some(record) = self.record().filter(|record| !record.roles_persisted) else {
            return;
        };
        let answering = self
            .view
            .nodes()
            .filter(|node| node.answers())
            .any(|node| self.unpersisted.contains(&node.id));
        let settled = self.duties.is_empty() && self.restoring_since.is_none();
        if !settled || answering || self.plan.is_some() || self.primary_in_office().is_none() {
            return;
        }
        let record = Record {
            roles_persisted: true,
            ..record.clone()
        };
        self.write(record, Plan::Note);
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
        found
    }
}

fn member(node: &Node) -> Member {
    Member {
        address: node.address.clone(),
        run_id: node.run_id(),
        offset: node.offset().map(|(offset, _)| offset).unwrap_or_default(),
        upstream: None,
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
