//! What each answer leads to.

use alloc::string::String;

use super::doubt::REACH_AGAIN;
use super::look::{behind, holds};
use super::turn::Turn;
use super::{Handover, Step};
use crate::action::{Deed, Done, Failed, Outcome, Report};
use crate::event::{Kind, Setback};
use crate::id::{ActionId, Address};
use crate::mutant::Mutant;
use crate::plan::grip::Grip;
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::record::Record;
use crate::rule::Rule;
use crate::time::Instant;

impl Handover {
    pub(super) fn step_grip(
        &mut self,
        id: ActionId,
        outcome: &Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        let Step::Gripping {
            primary, successor, ..
        } = &mut self.step
        else {
            return Turn::Wait;
        };
        let (grip, target) = if primary.awaits() == Some(id) {
            (primary, self.primary)
        } else if successor.awaits() == Some(id) {
            (successor, self.successor)
        } else {
            return Turn::Wait;
        };
        match grip.step(target, outcome, world, out) {
            Err(superseded) => Turn::Superseded(superseded),
            Ok(stepped) => {
                *grip = stepped;
                self.after_grip(world, out)
            }
        }
    }

    fn after_grip(&mut self, world: World<'_>, out: &mut Outbox) -> Turn {
        let Step::Gripping {
            primary,
            successor,
            doubted,
        } = self.step
        else {
            return Turn::Wait;
        };
        let node = self.primary.node;
        match (doubted, primary, successor) {
            (false, Grip::Slipped, _) => Turn::GiveUp(Setback::PrimaryLost),
            (false, _, Grip::Slipped) => Turn::GiveUp(Setback::SuccessorLost),
            (false, Grip::Firm, Grip::Firm) => {
                let within = Policy::ACTION_WITHIN;
                let measured = self.act(within, Deed::Inspect { node }, world, out);
                self.step = Step::Measuring(measured);
                Turn::Wait
            }
            (true, Grip::Slipped, _) => {
                let again = world.now + REACH_AGAIN;
                self.step = Step::Away { again };
                Turn::Wait
            }
            // A successor that slipped will not answer when it is asked.
            (true, Grip::Firm, Grip::Firm | Grip::Slipped) => {
                let within = Policy::ACTION_WITHIN;
                let examined = self.act(within, Deed::Inspect { node }, world, out);
                self.step = Step::Examining(examined);
                Turn::Wait
            }
            (_, Grip::Opening(_) | Grip::Confirming(_) | Grip::Fencing(_) | Grip::Firm, _) => {
                Turn::Wait
            }
        }
    }

    pub(super) fn after_measuring(
        &mut self,
        outcome: Outcome,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        match outcome {
            Outcome::Done(Done::Inspected(measured)) if is_in_office(&measured, record) => {
                let look = self.look(world.now + Policy::APPROACH_WITHIN, world, out);
                self.step = Step::Approaching { measured, look };
                Turn::Wait
            }
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                Turn::GiveUp(Setback::PrimaryLost)
            }
        }
    }

    pub(super) fn pause(&mut self, world: World<'_>, out: &mut Outbox) -> Turn {
        let (node, within) = (self.primary.node, Policy::PAUSE_WITHIN);
        let pause = self.act(within, Deed::Pause { node, within }, world, out);
        let since = world.now;
        self.step = Step::Pausing { pause, since };
        Turn::Next(Rule::S112)
    }

    pub(super) fn after_pause(
        &mut self,
        outcome: Outcome,
        since: Instant,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        let paused = match outcome {
            Outcome::Done(Done::Paused(report)) if is_in_office(&report, record) => report,
            Outcome::Failed(Failed::Refused(text)) => {
                return Turn::GiveUp(Setback::Refused { text });
            }
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                return Turn::GiveUp(Setback::PrimaryLost);
            }
        };
        let kind = Kind::WritesPaused {
            node: record.primary.address.clone(),
            offset: paused.replication.offset,
        };
        out.tell_rule(world.now, Rule::S120, kind);
        // The pause began when it was sent, at the earliest.
        let look = self.look(since + Policy::CATCH_UP_WITHIN, world, out);
        self.step = Step::CatchingUp { paused, look };
        Turn::Next(Rule::S120)
    }

    pub(super) fn seal(
        &mut self,
        held: Report,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        let deed = Deed::Seal {
            node: self.primary.node,
            evict: true,
            shut: record.is_strict(),
        };
        let seal = self.act(Policy::HANDOVER_SEALED_WITHIN, deed, world, out);
        self.step = Step::Sealing { seal, held };
        Turn::Next(Rule::S130)
    }

    pub(super) fn after_seal(
        &mut self,
        outcome: Outcome,
        held: &Report,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        match outcome {
            Outcome::Done(Done::Sealed(sealed)) => {
                let primary = record.primary.address.clone();
                out.tell(world.now, self.sealed(primary, &sealed, world));
                if holds(held, &sealed) || world.lacks(Mutant::HandOverUncompared) {
                    return self.secure(sealed, record, world, out);
                }
                self.compare(sealed, world, out);
                Turn::Wait
            }
            Outcome::Failed(failed) => {
                let text = match failed {
                    Failed::Refused(text) => text,
                    Failed::NotReached | Failed::Conflict => String::from("the connection ended"),
                };
                Turn::GiveUp(Setback::Refused { text })
            }
            Outcome::Done(_) | Outcome::Unknown => Turn::Doubt,
        }
    }

    /// What the primary sent last may still be on its way.
    pub(super) fn compare(&mut self, sealed: Report, world: World<'_>, out: &mut Outbox) {
        let look = self.look(world.now + Policy::DRAIN_WITHIN, world, out);
        self.step = Step::Comparing { sealed, look };
    }

    /// The successor keeps what it holds, whoever starts at the address that it follows.
    pub(super) fn secure(
        &mut self,
        sealed: Report,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        let deed = Deed::Seal {
            node: self.successor.node,
            evict: record.is_strict(),
            shut: record.is_strict(),
        };
        let seal = self.act(Policy::HANDOVER_SEALED_WITHIN, deed, world, out);
        self.step = Step::Securing { sealed, seal };
        Turn::Wait
    }

    pub(super) fn after_securing(
        &self,
        outcome: Outcome,
        sealed: Report,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        let Outcome::Done(Done::Sealed(held)) = outcome else {
            return Turn::FallBack(Setback::SuccessorLost);
        };
        if let Some(node) = world.view.get(self.successor.node) {
            out.tell(world.now, self.sealed(node.address.clone(), &held, world));
        }
        if holds(&held, &sealed) || world.lacks(Mutant::HandOverUncompared) {
            return Turn::announce(sealed, held);
        }
        Turn::FallBack(behind(&held, &sealed))
    }

    pub(super) fn sealed(&self, node: Address, sealed: &Report, world: World<'_>) -> Kind {
        Kind::NodeSealed {
            node,
            offset: sealed.replication.offset,
            after: world.now.since(self.began),
        }
    }
}

fn is_in_office(report: &Report, record: &Record) -> bool {
    report.replication.is_primary() && Some(report.run_id) == record.primary.run_id
}
