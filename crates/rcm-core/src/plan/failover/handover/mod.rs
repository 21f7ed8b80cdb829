//! A switchover: the primary's writes wait until its successor holds everything, then it is sealed.
//!
//! Both are alive, so nothing has to be lost. A pause can expire, so the position that counts is the
//! one in the reply to the seal: only when the sealed primary holds no more than its successor is the
//! successor sealed, too, and announced. Until it is sealed it would take everything from whatever
//! starts where the primary was. From there on it is a failover like any other.
//!
//! Before the seal the primary simply goes on. A seal that was not answered may have been executed or
//! not: the epoch is claimed again, which ends it, and the primary is looked at, for as long as nothing
//! proves that it is lost. Nobody else is sealed meanwhile, so whatever it turns out to be, it goes on
//! or hands over.

mod doubt;
mod look;
mod steps;
mod turn;

use core::time::Duration;

use self::look::{Look, behind, holds};
use self::turn::Turn;
use crate::action::{Deed, Done, Outcome, Report};
use crate::event::Setback;
use crate::id::{ActionId, NodeId};
use crate::plan::grip::{Grip, Target};
use crate::plan::{Outbox, World};
use crate::record::Record;
use crate::rule::Stage;
use crate::time::Instant;
use crate::view::Node;

/// A switchover until its successor is announced.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    primary: Target,
    successor: Target,
    began: Instant,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    /// Getting hold of both: to pause the primary, or to see what became of a seal.
    Gripping {
        primary: Grip,
        successor: Grip,
        doubted: bool,
    },
    /// Asking the primary how far it is.
    Measuring(ActionId),
    /// Before anybody has to wait the successor comes close: after a synchronisation its stream may
    /// take a second to flow.
    Approaching {
        measured: Report,
        look: Look,
    },
    Pausing {
        pause: ActionId,
        since: Instant,
    },
    CatchingUp {
        paused: Report,
        look: Look,
    },
    Sealing {
        seal: ActionId,
        held: Report,
    },
    /// The primary was not reached when it was to be looked at.
    Away {
        again: Instant,
    },
    Examining(ActionId),
    Comparing {
        sealed: Report,
        look: Look,
    },
    /// The successor holds everything, and is being sealed.
    Securing {
        sealed: Report,
        seal: ActionId,
    },
}

impl Handover {
    /// Begins by getting hold of both. `doubted`: a seal was sent to the primary and not answered.
    pub(super) fn begin(
        primary: Target,
        successor: Target,
        doubted: bool,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let step = Step::Gripping {
            primary: Grip::begin(primary, world, out),
            successor: Grip::begin(successor, world, out),
            doubted,
        };
        Self {
            primary,
            successor,
            began: world.now,
            step,
        }
    }

    /// Whom it has got hold of.
    pub(super) const fn nodes(&self) -> [NodeId; 2] {
        [self.primary.node, self.successor.node]
    }

    pub(super) const fn stage(&self) -> Stage {
        match self.step {
            Step::Gripping { doubted: false, .. }
            | Step::Measuring(_)
            | Step::Approaching { .. } => Stage::Approaching,
            Step::Pausing { .. } => Stage::Pausing,
            Step::CatchingUp { .. } => Stage::CatchingUp,
            Step::Gripping { doubted: true, .. } | Step::Away { .. } | Step::Examining(_) => {
                Stage::Examining
            }
            Step::Sealing { .. } | Step::Comparing { .. } | Step::Securing { .. } => Stage::Sealing,
        }
    }

    /// When the primary was asked to let writes wait, until it answers.
    pub(super) const fn pausing_since(&self) -> Option<Instant> {
        match self.step {
            Step::Pausing { since, .. } => Some(since),
            Step::Gripping { .. }
            | Step::Measuring(_)
            | Step::Approaching { .. }
            | Step::CatchingUp { .. }
            | Step::Sealing { .. }
            | Step::Away { .. }
            | Step::Examining(_)
            | Step::Comparing { .. }
            | Step::Securing { .. } => None,
        }
    }

