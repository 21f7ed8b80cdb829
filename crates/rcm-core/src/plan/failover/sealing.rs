//! The nodes in our hands: sealed all together, counted, and let go if the primary turns out to be well.

use super::claiming::claim;
use super::{Course, Failover, Incumbent, Progress, State, Superseded, is_ours};
use crate::action::{Deed, Outcome};
use crate::event::Kind;
use crate::id::{ActionId, NodeId};
use crate::mutant::Mutant;
use crate::plan::count::{self, Count};
use crate::plan::hand::Hand;
use crate::plan::{Outbox, World, voters};
use crate::record::Phase;
use crate::rule::Rule;
use crate::time::Instant;
use crate::verdict::Verdict;
use crate::view::Node;

impl Failover {
    pub(super) fn seal_all(&mut self, rule: Rule, world: World<'_>, out: &mut Outbox) {
        let epoch = self.stored.record.epoch;
        // What a crashed primary sent is all there; what a living one sends has no end.
        let crashed = self.cause == Verdict::PrimaryCrashed;
        let quiet_since = crashed.then_some(self.evidence_at);
        let (leased, lost) = (self.leased, self.lost());
        let strict = self.stored.record.is_strict();
        self.held.clear();
        let before = core::mem::take(&mut self.hands);
        self.hands = world
            .view
            .nodes()
            .filter(|node| self.may_seal(node, world))
            .map(|node| {
                let hand = Hand::begin(node.id, epoch, leased, (lost, quiet_since), world, out);
                let hand = hand.after(before.get(&node.id));
                (node.id, if strict { hand.strictly() } else { hand })
            })
            .collect();
        self.take(rule, State::Sealing { since: world.now });
    }

    fn may_seal(&self, node: &Node, world: World<'_>) -> bool {
        is_ours(node, &self.stored.record, world) || world.lacks(Mutant::Trespass)
    }

    /// Nothing more is done to a node that turned out to be of another group before its seal was sent.
    pub(super) fn let_strangers_go(&mut self, world: World<'_>) {
        let mut hands = core::mem::take(&mut self.hands);
        hands.retain(|id, hand| {
            let node = world.view.get(*id);
            hand.may_be_sealed() || node.is_none_or(|node| self.may_seal(node, world))
        });
        self.hands = hands;
    }

    /// The choice is made, but a node that was not reached in time is sealed all the same: the lost
    /// primary above all.
    pub(super) fn is_late_hand(&self, id: ActionId) -> bool {
        let later = !matches!(self.state, State::Sealing { .. } | State::Claiming(_));
        later && self.hands.values().any(|hand| hand.awaits() == Some(id))
    }

    pub(super) fn step_late_hand(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        self.let_strangers_go(world);
        let mut hands = self.hands.values_mut();
        let Some(hand) = hands.find(|hand| hand.awaits() == Some(id)) else {
            return;
        };
        if let Err(Superseded(_)) = hand.step(outcome, world, out) {
            // A newer epoch rules this node. If it is not our own, our next write tells what stands in
            // the record, and whoever was promoted here is not left as it is.
            let node = hand.node();
            self.hands.remove(&node);
            out.order(self.stored.record.epoch, Deed::Close { node });
        }
    }

    pub(super) fn step_hand(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        self.let_strangers_go(world);
        let Some(hand) = self
            .hands
            .values_mut()
            .find(|hand| hand.awaits() == Some(id))
        else {
            return Progress::Running;
        };
        if let Err(Superseded(epoch)) = hand.step(outcome, world, out) {
            return self.superseded(Some(epoch), world, out);
        }
        let sealed = hand.report().zip(world.view.get(hand.node()));
        if let Some((report, node)) = sealed {
            let (node, offset) = (node.address.clone(), report.replication.offset);
            let after = world.now.since(self.began);
            out.tell_rule(
                world.now,
                Rule::F130,
                Kind::NodeSealed {
                    node,
                    offset,
                    after,
                },
            );
        }
        Progress::Running
    }

