//! Who may act: gaining the lease, losing it, and hearing that another monitor acts.
//!
//! A monitor without the lease watches, publishes what is committed, and writes nothing and touches
//! nobody. One that gets it reads the record first and goes on from there.

use alloc::vec::Vec;
use core::mem;

use super::{Engine, Plan, Reading};
use crate::event::Kind;
use crate::id::{NodeId, Revision};
use crate::lease::Lease;
use crate::mutant::Mutant;
use crate::plan::Stored;
use crate::policy::Policy;
use crate::record::Record;

impl Engine {
    pub(super) fn take_lease(&mut self, lease: Lease) {
        if self.defect.is(Mutant::NoLease) && lease == Lease::NotHeld {
            return;
        }
        let before = mem::replace(&mut self.lease, lease);
        match (before.held().is_some(), lease.held().is_some()) {
            (true, false) => self.step_down(),
            // Whoever held it before may have written since we have read.
            (false, true) => {
                if lease == Lease::Granted {
                    self.learned_at = Some(self.now);
                    self.look_anew();
                }
                if matches!(self.store.reading, Reading::Current) {
                    self.read_record();
                }
            }
            (false, false) | (true, true) => {}
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

    pub(super) fn hear(&mut self, revision: Revision) {
        if revision > self.heard && !self.defect.is(Mutant::DeafFollower) {
            self.heard = revision;
        }
    }

    /// Whether somebody wrote a record that we do not know. While we write ourselves, that write
    /// tells.
    pub(super) fn is_overtaken(&self) -> bool {
        match &self.plan {
            None => self.heard > self.revision(),
            Some(Plan::Failover(failover)) => failover
                .known_revision()
                .is_some_and(|known| self.heard > known),
            Some(Plan::Adoption { .. } | Plan::Note(_) | Plan::Qualifying { .. }) => false,
        }
    }

    /// Another monitor has written while we acted: a lease that was granted may have ended, and is
    /// not believed in until it is renewed.
    pub(super) fn obey(&mut self) {
        if self.lease == Lease::Granted && !self.defect.is(Mutant::NoLease) {
            self.lease = Lease::NotHeld;
            self.abandon_duties();
        }
        self.read_record();
    }

    /// Looks that began before now show the nodes as they were under somebody else.
    pub(super) fn look_anew(&mut self) {
        let nodes: Vec<NodeId> = self.view.nodes().map(|node| node.id).collect();
        for node in nodes {
            self.settled.insert(node, self.now);
        }
        self.look_closer(self.now + Policy::SUSPICION_EVERY * 5);
    }

    /// Takes in a record that was read. A plan gives way to one that is newer than its own.
    pub(super) fn learn_record(&mut self, stored: Stored) {
        if let Some(plan) = self.plan.take() {
            let is_newer = |known: Revision| stored.revision > known;
            match plan {
                Plan::Failover(failover) if failover.known_revision().is_some_and(is_newer) => {
                    let (world, out) = self.split();
                    failover.give_way(&stored, world, out);
                    return self.obey();
                }
                // It is writing, and that write tells; or what was read is its own.
                plan @ (Plan::Failover(_)
                | Plan::Adoption { .. }
                | Plan::Note(_)
                | Plan::Qualifying { .. }) => {
                    self.plan = Some(plan);
                    self.store.reading = Reading::Current;
                    return;
                }
            }
        }
        if let Some(before) = self.record() {
            let other_primary = before.primary != stored.record.primary;
            if before.epoch != stored.record.epoch {
                self.abandon_duties();
                self.look_anew();
            }
            if other_primary {
                self.learned_at = Some(self.now);
                self.tell_learned(&stored.record);
            }
        }
        self.know(stored);
        self.watch_members();
        self.owe_persistence();
    }

    /// Watches everybody who belongs to the group by the record.
    pub(super) fn watch_members(&mut self) {
        let Some(record) = self.record() else { return };
        let members = record.remaining(&self.nodes).map(|member| &member.address);
        let all = members.chain([&record.primary.address]);
        for address in all.cloned().collect::<Vec<_>>() {
            self.watch(address, false);
        }
    }

    /// Another monitor has put somebody into office.
    fn tell_learned(&mut self, record: &Record) {
        if record.is_committed() {
            let (primary, epoch) = (record.primary.address.clone(), record.epoch);
            self.out
                .tell(self.now, Kind::PrimaryLearned { primary, epoch });
        }
    }
}