    /// Whether the writes of the primary may be waiting.
    pub(super) const fn may_have_paused(&self) -> bool {
        !matches!(
            self.step,
            Step::Gripping { doubted: false, .. } | Step::Measuring(_) | Step::Approaching { .. }
        )
    }

    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        match &self.step {
            Step::Approaching { look, .. }
            | Step::CatchingUp { look, .. }
            | Step::Comparing { look, .. } => Some(look.next_deadline()),
            Step::Away { again } => Some(*again),
            Step::Gripping { .. }
            | Step::Measuring(_)
            | Step::Pausing { .. }
            | Step::Sealing { .. }
            | Step::Examining(_)
            | Step::Securing { .. } => None,
        }
    }

    /// A pause ends when it ends, whether we could hear or not; only who is compared gets more time.
    pub(super) fn postpone(&mut self, by: Duration) {
        if let Step::Approaching { look, .. } | Step::Comparing { look, .. } = &mut self.step {
            look.until = look.until + by;
        }
    }

    /// Takes the outcome of an action in.
    pub(super) fn step(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        match &mut self.step {
            Step::Gripping { .. } => self.step_grip(id, &outcome, world, out),
            Step::Measuring(measured) if *measured == id => {
                self.after_measuring(outcome, record, world, out)
            }
            Step::Approaching { measured, look } if look.awaits(id) => {
                let Outcome::Done(Done::Inspected(held)) = outcome else {
                    return Turn::GiveUp(Setback::SuccessorLost);
                };
                if !holds(&held, measured) {
                    *look = look.again(world.now);
                    return Turn::Wait;
                }
                self.pause(world, out)
            }
            Step::Pausing { pause, since } if *pause == id => {
                let since = *since;
                self.after_pause(outcome, since, record, world, out)
            }
            Step::CatchingUp { paused, look } if look.awaits(id) => {
                let Outcome::Done(Done::Inspected(held)) = outcome else {
                    return Turn::GiveUp(Setback::SuccessorLost);
                };
                if look.until <= world.now {
                    return Turn::GiveUp(behind(&held, paused));
                }
                if !holds(&held, paused) {
                    *look = look.again(world.now);
                    return Turn::Wait;
                }
                self.seal(held, record, world, out)
            }
            Step::Sealing { seal, held } if *seal == id => {
                let held = held.clone();
                self.after_seal(outcome, &held, record, world, out)
            }
            Step::Examining(examined) if *examined == id => {
                self.after_examination(outcome, record, world, out)
            }
            Step::Comparing { sealed, look } if look.awaits(id) => {
                let Outcome::Done(Done::Inspected(held)) = outcome else {
                    return Turn::FallBack(Setback::SuccessorLost);
                };
                if holds(&held, sealed) {
                    let sealed = sealed.clone();
                    return self.secure(sealed, record, world, out);
                }
                if held.replication.link_up() {
                    *look = look.again(world.now);
                    return Turn::Wait;
                }
                Turn::FallBack(behind(&held, sealed))
            }
            Step::Securing { sealed, seal } if *seal == id => {
                let sealed = sealed.clone();
                self.after_securing(outcome, sealed, world, out)
            }
            Step::Measuring(_)
            | Step::Approaching { .. }
            | Step::Pausing { .. }
            | Step::CatchingUp { .. }
            | Step::Sealing { .. }
            | Step::Away { .. }
            | Step::Examining(_)
            | Step::Comparing { .. }
            | Step::Securing { .. } => Turn::Wait,
        }
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, record: &Record, world: World<'_>, out: &mut Outbox) -> Turn {
        let now = world.now;
        match &self.step {
            Step::Gripping { doubted: false, .. }
            | Step::Measuring(_)
            | Step::Approaching { .. }
            | Step::Pausing { .. }
            | Step::CatchingUp { .. }
                if !self.primary_is_well(world) =>
            {
                Turn::GiveUp(Setback::PrimaryLost)
            }
            Step::Approaching { measured, look } if look.until <= now => {
                Turn::GiveUp(self.successor_behind(measured, world))
            }
            Step::CatchingUp { paused, look } if look.until <= now => {
                Turn::GiveUp(self.successor_behind(paused, world))
            }
            Step::Comparing { sealed, look } if look.until <= now => {
                Turn::FallBack(self.successor_behind(sealed, world))
            }
            Step::Approaching { look, .. }
            | Step::CatchingUp { look, .. }
            | Step::Comparing { look, .. }
                if look.is_due(now) =>
            {
                let until = look.until;
                let asked = self.look(until, world, out);
                if let Step::Approaching { look, .. }
                | Step::CatchingUp { look, .. }
                | Step::Comparing { look, .. } = &mut self.step
                {
                    *look = asked;
                }
                Turn::Wait
            }
            Step::Gripping { doubted: true, .. } | Step::Away { .. } | Step::Examining(_) => {
                self.tick_doubted(record, world, out)
            }
            Step::Gripping { .. }
            | Step::Measuring(_)
            | Step::Approaching { .. }
            | Step::Pausing { .. }
            | Step::CatchingUp { .. }
            | Step::Sealing { .. }
            | Step::Comparing { .. }
            | Step::Securing { .. } => Turn::Wait,
        }
    }

    fn act(&self, within: Duration, deed: Deed, world: World<'_>, out: &mut Outbox) -> ActionId {
        out.act(world.now, self.primary.epoch, within, deed)
    }

    fn primary_is_well(&self, world: World<'_>) -> bool {
        let primary = world.view.get(self.primary.node);
        primary.is_some_and(Node::is_primary)
    }
}
