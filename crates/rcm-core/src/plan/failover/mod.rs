//! The failover: claim, hold and fence, drain, seal, count, rank, intend, promote, commit. A
//! switchover claims, pauses, waits, seals, compares, and goes on from there.
//!
//! Decided here is the order of the steps and what each outcome leads to. Whom to promote is
//! decided in [`candidate`](crate::candidate), when to begin in [`verdict`](crate::verdict).
//!
//! Always holds: a node is touched only after the record announced it, and nobody is promoted
//! before the promotion is announced by node, process and position.

mod choose;
mod claiming;
mod handover;
mod leaving;
mod office;
mod resume;
mod sealing;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use self::handover::Handover;
use self::office::PROMOTE_WITHIN;
use self::resume::Resuming;
use super::claim::{Stored, Writing};
use super::count::Count;
use super::grip::Superseded;
use super::hand::Hand;
use super::{Outbox, World};
use crate::action::Outcome;
use crate::id::{ActionId, NodeId, Revision};
use crate::lease::Held;
use crate::record::{Intent, Record};
use crate::rule::{Edge, Rule, Stage, TRANSITIONS};
use crate::time::Instant;
use crate::verdict::{Subject, Verdict, diagnose};
use crate::view::{Former, Node};

/// A failover, or a switchover, on its way.
#[derive(Clone, Debug)]
pub struct Failover {
    /// The record as it is stored now.
    stored: Stored,
    cause: Verdict,
    leased: Held,
    /// Before the nodes were taken in hand a seal may have been sent to the primary, by us or by
    /// whoever left an unfinished plan behind.
    may_be_sealed: bool,
    /// The primary that is to be replaced.
    incumbent: NodeId,
    /// It is lost: nobody waits for it. One that is sealed, or may be, is not.
    is_lost: bool,
    course: Course,
    /// Nodes that a switchover has got hold of.
    held: Vec<NodeId>,
    /// When the evidence against the old primary appeared, or its writes began to wait.
    evidence_at: Instant,
    began: Instant,
    /// The old primary when it was last looked at.
    last_seen: Option<Former>,
    hands: BTreeMap<NodeId, Hand>,
    told_stalled: bool,
    state: State,
}

/// Whether the primary hands over.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// It does not.
    Unplanned,
    /// To this node.
    Planned {
        successor: NodeId,
        /// A seal was sent to the primary and not answered.
        doubted: bool,
    },
}

/// The primary that a failover replaces.
#[derive(Clone, Copy, Debug)]
pub struct Incumbent {
    /// The node.
    pub node: NodeId,
    /// It is lost, or somebody wants it to be taken for that: nobody waits for it. One that is only
    /// out of office may still hold the most.
    pub is_lost: bool,
}

#[derive(Clone, Debug)]
enum State {
    Claiming(Writing),
    HandingOver(Handover),
    Resuming(Resuming),
    Sealing {
        since: Instant,
    },
    Intending {
        writing: Writing,
        node: NodeId,
    },
    Promoting {
        intent: Intent,
        promote: ActionId,
    },
    Committing {
        writing: Writing,
        /// The node that goes into office, when it was promoted for that.
        promoted: Option<NodeId>,
    },
    Opening {
        stored: Stored,
        open: ActionId,
    },
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
    /// Whether it is a switchover that has gone as planned.
    pub const fn is_planned(&self) -> bool {
        matches!(self.course, Course::Planned { .. })
    }

    /// The record as the plan has written it last.
    pub const fn record(&self) -> &Record {
        &self.stored.record
    }

    /// When the evidence against the old primary appeared, or its writes began to wait.
    pub const fn evidence_at(&self) -> Instant {
        self.evidence_at
    }

    /// Where the plan stands.
    pub const fn stage(&self) -> Stage {
        match &self.state {
            State::Claiming(_) => Stage::Claiming,
            State::HandingOver(handover) => handover.stage(),
            State::Resuming(_) => Stage::Resuming,
            State::Sealing { .. } => Stage::Sealing,
            State::Intending { .. } => Stage::Intending,
            State::Promoting { .. } => Stage::Promoting,
            State::Committing { .. } => Stage::Committing,
            State::Opening { .. } => Stage::Opening,
        }
    }

    /// The revision of the record as the plan knows it; `None` while it is writing itself.
    pub const fn known_revision(&self) -> Option<Revision> {
        match &self.state {
            State::Claiming(_) | State::Intending { .. } | State::Committing { .. } => None,
            State::HandingOver(_)
            | State::Resuming(_)
            | State::Sealing { .. }
            | State::Promoting { .. } => Some(self.stored.revision),
            State::Opening { stored, .. } => Some(stored.revision),
        }
    }

    /// When the plan wants to be woken although nothing happens.
    pub fn next_deadline(&self, world: World<'_>) -> Option<Instant> {
        match &self.state {
            State::Claiming(writing)
            | State::Committing { writing, .. }
            | State::Intending { writing, .. } => writing.next_deadline(),
            State::HandingOver(handover) => handover.next_deadline(),
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
            self.step_late_hand(id, outcome, world, out);
            return Progress::Running;
        }
        let progress = match &mut self.state {
            State::Claiming(writing) => {
                let written = writing.step(id, outcome, world, out);
                self.after_claim(written, world, out)
            }
            State::HandingOver(_) => self.step_handover(id, outcome, world, out),
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
            State::Committing { writing, .. } => {
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
            State::HandingOver(handover) => handover.postpone(by),
            State::Resuming(resuming) => resuming.postpone(by),
            State::Claiming(_)
            | State::Intending { .. }
            | State::Promoting { .. }
            | State::Committing { .. }
            | State::Opening { .. } => {}
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, world: World<'_>, out: &mut Outbox) -> Progress {
        match &mut self.state {
            State::Claiming(writing)
            | State::Committing { writing, .. }
            | State::Intending { writing, .. } => writing.tick(world, out),
            State::Promoting { .. } | State::Opening { .. } => {}
            State::HandingOver(_) => return self.tick_handover(world, out),
            State::Resuming(resuming) => {
                if resuming.until <= world.now {
                    self.give_announced_up(world, out);
                }
            }
            State::Sealing { since } => {
                let since = *since;
                self.is_lost |=
                    diagnosed_lost(self.incumbent, &self.stored.record, world).is_some();
                self.let_strangers_go(world);
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

    fn take(&mut self, rule: Rule, state: State) {
        let from = self.stage();
        self.state = state;
        assert_listed((rule, from, self.stage()));
    }
}

fn assert_listed(edge: Edge) {
    assert!(
        TRANSITIONS.contains(&edge),
        "a failover took an edge that is not listed: {edge:?}"
    );
}

/// The verdict on a primary, if it is one of loss.
fn diagnosed_lost(primary: NodeId, record: &Record, world: World<'_>) -> Option<Verdict> {
    let subject = Subject {
        primary,
        run_id: record.primary.run_id,
        is_doubted: false,
    };
    let verdict = diagnose(world.view, subject, world.policy, world.now).verdict;
    verdict.is_loss().then_some(verdict)
}

/// Whether a node belongs to the group: it was recorded, or its data descends from the group's.
fn is_ours(node: &Node, record: &Record, world: World<'_>) -> bool {
    record.includes(node, world.view, world.nodes) || record.is_ancestor_of(node)
}
