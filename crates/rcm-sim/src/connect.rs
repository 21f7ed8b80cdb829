//! Connecting to a node: accepted by the kernel, refused by it, or not heard of.

use rcm_core::id::ActionId;
use rcm_core::observation::Failure;

use crate::network::Party;
use crate::trace::Time;
use crate::world::{Event, World};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Link,
    Fresh,
    Hand,
    Cut(ActionId),
}

/// An attempt to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) incarnation: u64,
    pub(crate) node: usize,
    purpose: Purpose,
    serial: u64,
    asked_at: Time,
    within: Time,
}

impl World {
    pub(crate) fn begin_connect(
        &mut self,
        node: usize,
        purpose: Purpose,
        serial: u64,
        within: Time,
    ) {
        let round_trip = self.net.delay(&mut self.rng) + self.net.delay(&mut self.rng);
        let attempt = Attempt {
            incarnation: self.monitor.incarnation,
            node,
            purpose,
            serial,
            asked_at: self.now,
            within,
        };
        self.schedule(self.now + round_trip.min(within), Event::Connect(attempt));
    }

    /// The answer would be there now.
    pub(crate) fn on_connect(&mut self, attempt: Attempt) {
        let Attempt {
            node,
            asked_at,
            within,
            ..
        } = attempt;
        let server = &self.servers[node];
        let joined = self.net.joins(Party::Monitor, Party::Node(node));
        let silent = !joined || !server.host_up || self.net.loses(&mut self.rng);
        if silent {
            let at = (asked_at + within).max(self.now);
            return self.schedule(at, Event::Unheard(attempt));
        }
        let result = if self.servers[node].up {
            Ok(())
        } else {
            Err(Failure::Refused)
        };
        self.connected(attempt, result);
    }

    /// Nothing came back in time.
    pub(crate) fn on_unheard(&mut self, attempt: Attempt) {
        self.connected(attempt, Err(Failure::Silent));
    }

    fn connected(&mut self, attempt: Attempt, result: Result<(), Failure>) {
        let Attempt {
            node,
            serial,
            asked_at,
            within,
            purpose,
            ..
        } = attempt;
        match purpose {
            Purpose::Link => self.link_connected(node, serial, asked_at, result),
            Purpose::Fresh => self.fresh_connected(node, serial, asked_at, result),
            Purpose::Hand => self.hand_connected(node, serial, within, result),
            Purpose::Cut(id) => self.cut_connected(node, id, result),
        }
    }
}
