//! A switchover: the primary's writes wait until its successor holds everything, then it is sealed.
//!
//! Both are alive, so nothing has to be lost. A pause can expire, so the position that counts is the
//! one in the reply to the seal: only when the sealed primary holds no more than its successor is the successor
//! announced. From there on it is a failover like any other.
//!
//! Before the seal the primary simply goes on. After it, or when its outcome is not known, nobody may
//! assume that it does: all are sealed and ranked, and the old primary is the best of them as long as
//! it answers.

mod catch_up;

use core::time::Duration;

use super::{Failover, Progress, State};
use crate::action::{Deed, Done, Failed, Outcome, Report};
use crate::event::{Kind, Setback};
use crate::id::{ActionId, NodeId};
use crate::plan::grip::{Grip, Superseded, Target};
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::rule::{Rule, Stage};
use crate::time::Instant;
use crate::view::Node;

/// A switchover until its successor is announced.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    primary: Target,
    successor: Target,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    Gripping { primary: Grip, successor: Grip },
    Pausing(ActionId),
    CatchingUp { paused: Report, look: Look },
    Sealing { seal: ActionId, held: Report },
    Comparing { sealed: Report, look: Look },
}

/// Looking at the successor until it holds enough, or its time is over.
#[derive(Clone, Copy, Debug)]
struct Look {
    next: Next,
    until: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Answer(ActionId),
    AskAt(Instant),
}

/// How often the successor is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(1);

impl Handover {
    pub(super) const fn stage(&self) -> Stage {
        match self.step {
            Step::Gripping { .. } | Step::Pausing(_) => Stage::Pausing,
            Step::CatchingUp { .. } => Stage::CatchingUp,
            Step::Sealing { .. } | Step::Comparing { .. } => Stage::Sealing,
        }
    }

    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        match &self.step {
            Step::CatchingUp { look, .. } | Step::Comparing { look, .. } => Some(match look.next {
                Next::AskAt(at) => at,
                Next::Answer(_) => look.until,
            }),
            Step::Gripping { .. } | Step::Pausing(_) | Step::Sealing { .. } => None,
        }
    }

    pub(super) fn postpone(&mut self, by: Duration) {
        if let Step::CatchingUp { look, .. } | Step::Comparing { look, .. } = &mut self.step {
            look.until = look.until + by;
        }
    }

    fn act(&self, within: Duration, deed: Deed, world: World<'_>, out: &mut Outbox) -> ActionId {
        out.act(world.now, self.primary.epoch, within, deed)
    }

    fn ask(&self, until: Instant, world: World<'_>, out: &mut Outbox) -> Look {
        let node = self.successor.node;
        let next =
            Next::Answer(self.act(Policy::ACTION_WITHIN, Deed::Inspect { node }, world, out));
        Look { next, until }
    }
}

impl Look {
    fn awaits(self, id: ActionId) -> bool {
        matches!(self.next, Next::Answer(answer) if answer == id)
    }

    /// What an answer is that tells of a node which holds too little: ask again.
    fn again(self, world: World<'_>) -> Self {
        let next = Next::AskAt(world.now + ASK_EVERY);
        Self { next, ..self }
    }

    fn is_due(self, world: World<'_>) -> bool {
        matches!(self.next, Next::AskAt(at) if at <= world.now)
    }
}

impl Failover {
    /// The epoch is claimed: gets hold of the primary and of its successor.
    pub(super) fn hand_over(&mut self, to: NodeId, world: World<'_>, out: &mut Outbox) {
        let Some(primary) = self.lost else { return };
        let epoch = self.stored.record.epoch;
        let primary = Target::new(world, primary, epoch, self.leased);
        let successor = Target::new(world, to, epoch, self.leased);
        self.held = alloc::vec![primary.node, successor.node];
        let step = Step::Gripping {
            primary: Grip::begin(primary, world, out),
            successor: Grip::begin(successor, world, out),
        };
        self.take(
            Rule::S110,
            State::HandingOver(Handover {
                primary,
                successor,
                step,
            }),
        );
    }

    pub(super) fn step_handover(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let State::HandingOver(handover) = &mut self.state else {
            return Progress::Running;
        };
        match &mut handover.step {
            Step::Gripping { primary, successor } => {
                let (grip, target) = if primary.awaits() == Some(id) {
                    (primary, handover.primary)
                } else if successor.awaits() == Some(id) {
                    (successor, handover.successor)
                } else {
                    return Progress::Running;
                };
                match grip.step(target, &outcome, world, out) {
                    Err(Superseded(epoch)) => return self.superseded(Some(epoch), world, out),
                    Ok(stepped) => *grip = stepped,
                }
                self.after_grip(world, out);
            }
            Step::Pausing(pause) if *pause == id => self.after_pause(outcome, world, out),
            Step::CatchingUp { look, .. } if look.awaits(id) => {
                self.after_look(outcome, world, out);
            }
            Step::Sealing { seal, .. } if *seal == id => self.after_seal(outcome, world, out),
            Step::Comparing { look, .. } if look.awaits(id) => {
                self.after_comparison(outcome, world, out);
            }
            Step::Pausing(_)
            | Step::CatchingUp { .. }
            | Step::Sealing { .. }
            | Step::Comparing { .. } => {}
        }
        Progress::Running
    }

