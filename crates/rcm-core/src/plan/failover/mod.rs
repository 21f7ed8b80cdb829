//! The failover: claim, hold and fence, drain, seal, count, rank, intend, promote, commit.
//!
//! Decided here is the order of the steps and what each outcome leads to. Whom to promote is
//! decided in [`candidate`](crate::candidate), when to begin in [`verdict`](crate::verdict).
//!
//! Always holds: a node is touched only after the record announced it, and nobody is promoted
//! before the promotion is announced by node, process and position.

mod choose;
mod office;
mod resume;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use self::office::PROMOTE_WITHIN;
use self::resume::Resuming;
use super::claim::{Stored, Writing, Written};
use super::count::{self, Count};
use super::grip::Superseded;
use super::hand::Hand;
use super::{Outbox, World, voters};
use crate::action::{Deed, Outcome};
use crate::event::Kind;
use crate::id::{ActionId, Address, Epoch, NodeId};
use crate::lease::Held;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::record::{Intent, Member, Phase, Record};
use crate::rule::{Rule, Stage, TRANSITIONS};
use crate::time::Instant;
use crate::verdict::Verdict;
use crate::view::{Former, Node};

/// A failover on its way.
#[derive(Clone, Debug)]
pub struct Failover {
    /// The record as it is stored now.
    stored: Stored,
    cause: Verdict,
    leased: Held,
    lost: Option<NodeId>,
    /// When the evidence against the old primary appeared.
    evidence_at: Instant,
    began: Instant,
    /// The old primary when it was last looked at.
    last_seen: Option<Former>,
    hands: BTreeMap<NodeId, Hand>,
    /// Nodes on which a promotion of ours may be executed late: it is fenced like a stranger's.
    overdue: BTreeSet<NodeId>,
    told_stalled: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Claiming(Writing),
    Resuming(Resuming),
    Sealing { since: Instant },
    Intending { writing: Writing, node: NodeId },
    Promoting { intent: Intent, promote: ActionId },
    Committing(Writing),
    Opening { stored: Stored, open: ActionId },
}

/// How a failover stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Running,
    /// This record is committed.
    Committed(Box<Stored>),
    /// The record is newer than the plan; it has to be read again.
    Superseded,
}

impl Failover {
    /// Begins by claiming the next epoch. An announced promotion in the record is continued.
    pub fn begin(
        leased: Held,
        stored: Stored,
        lost: Option<NodeId>,
        cause: Verdict,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let node = lost.and_then(|lost| world.view.get(lost));
        let evidence_at = node
            .and_then(|node| node.trouble.began_at())
            .unwrap_or(world.now);
        let recorded = stored.record.primary.run_id;
        let last_seen = node.and_then(|node| {
            let seen = [node.last_seen(), node.former].into_iter().flatten();
            seen.into_iter()
                .find(|seen| recorded.is_none_or(|run_id| seen.run_id == run_id))
        });
        let state = State::Claiming(claim(&stored, cause, world, out));
        let began = world.now;
        let hands = BTreeMap::new();
        let (overdue, told_stalled) = (BTreeSet::new(), false);
        tell_start(&stored.record, cause, world, out);
        Self {
            stored,
            cause,
            leased,
            lost,
            evidence_at,
            began,
            last_seen,
            hands,
            overdue,
            told_stalled,
            state,
        }
    }

    /// When the evidence against the old primary appeared.
    pub const fn evidence_at(&self) -> Instant {
        self.evidence_at
    }

    /// Where the plan stands.
    pub const fn stage(&self) -> Stage {
        match self.state {
            State::Claiming(_) => Stage::Claiming,
            State::Resuming(_) => Stage::Resuming,
            State::Sealing { .. } => Stage::Sealing,
            State::Intending { .. } => Stage::Intending,
            State::Promoting { .. } => Stage::Promoting,
            State::Committing(_) => Stage::Committing,
            State::Opening { .. } => Stage::Opening,
        }
    }

    /// When the plan wants to be woken although nothing happens.
    pub fn next_deadline(&self, world: World<'_>) -> Option<Instant> {
        match &self.state {
            State::Claiming(writing)
            | State::Committing(writing)
            | State::Intending { writing, .. } => writing.next_deadline(),
            State::Resuming(resuming) => Some(resuming.until),
            State::Promoting { .. } | State::Opening { .. } => None,
            State::Sealing { since } => {
                let hands = self.hands.values().filter_map(Hand::next_deadline).min();
                match self.count(*since, world) {
                    Count::Waiting(until) => Some(hands.map_or(until, |at| at.min(until))),
                    Count::Nobody(_)
                    | Count::Ready(..)
                    | Count::ColdStart(_)
                    | Count::Blocked(_) => hands,
                }
            }
        }
    }

