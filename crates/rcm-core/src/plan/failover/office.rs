//! From the announcement to the commit: the steps that put a node into office.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::claiming::claim;
use super::leaving::epoch_of;
use super::{Failover, Progress, State, is_ours};
use crate::action::{Deed, Done, Outcome, Report};
use crate::event::Kind;
use crate::id::NodeId;
use crate::lineage::{Chain, Position};
use crate::mutant::Mutant;
use crate::observation::Gates;
use crate::plan::hand::Hand;
use crate::plan::{Outbox, Stored, World, Writing, Written};
use crate::record::{Intent, Member, Phase, Primary, Record};
use crate::rule::Rule;

/// How long a promotion may stay unanswered.
pub(super) const PROMOTE_WITHIN: Duration = Duration::from_millis(500);
/// How long the opening of a new primary may stay unanswered.
const OPEN_WITHIN: Duration = Duration::from_millis(500);

impl Failover {
    pub(super) fn after_intent(
        &mut self,
        node: NodeId,
        written: Written,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        match written {
            Written::Pending => return Progress::Running,
            Written::Conflict(found) => return self.superseded(epoch_of(found), world, out),
            Written::Done(stored) => self.stored = stored,
        }
        if let Phase::Promoting { intent, .. } = &self.stored.record.phase {
            let intent = intent.clone();
            self.promote(Rule::F150, node, intent, world, out);
        }
        Progress::Running
    }

    pub(super) fn promote(
        &mut self,
        rule: Rule,
        node: NodeId,
        intent: Intent,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        if self.stored.record.is_strict() && world.lacks(Mutant::FeedsAlways) {
            let gates = Gates {
                feeds: true,
                ..Gates::SHUT
            };
            let deed = Deed::SetGates { node, gates };
            out.act(world.now, self.stored.record.epoch, PROMOTE_WITHIN, deed);
        }
        let deed = Deed::Promote { node };
        let promote = out.act(world.now, self.stored.record.epoch, PROMOTE_WITHIN, deed);
        self.take(rule, State::Promoting { intent, promote });
    }

