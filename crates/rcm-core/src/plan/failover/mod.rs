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
mod office;
mod resume;
mod sealing;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use self::claiming::{claim, tell_start};
use self::handover::Handover;
use self::office::PROMOTE_WITHIN;
use self::resume::Resuming;
use super::claim::{Stored, Writing, Written};
use super::count::Count;
use super::grip::Superseded;
use super::hand::Hand;
use super::{Outbox, World};
use crate::action::{Deed, Outcome};
use crate::event::Kind;
use crate::id::{ActionId, Epoch, NodeId, Revision};
use crate::lease::Held;
use crate::mutant::Mutant;
use crate::record::{Intent, Phase, Record};
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
    /// Begins by claiming the next epoch. An announced promotion in the record is continued.
    pub fn begin(
        leased: Held,
        stored: Stored,
        incumbent: Incumbent,
        cause: Verdict,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let claiming = claim(&stored, cause, world, out);
        tell_start(&stored.record, cause, world, out);
        Self::claiming(leased, stored, incumbent, cause, claiming, world)
    }

    /// Begins a switchover from a primary that is well.
    pub fn begin_switchover(
        leased: Held,
        stored: Stored,
        (primary, successor): (NodeId, NodeId),
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let cause = Verdict::Healthy;
        let claiming = claim(&stored, cause, world, out);
        let address = |node| world.view.get(node).map(|node| node.address.clone());
        if let (Some(primary), Some(to)) = (address(primary), address(successor)) {
            let epoch = stored.record.epoch.next();
            let kind = Kind::SwitchoverStarted { primary, to, epoch };
            out.tell_rule(world.now, Rule::S100, kind);
        }
        let incumbent = Incumbent {
            node: primary,
            is_lost: false,
        };
        let course = Course::Planned {
            successor,
            doubted: false,
        };
        Self {
            course,
            ..Self::claiming(leased, stored, incumbent, cause, claiming, world)
        }
    }

    fn claiming(
        leased: Held,
        stored: Stored,
        incumbent: Incumbent,
        cause: Verdict,
        claiming: Writing,
        world: World<'_>,
    ) -> Self {
        let node = world.view.get(incumbent.node);
        let evidence_at = node
            .and_then(|node| node.trouble.began_at())
            .unwrap_or(world.now);
        let recorded = stored.record.primary.run_id;
        let last_seen = node.and_then(|node| {
            let seen = [node.last_seen(), node.former].into_iter().flatten();
            seen.into_iter()
                .find(|seen| recorded.is_none_or(|run_id| seen.run_id == run_id))
        });
        Self {
            may_be_sealed: !stored.record.is_committed(),
            stored,
            cause,
            leased,
            incumbent: incumbent.node,
            is_lost: incumbent.is_lost,
            course: Course::Unplanned,
            held: Vec::new(),
            evidence_at,
            began: world.now,
            last_seen,
            hands: BTreeMap::new(),
            told_stalled: false,
            state: State::Claiming(claiming),
        }
    }

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
            return self.step_late_hand(id, outcome, world, out);
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
        let is_announced = matches!(self.stored.record.phase, Phase::Promoting { .. });
        let node = announced.and_then(|intent| {
            let node = world.view.at_address(&intent.address)?;
            Some((node.id, intent))
        });
        match (node, self.course) {
            (Some((node, intent)), _) => self.look_at_announced(node, intent, world, out),
            (None, Course::Planned { successor, doubted }) if !is_announced => {
                self.hand_over(successor, doubted, world, out);
            }
            (None, Course::Planned { .. } | Course::Unplanned) => {
                self.course = Course::Unplanned;
                self.seal_all(Rule::F110, world, out);
            }
        }
        Progress::Running
    }

    /// The primary stays in office under the epoch that was claimed.
    fn settle(&mut self, rule: Rule, world: World<'_>, out: &mut Outbox) {
        let record = Record {
            phase: Phase::Committed,
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        let promoted = None;
        self.take(rule, State::Committing { writing, promoted });
    }

    /// Another monitor has written a newer record: obey it.
    pub fn give_way(&self, to: &Stored, world: World<'_>, out: &mut Outbox) {
        self.disown(Some(to), world, out);
        self.superseded(Some(to.record.epoch), world, out);
    }

    fn superseded(&self, by: Option<Epoch>, world: World<'_>, out: &mut Outbox) -> Progress {
        let epoch = by.unwrap_or_default();
        out.tell_rule(world.now, Rule::F105, Kind::Superseded { epoch });
        assert_listed((Rule::F105, self.stage(), Stage::Idle));
        self.let_go(out);
        Progress::Superseded
    }

    /// The lease is lost: what was sent may still be done, and nothing more is.
    pub fn leave(&self, world: World<'_>, out: &mut Outbox) {
        let stage = self.stage();
        out.tell_rule(world.now, Rule::F107, Kind::FailoverLeft { stage });
        assert_listed((Rule::F107, stage, Stage::Idle));
        self.let_go(out);
    }

    fn let_go(&self, out: &mut Outbox) {
        let besides = match &self.state {
            State::Resuming(resuming) => Some(resuming.node()),
            State::Committing { promoted, .. } => *promoted,
            State::Claiming(_)
            | State::HandingOver(_)
            | State::Sealing { .. }
            | State::Intending { .. }
            | State::Promoting { .. }
            | State::Opening { .. } => None,
        };
        let held = self.held.iter().copied();
        let besides = held.chain(besides.filter(|node| !self.held.contains(node)));
        let besides = besides.filter(|node| !self.hands.contains_key(node));
        for node in self.hands.keys().copied().chain(besides) {
            out.order(self.stored.record.epoch, Deed::Close { node });
        }
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
    };
    let verdict = diagnose(world.view, subject, world.policy, world.now).verdict;
    verdict.is_loss().then_some(verdict)
}

/// Whether a node belongs to the group: it was recorded, or its data descends from the group's.
fn is_ours(node: &Node, record: &Record) -> bool {
    record.includes(node) || record.is_ancestor_of(node)
}

fn epoch_of(found: Option<Stored>) -> Option<Epoch> {
    found.map(|stored| stored.record.epoch)
}