    /// Whether too few voters are sealed, and nobody is waited for.
    pub fn is_blocked(&self, world: World<'_>) -> bool {
        matches!(self.counted(world), Some(Count::Blocked(_)))
    }

    /// Whether nobody can be promoted, and nobody is waited for.
    pub fn is_stalled(&self, world: World<'_>) -> bool {
        matches!(
            self.counted(world),
            Some(Count::Nobody(_) | Count::Blocked(_))
        )
    }

    /// Whether a node came after the others were sealed, or is not as it was sealed any more.
    pub fn is_news(&self, node: NodeId, world: World<'_>) -> bool {
        let hand = self.hands.get(&node);
        hand.is_none_or(|hand| hand.was_changed(world))
    }

    /// Whether a seal was sent to a node and not answered, so that it may be executed later.
    pub fn may_yet_seal(&self, node: NodeId) -> bool {
        let hand = self.hands.get(&node);
        hand.is_some_and(Hand::is_outstanding)
    }

    /// Nobody could be promoted, and this node may be: the next epoch announces it, and all are sealed
    /// and ranked again.
    pub fn reconsider(&mut self, node: NodeId, world: World<'_>, out: &mut Outbox) {
        let Some(node) = world.view.get(node).map(|node| node.address.clone()) else {
            return;
        };
        let epoch = self.stored.record.epoch.next();
        let kind = Kind::FailoverReconsidered { node, epoch };
        out.tell_rule(world.now, Rule::F146, kind);
        // A seal that was sent to the primary may still be executed.
        let primary = self.hands.get(&self.incumbent);
        self.may_be_sealed |= primary.is_some_and(Hand::may_be_sealed);
        self.told_stalled = false;
        self.course = Course::Unplanned;
        let writing = claim(&self.stored, self.cause, world, out);
        self.take(Rule::F146, State::Claiming(writing));
    }

    /// What counting comes to, while nodes are sealed to be counted.
    fn counted(&self, world: World<'_>) -> Option<Count> {
        match self.state {
            State::Sealing { since } => Some(self.count(since, world)),
            State::Claiming(_)
            | State::HandingOver(_)
            | State::Resuming(_)
            | State::Intending { .. }
            | State::Promoting { .. }
            | State::Committing { .. }
            | State::Opening { .. } => None,
        }
    }

    pub(super) fn count(&self, since: Instant, world: World<'_>) -> Count {
        if self.stored.record.is_strict() {
            return voters::count(&self.hands, &self.stored.record, since, world);
        }
        let incumbent = Incumbent {
            node: self.incumbent,
            is_lost: self.is_lost,
        };
        count::count(&self.hands, &self.stored.record, incumbent, since, world)
    }

    pub(super) fn lost(&self) -> Option<NodeId> {
        self.is_lost.then_some(self.incumbent)
    }

    /// Abandoning is allowed only before anything is announced, and only when no seal to the
    /// recorded primary is outstanding: one that was sent may be executed at any later time.
    pub(super) fn may_abort(&self, world: World<'_>) -> bool {
        let Some(lost) = self.lost() else {
            return false;
        };
        let recorded = &self.stored.record.primary;
        let untouched = self
            .hands
            .get(&lost)
            .is_none_or(|hand| !hand.may_be_sealed())
            || world.lacks(Mutant::AbortAfterSeal);
        let well = world.view.get(lost).is_some_and(|node| {
            let looked = node.look.as_ref().map(|look| look.asked_at);
            looked >= Some(self.began)
                && node.is_primary()
                && recorded.run_id.is_some()
                && node.run_id() == recorded.run_id
        });
        untouched
            && well
            && !self.may_be_sealed
            && matches!(self.stored.record.phase, Phase::Claimed { .. })
    }

    pub(super) fn abort(&mut self, world: World<'_>, out: &mut Outbox) {
        let node = self.incumbent;
        self.hands.remove(&node);
        out.order(self.stored.record.epoch, Deed::Close { node });
        let primary = self.stored.record.primary.address.clone();
        out.tell_rule(world.now, Rule::F115, Kind::FailoverAborted { primary });
        self.settle(Rule::F115, world, out);
    }
}
