//! A seal that was not answered: the primary may be sealed, and is looked for to see whether it is.

use core::time::Duration;

use super::turn::Turn;
use super::{Handover, Step};
use crate::action::{Done, Outcome};
use crate::event::Setback;
use crate::plan::failover::diagnosed_lost;
use crate::plan::{Outbox, World};
use crate::record::Record;
use crate::rule::Rule;
use crate::verdict::Verdict;

/// How often a primary that may be sealed is tried again.
pub(super) const REACH_AGAIN: Duration = Duration::from_millis(100);

impl Handover {
    /// The primary answers on a connection that outlives the one of the unanswered seal.
    pub(super) fn after_examination(
        &mut self,
        outcome: Outcome,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        let Outcome::Done(Done::Inspected(report)) = outcome else {
            let again = world.now + REACH_AGAIN;
            self.step = Step::Away { again };
            return Turn::Wait;
        };
        if Some(report.run_id) != record.primary.run_id {
            return Turn::Lost(Verdict::PrimaryRestarted);
        }
        match report.replication.following() {
            None => Turn::GiveUp(Setback::SealUnanswered),
            // Of a strict seal that was not answered some gate may have stayed open.
            Some(following) if following.primary.is_tombstone() && record.is_strict() => {
                Turn::FallBack(Setback::HalfSealed)
            }
            Some(following) if following.primary.is_tombstone() => {
                let primary = record.primary.address.clone();
                let kind = self.sealed(primary, &report, world);
                out.tell_rule(world.now, Rule::S129, kind);
                self.compare(report, world, out);
                Turn::Next(Rule::S129)
            }
            // Somebody else rules here.
            Some(_) => Turn::FallBack(Setback::PrimaryLost),
        }
    }

    /// The primary may be sealed: it is looked for as long as nothing proves that it is lost.
    pub(super) fn tick_doubted(
        &mut self,
        record: &Record,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Turn {
        if let Some(verdict) = diagnosed_lost(self.primary.node, record, world) {
            return Turn::Lost(verdict);
        }
        if let Step::Away { again } = self.step
            && again <= world.now
        {
            let began = self.began;
            *self = Self::begin(self.primary, self.successor, true, world, out);
            self.began = began;
        }
        Turn::Wait
    }
}
