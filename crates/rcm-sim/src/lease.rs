//! The lease, at both ends: the store grants it to one process at a time for a while, and a process
//! renews it and believes in it for a little less than that, by its own clock.
//!
//! A process that was not scheduled goes on believing until it looks at its clock.

use rcm_core::engine::Input;
use rcm_core::id::Revision;
use rcm_core::lease::Lease;

use crate::monitor::{Incarnation, Who};
use crate::network::Party;
use crate::store::{Call, Trouble};
use crate::trace::{MS, Time};
use crate::world::{Ours, World};

/// Whom the lease was granted to, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    to: Incarnation,
    until: Time,
}

/// A watch that is cut off begins again after this.
const WATCH_AGAIN: Time = 200 * MS;

impl World {
    /// The store is asked for the lease: true when it is granted.
    pub(crate) fn grant(&mut self, to: Incarnation) -> bool {
        let free = self
            .store
            .grant
            .is_none_or(|grant| grant.to == to || grant.until <= self.now);
        if free {
            let until = self.now + self.lease_time;
            self.store.grant = Some(Grant { to, until });
        }
        free
    }

    /// The holder gives it up.
    pub(crate) fn give_up(&mut self, by: Incarnation) {
        self.store.grant.take_if(|grant| grant.to == by);
    }

    /// A monitor starts: what it may do, and when it is going to know.
    pub(crate) fn begin_lease(&mut self, who: Who) {
        if self.is_alone() {
            let since = self.monitors[who].clock.read(self.now);
            return self.tell_lease(who, Lease::HeldSince(since));
        }
        self.begin_watch(who);
        let soon = self.rng.range(MS, 50 * MS);
        self.schedule_for(who, self.now + soon, Ours::LeaseDue);
    }

    pub(crate) fn ask_for_lease(&mut self, who: Who) {
        let resigned = self.monitors[who].resigned_until > self.now;
        let call = if resigned {
            Call::Register
        } else {
            Call::Lease
        };
        self.call_store(who, call);
        let again = self.now + self.rng.range(self.lease_time / 5, self.lease_time / 3);
        self.schedule_for(who, again, Ours::LeaseDue);
    }

    pub(crate) fn on_granted(&mut self, who: Who, asked_at: Time) {
        let monitor = &mut self.monitors[who];
        // The time that the store grants began after it was asked; clocks differ a little.
        let shown = self.lease_time - self.lease_time / 10;
        let asked = monitor.clock.read(asked_at);
        let until = monitor
            .clock
            .when(asked + std::time::Duration::from_micros(shown));
        if until <= self.now || monitor.resigned_until > self.now {
            return;
        }
        monitor.leased_until = until;
        self.schedule_for(who, until, Ours::LeaseEnds { until });
        self.tell_lease(who, Lease::Granted);
    }

    pub(crate) fn on_lease_ends(&mut self, who: Who, until: Time) {
        let monitor = &self.monitors[who];
        if monitor.leads && monitor.leased_until == until {
            self.tell_lease(who, Lease::NotHeld);
        }
    }

    fn tell_lease(&mut self, who: Who, lease: Lease) {
        // Whoever was late says so first.
        self.tell_late(who);
        let leads = lease.held().is_some();
        if leads != self.monitors[who].leads {
            self.note([52, who as u64, u64::from(leads)], |world| {
                let what = if leads { "holds" } else { "loses" };
                format!("{} {what} the lease", world.monitors[who].name)
            });
            self.coverage
                .count(if leads { "leases begun" } else { "leases lost" });
        }
        self.monitors[who].leads = leads;
        self.input(who, Input::Lease(lease));
    }

    /// The store tells of a write.
    pub(crate) fn on_told(&mut self, who: Who, revision: Revision) {
        let joined = self.net.joins(Party::Monitor(who), Party::Store);
        if !joined || self.store.trouble == Some(Trouble::Down) {
            let at = self.now + WATCH_AGAIN;
            return self.schedule_for(who, at, Ours::Told { revision });
        }
        self.input(who, Input::Stored { revision });
    }
}