    /// Takes the outcome of an action in. Outcomes that nobody here waits for change nothing.
    pub fn step(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        if self.is_late_hand(id) {
            return self.step_late_hand(id, outcome, world, out);
        }
        let progress = match &mut self.state {
            State::Claiming(writing) => {
                let written = writing.step(id, outcome, world, out);
                self.after_claim(written, world, out)
            }
            State::Resuming(_) => self.resume(id, outcome, world, out),
            State::Sealing { .. } => self.step_hand(id, outcome, world, out),
            State::Intending { writing, node } => {
                let node = *node;
                let written = writing.step(id, outcome, world, out);
                self.after_intent(node, written, world, out)
            }
            State::Promoting { promote, .. } if *promote == id => {
                self.after_promote(outcome, world, out)
            }
            State::Committing(writing) => {
                let written = writing.step(id, outcome, world, out);
                self.after_commit(written, world, out)
            }
            State::Opening { open, .. } if *open == id => self.after_open(&outcome, world, out),
            State::Promoting { .. } | State::Opening { .. } => Progress::Running,
        };
        match progress {
            Progress::Running => self.tick(world, out),
            Progress::Committed(_) | Progress::Superseded => progress,
        }
    }

    /// Nobody could be heard for this long: whoever is waited for is given so much more time.
    pub fn postpone(&mut self, by: Duration) {
        self.hands.values_mut().for_each(|hand| hand.postpone(by));
        match &mut self.state {
            State::Sealing { since } => *since = *since + by,
            State::Resuming(resuming) => resuming.postpone(by),
            State::Claiming(_)
            | State::Intending { .. }
            | State::Promoting { .. }
            | State::Committing(_)
            | State::Opening { .. } => {}
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, world: World<'_>, out: &mut Outbox) -> Progress {
        match &mut self.state {
            State::Claiming(writing)
            | State::Committing(writing)
            | State::Intending { writing, .. } => writing.tick(world, out),
            State::Promoting { .. } | State::Opening { .. } => {}
            State::Resuming(resuming) => {
                if resuming.until <= world.now {
                    self.seal_all(Rule::F126, world, out);
                }
            }
            State::Sealing { since } => {
                let since = *since;
                self.hands
                    .values_mut()
                    .for_each(|hand| hand.tick(world, out));
                if self.may_abort(world) {
                    self.abort(world, out);
                } else {
                    self.choose(since, world, out);
                }
            }
        }
        Progress::Running
    }

    fn after_claim(&mut self, written: Written, world: World<'_>, out: &mut Outbox) -> Progress {
        match written {
            Written::Pending => return Progress::Running,
            Written::Conflict(found) => return self.superseded(epoch_of(found), world, out),
            Written::Done(stored) => self.stored = stored,
        }
        let announced = match &self.stored.record.phase {
            Phase::Promoting { .. } if world.lacks(Mutant::ForgetIntent) => None,
            // A node that was promoted and not committed has acknowledged nothing in strict mode, and
            // those who were sealed for it may be sealed no more: all are sealed and ranked again.
            Phase::Promoting { .. } if self.stored.record.is_strict() => None,
            Phase::Promoting { intent, .. } => Some(intent.clone()),
            Phase::Claimed { .. } | Phase::Committed => None,
        };
        let node = announced.and_then(|intent| {
            let node = world.view.at_address(&intent.address)?;
            Some((node.id, intent))
        });
        match node {
            Some((node, intent)) => self.look_at_announced(node, intent, world, out),
            None => self.seal_all(Rule::F110, world, out),
        }
        Progress::Running
    }

    fn seal_all(&mut self, rule: Rule, world: World<'_>, out: &mut Outbox) {
        let epoch = self.stored.record.epoch;
        // What a crashed primary sent is all there; what a living one sends has no end.
        let drain = self.cause == Verdict::PrimaryCrashed;
        let (leased, lost) = (self.leased, self.lost);
        self.hands = world
            .view
            .nodes()
            .filter(|node| is_ours(node, &self.stored.record))
            .map(|node| {
                let mut hand = Hand::begin(node.id, epoch, leased, (lost, drain), world, out);
                if self.overdue.contains(&node.id) {
                    hand = hand.fenced();
                }
                if self.stored.record.is_strict() {
                    hand = hand.strictly();
                }
                (node.id, hand)
            })
            .collect();
        self.take(rule, State::Sealing { since: world.now });
    }

    /// The choice is made, but a node that was not reached in time is sealed all the same: the lost
    /// primary above all.
    fn is_late_hand(&self, id: ActionId) -> bool {
        let later = !matches!(self.state, State::Sealing { .. } | State::Claiming(_));
        later && self.hands.values().any(|hand| hand.awaits() == Some(id))
    }

    fn step_late_hand(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let mut hands = self.hands.values_mut();
        let stepped = hands.find(|hand| hand.awaits() == Some(id));
        match stepped.map(|hand| hand.step(outcome, world, out)) {
            Some(Err(Superseded(epoch))) => self.superseded(Some(epoch), world, out),
            Some(Ok(())) | None => Progress::Running,
        }
    }

    fn step_hand(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
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
        match self.state {
            State::Sealing { since } => matches!(self.count(since, world), Count::Blocked(_)),
            State::Claiming(_)
            | State::Resuming(_)
            | State::Intending { .. }
            | State::Promoting { .. }
            | State::Committing(_)
            | State::Opening { .. } => false,
        }
    }

    fn count(&self, since: Instant, world: World<'_>) -> Count {
        if self.stored.record.is_strict() {
            return voters::count(&self.hands, &self.stored.record, since, world);
        }
        count::count(&self.hands, &self.stored.record, self.lost, since, world)
    }

    /// Abandoning is allowed only before anything is announced, and only when no seal to the
    /// recorded primary is outstanding: one that was sent may be executed at any later time.
    fn may_abort(&self, world: World<'_>) -> bool {
        let Some(lost) = self.lost else { return false };
        let recorded = &self.stored.record.primary;
        let untouched = self
            .hands
            .get(&lost)
            .is_none_or(|hand| !hand.may_be_sealed())
            || world.lacks(Mutant::AbortAfterSeal);
        let well = world.view.get(lost).is_some_and(|node| {
            node.is_primary() && recorded.run_id.is_some() && node.run_id() == recorded.run_id
        });
        untouched && well && matches!(self.stored.record.phase, Phase::Claimed { .. })
    }

    fn abort(&mut self, world: World<'_>, out: &mut Outbox) {
        if let Some(lost) = self.lost {
            self.hands.remove(&lost);
            out.order(self.stored.record.epoch, Deed::Close { node: lost });
        }
        let primary = self.stored.record.primary.address.clone();
        out.tell_rule(world.now, Rule::F115, Kind::FailoverAborted { primary });
        let record = Record {
            phase: Phase::Committed,
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        self.take(Rule::F115, State::Committing(writing));
    }

    fn superseded(&self, by: Option<Epoch>, world: World<'_>, out: &mut Outbox) -> Progress {
        let epoch = by.unwrap_or_default();
        out.tell_rule(world.now, Rule::F105, Kind::Superseded { epoch });
        for node in self.hands.keys() {
            out.order(self.stored.record.epoch, Deed::Close { node: *node });
        }
        Progress::Superseded
    }

    fn take(&mut self, rule: Rule, state: State) {
        let from = self.stage();
        self.state = state;
        let edge = (rule, from, self.stage());
        assert!(
            TRANSITIONS.contains(&edge),
            "a failover took an edge that is not listed: {edge:?}"
        );
    }
}

/// Claims the next epoch; an announced promotion stays announced.
fn claim(stored: &Stored, cause: Verdict, world: World<'_>, out: &mut Outbox) -> Writing {
    let by = world.me.clone();
    let phase = match &stored.record.phase {
        Phase::Promoting { intent, .. } => Phase::Promoting {
            by,
            intent: intent.clone(),
        },
        Phase::Claimed { .. } | Phase::Committed => Phase::Claimed { by, cause },
    };
    let mut record = stored.record.next(phase);
    record.members.extend(newcomers(&stored.record, world));
    if world.lacks(Mutant::SameEpoch) {
        record.epoch = stored.record.epoch;
    }
    Writing::begin(record, stored.revision, world, out)
}

/// Nodes that were met since the last commit. They are going to be sealed, so whoever continues has
/// to know of them.
fn newcomers(record: &Record, world: World<'_>) -> impl Iterator<Item = Member> {
    let unknown = |node: &&Node| {
        let known = record.member_at(&node.address).is_some()
            || node.run_id().is_some_and(|run_id| record.knows(run_id));
        !known && is_ours(node, record)
    };
    world.view.nodes().filter(unknown).map(|node| Member {
        address: node.address.clone(),
        run_id: node.run_id(),
        offset: node
            .replication()
            .and_then(|seen| record.chain.common_prefix(&Position::from(seen)))
            .unwrap_or_default(),
        upstream: None,
        seat: None,
    })
}

fn tell_start(record: &Record, cause: Verdict, world: World<'_>, out: &mut Outbox) {
    let primary: Address = record.primary.address.clone();
    let epoch = record.epoch.next();
    let kind = Kind::FailoverStarted {
        primary,
        cause,
        epoch,
    };
    out.tell_rule(world.now, Rule::F100, kind);
}

fn epoch_of(found: Option<Stored>) -> Option<Epoch> {
    found.map(|stored| stored.record.epoch)
}

/// Whether a node belongs to the group: it was recorded, or its data descends from the group's.
fn is_ours(node: &Node, record: &Record) -> bool {
    record.includes(node) || record.is_ancestor_of(node)
}
