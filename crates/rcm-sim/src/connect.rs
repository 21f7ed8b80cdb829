//! Connecting to a node: accepted by the kernel, refused by it, or not heard of.

use rcm_core::id::{ActionId, Epoch};
use rcm_core::observation::Failure;

use crate::monitor::Who;
use crate::network::Party;
use crate::trace::Time;
use crate::world::{Ours, World};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Link,
    Fresh,
    Hand,
    Cut(ActionId, Epoch),
}

/// An attempt to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) node: usize,
    purpose: Purpose,
    serial: u64,
    asked_at: Time,
    within: Time,
}

impl World {
    pub(crate) fn begin_connect(
        &mut self,
        who: Who,
        node: usize,
        purpose: Purpose,
        serial: u64,
        within: Time,
    ) {
        let round_trip = self.net.delay(&mut self.rng) + self.net.delay(&mut self.rng);
        let attempt = Attempt {
            node,
            purpose,
            serial,
            asked_at: self.now,
            within,
        };
        let at = self.now + round_trip.min(within);
        self.schedule_for(who, at, Ours::Connect(attempt));
    }

    /// The answer would be there now.
    pub(crate) fn on_connect(&mut self, who: Who, attempt: Attempt) {
        let Attempt {
            node,
            asked_at,
            within,
            ..
        } = attempt;
        let server = &self.servers[node];
        let joined = self.net.joins(Party::Monitor(who), Party::Node(node));
        let silent = !joined || !server.host_up || server.is_deaf || self.net.loses(&mut self.rng);
        if silent {
            let at = (asked_at + within).max(self.now);
            return self.schedule_for(who, at, Ours::Unheard(attempt));
        }
        let result = if self.servers[node].up {
            Ok(())
        } else {
            Err(Failure::Refused)
        };
        self.connected(who, attempt, result);
    }

    /// Nothing came back in time.
    pub(crate) fn on_unheard(&mut self, who: Who, attempt: Attempt) {
        self.connected(who, attempt, Err(Failure::Silent));
    }

    fn connected(&mut self, who: Who, attempt: Attempt, result: Result<(), Failure>) {
        let Attempt {
            node,
            serial,
            asked_at,
            within,
            purpose,
            ..
        } = attempt;
        match purpose {
            Purpose::Link => self.link_connected(who, node, serial, asked_at, result),
            Purpose::Fresh => self.fresh_connected(who, node, serial, asked_at, result),
            Purpose::Hand => self.hand_connected(who, node, serial, within, result),
            Purpose::Cut(id, epoch) => self.cut_connected(who, node, (id, epoch), result),
        }
    }
}