    pub(super) fn after_promote(
        &mut self,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let State::Promoting { intent, .. } = &self.state else {
            return Progress::Running;
        };
        let intent = intent.clone();
        match outcome {
            Outcome::Done(Done::Promoted(report))
                if report.run_id == intent.run_id && report.replication.is_primary() =>
            {
                self.commit(Rule::F160, &intent, &report, world, out);
            }
            // It may have been promoted or not. The record announces it, so whoever claims next,
            // this monitor or another, looks at it first.
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                let writing = claim(&self.stored, self.cause, world, out);
                self.take(Rule::F155, State::Claiming(writing));
            }
        }
        Progress::Running
    }

    pub(super) fn commit(
        &mut self,
        rule: Rule,
        intent: &Intent,
        report: &Report,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let after = world.now.since(self.began);
        let kind = Kind::NodePromoted {
            node: intent.address.clone(),
            after,
        };
        out.tell_rule(world.now, rule, kind);
        let forked = report
            .replication
            .previous
            .filter(|(parent, _)| *parent == intent.parent);
        let fork = forked.map_or(intent.fork, |(_, fork)| fork);
        let chain = self.chain_through(intent);
        let chain = if world.lacks(Mutant::NoEdge) {
            Chain::new(report.replication.id)
        } else {
            chain.extended(report.replication.id, intent.parent, fork)
        };
        let strict = self.stored.record.is_strict();
        let record = Record {
            phase: Phase::Committed,
            primary: Primary {
                address: intent.address.clone(),
                run_id: Some(intent.run_id),
            },
            members: self.stored.record.seat(self.members(&chain, world)),
            chain,
            // In strict mode what is written down says sealed, and stays true.
            roles_persisted: strict && self.stored.record.roles_persisted,
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        let promoted = world.view.at_address(&intent.address).map(|node| node.id);
        self.take(rule, State::Committing { writing, promoted });
    }

    /// The committed chain, led to the stream of the chosen node: that may continue one that was
    /// never committed, whose edge comes first then.
    fn chain_through(&self, intent: &Intent) -> Chain {
        let committed = &self.stored.record.chain;
        if self.stored.record.is_strict() {
            return committed.reaching(intent.parent);
        }
        intent.via.map_or_else(
            || committed.clone(),
            |(parent, fork)| committed.extended(intent.parent, parent, fork),
        )
    }

    fn members(&self, chain: &Chain, world: World<'_>) -> Vec<Member> {
        let record = &self.stored.record;
        let sealed = |node: NodeId| self.hands.get(&node).and_then(Hand::report);
        let ours = world
            .view
            .nodes()
            .filter(|node| is_ours(node, record, world));
        ours.map(|node| {
            let known = record.member_at(&node.address);
            let position = sealed(node.id)
                .map(|report| Position::from(&report.replication))
                .or_else(|| node.replication().map(Position::from));
            let prefix = position.and_then(|position| chain.common_prefix(&position));
            Member {
                address: node.address.clone(),
                run_id: node
                    .run_id()
                    .or_else(|| known.and_then(|member| member.run_id)),
                offset: prefix.unwrap_or_default(),
                upstream: None,
                seat: None,
            }
        })
        .collect()
    }

    pub(super) fn after_commit(
        &mut self,
        written: Written,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        match written {
            Written::Pending => Progress::Running,
            Written::Conflict(found) => {
                self.disown(found.as_ref(), world, out);
                self.superseded(epoch_of(found), world, out)
            }
            Written::Done(stored) => match self.promoted(&stored) {
                Some(node) => {
                    self.open(node, stored, world, out);
                    Progress::Running
                }
                None => self.finish(stored, out),
            },
        }
    }

    /// The node that this plan has put into office with its gates shut.
    fn promoted(&self, stored: &Stored) -> Option<NodeId> {
        let State::Committing { promoted, .. } = self.state else {
            return None;
        };
        promoted.filter(|_| stored.record.is_strict())
    }

    /// Only a committed primary takes writes and replicas: what an uncommitted one acknowledged,
    /// nobody would look for.
    fn open(&mut self, node: NodeId, stored: Stored, world: World<'_>, out: &mut Outbox) {
        let gates = Gates::open(stored.record.ack_replicas);
        let deed = Deed::SetGates { node, gates };
        let open = out.act(world.now, stored.record.epoch, OPEN_WITHIN, deed);
        self.take(Rule::F165, State::Opening { stored, open });
    }

    /// Opened or not, the office has changed hands; a primary that is still shut is opened by a
    /// standing duty.
    pub(super) fn after_open(
        &mut self,
        outcome: &Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let State::Opening { stored, .. } = &self.state else {
            return Progress::Running;
        };
        let stored = stored.clone();
        if let Outcome::Done(_) = outcome {
            let kind = Kind::GatesOpened {
                node: stored.record.primary.address.clone(),
                ack_replicas: stored.record.ack_replicas,
            };
            out.tell_rule(world.now, Rule::F165, kind);
        }
        self.finish(stored, out)
    }

    /// The primary stays in office under the epoch that was claimed.
    pub(super) fn settle(&mut self, rule: Rule, world: World<'_>, out: &mut Outbox) {
        let record = Record {
            phase: Phase::Committed,
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        let promoted = None;
        self.take(rule, State::Committing { writing, promoted });
    }

    fn finish(&self, stored: Stored, out: &mut Outbox) -> Progress {
        // A seal that was sent and not answered stays: it is executed when the node wakes.
        let hands = self.hands.values().filter(|hand| !hand.is_outstanding());
        for node in hands.map(Hand::node).chain(self.held.iter().copied()) {
            out.order(stored.record.epoch, Deed::Close { node });
        }
        Progress::Committed(Box::new(stored))
    }
}
