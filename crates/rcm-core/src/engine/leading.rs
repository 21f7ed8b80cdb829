//! Who may act: gaining the lease, losing it, and hearing that another monitor acts.
//!
//! A monitor without the lease watches, publishes what is committed, and writes nothing and touches
//! nobody. One that gets it reads the record first and goes on from there.

use core::mem;

use super::{Engine, Heard, Plan, Reading};
use crate::id::{Epoch, Revision};
use crate::lease::Lease;
use crate::mutant::Mutant;

impl Engine {
    pub(super) fn take_lease(&mut self, lease: Lease) {
        if self.defect.is(Mutant::NoLease) && lease == Lease::NotHeld {
            return;
        }
        let before = mem::replace(&mut self.lease, lease);
        match (before.held().is_some(), lease.held().is_some()) {
            (true, false) => self.step_down(),
            // Whoever held it before may have written since we have read.
            (false, true) if matches!(self.store.reading, Reading::Current) => self.read_record(),
            (false, true | false) | (true, true) => {}
        }
    }

    /// Leaves everything as it is: whoever holds the lease finds it in the record and on the nodes.
    fn step_down(&mut self) {
        self.abandon_duties();
        let Some(plan) = self.plan.take() else { return };
        if let Plan::Failover(failover) = plan {
            let (world, out) = self.split();
            failover.leave(world, out);
        }
        // Its last write may have been done.
        self.read_record();
    }

    pub(super) fn hear(&mut self, epoch: Epoch, revision: Revision) {
        if revision > self.heard.revision && !self.defect.is(Mutant::DeafFollower) {
            self.heard = Heard { epoch, revision };
        }
    }

    /// Whether somebody wrote a record that we do not know. While we write ourselves, that write
    /// tells.
    pub(super) fn is_overtaken(&self) -> bool {
        match &self.plan {
            None => self.heard.revision > self.revision(),
            Some(Plan::Failover(failover)) => failover
                .known_revision()
                .is_some_and(|known| self.heard.revision > known),
            Some(Plan::Adoption { .. } | Plan::Note(_)) => false,
        }
    }

    /// Obeys a record that another monitor wrote.
    pub(super) fn obey(&mut self) {
        if let Some(Plan::Failover(failover)) = self.plan.take() {
            let epoch = self.heard.epoch;
            let (world, out) = self.split();
            failover.superseded(Some(epoch), world, out);
        }
        self.read_record();
    }
}