    pub(super) fn tick_handover(&mut self, world: World<'_>, out: &mut Outbox) {
        let State::HandingOver(handover) = &self.state else {
            return;
        };
        let untouched = !matches!(handover.step, Step::Sealing { .. } | Step::Comparing { .. });
        let primary = world.view.get(handover.primary.node);
        if untouched && !primary.is_some_and(|node| node.answers() && node.is_primary()) {
            return self.give_up(Setback::PrimaryLost, world, out);
        }
        match &handover.step {
            Step::CatchingUp { look, paused } if look.until <= world.now => {
                let bytes = lacking(handover.successor.node, paused, world);
                self.give_up(Setback::Behind { bytes }, world, out);
            }
            Step::Comparing { look, sealed } if look.until <= world.now => {
                let bytes = lacking(handover.successor.node, sealed, world);
                self.fall_back(Setback::Behind { bytes }, world, out);
            }
            Step::CatchingUp { look, .. } | Step::Comparing { look, .. } if look.is_due(world) => {
                let asked = handover.ask(look.until, world, out);
                self.look_again(asked);
            }
            Step::Gripping { .. }
            | Step::Pausing(_)
            | Step::CatchingUp { .. }
            | Step::Sealing { .. }
            | Step::Comparing { .. } => {}
        }
    }

    const fn look_again(&mut self, asked: Look) {
        if let State::HandingOver(handover) = &mut self.state
            && let Step::CatchingUp { look, .. } | Step::Comparing { look, .. } = &mut handover.step
        {
            *look = asked;
        }
    }

    fn after_grip(&mut self, world: World<'_>, out: &mut Outbox) {
        let State::HandingOver(handover) = &mut self.state else {
            return;
        };
        let Step::Gripping { primary, successor } = handover.step else {
            return;
        };
        match (primary, successor) {
            (Grip::Slipped, _) => self.give_up(Setback::PrimaryLost, world, out),
            (_, Grip::Slipped) => self.give_up(Setback::SuccessorLost, world, out),
            (Grip::Firm, Grip::Firm) => {
                let deed = Deed::Pause {
                    node: handover.primary.node,
                    within: Policy::PAUSE_WITHIN,
                };
                let pause = handover.act(Policy::PAUSE_WITHIN, deed, world, out);
                handover.step = Step::Pausing(pause);
                self.evidence_at = world.now;
            }
            (Grip::Opening(_) | Grip::Confirming(_) | Grip::Fencing(_) | Grip::Firm, _) => {}
        }
    }

    fn after_pause(&mut self, outcome: Outcome, world: World<'_>, out: &mut Outbox) {
        let recorded = self.stored.record.primary.run_id;
        let paused = match outcome {
            Outcome::Done(Done::Paused(report))
                if report.replication.is_primary() && Some(report.run_id) == recorded =>
            {
                report
            }
            Outcome::Failed(Failed::Refused(text)) => {
                return self.give_up(Setback::Refused { text }, world, out);
            }
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                return self.give_up(Setback::PrimaryLost, world, out);
            }
        };
        let State::HandingOver(handover) = &self.state else {
            return;
        };
        let kind = Kind::WritesPaused {
            node: self.stored.record.primary.address.clone(),
            offset: paused.replication.offset,
        };
        out.tell_rule(world.now, Rule::S120, kind);
        let look = handover.ask(world.now + Policy::CATCH_UP_WITHIN, world, out);
        let step = Step::CatchingUp { paused, look };
        self.go_on(Rule::S120, step);
    }

    /// The primary is not sealed: its writes go on, and the epoch is settled.
    fn give_up(&mut self, why: Setback, world: World<'_>, out: &mut Outbox) {
        let State::HandingOver(handover) = &self.state else {
            return;
        };
        if !matches!(handover.step, Step::Gripping { .. }) {
            let node = handover.primary.node;
            // Whatever comes of it: a pause ends by itself.
            handover.act(Policy::ACTION_WITHIN, Deed::Resume { node }, world, out);
        }
        let primary = self.stored.record.primary.address.clone();
        let kind = Kind::SwitchoverAborted { primary, why };
        out.tell_rule(world.now, Rule::S115, kind);
        self.settle(Rule::S115, world, out);
    }

    /// The primary is sealed, or may be: whoever holds the most goes into office, itself among them.
    fn fall_back(&mut self, why: Setback, world: World<'_>, out: &mut Outbox) {
        let primary = self.stored.record.primary.address.clone();
        out.tell_rule(
            world.now,
            Rule::S126,
            Kind::SwitchoverDerailed { primary, why },
        );
        // The primary is not lost either: it is waited for like anybody who holds the most.
        (self.lost, self.successor) = (None, None);
        self.seal_all(Rule::S126, world, out);
    }

    fn go_on(&mut self, rule: Rule, step: Step) {
        if let State::HandingOver(handover) = &self.state {
            let handover = handover.clone();
            self.take(rule, State::HandingOver(Handover { step, ..handover }));
        }
    }
}

/// How many bytes a node lacked when it was looked at last.
fn lacking(node: NodeId, primary: &Report, world: World<'_>) -> u64 {
    let held = world.view.get(node).and_then(Node::offset);
    let held = held.map(|(offset, _)| offset).unwrap_or_default();
    primary.replication.offset.ahead_of(held)
}
