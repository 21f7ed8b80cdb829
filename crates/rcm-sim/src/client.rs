//! Those whose writes it is all about.

use crate::monitor::Who;
use crate::trace::{MS, Time};
use crate::world::{Event, World};

/// Somebody who writes now and then.
#[derive(Debug)]
pub(crate) struct Client {
    every: Time,
    bytes: u64,
    /// It never asks who is the primary: it knows one address.
    direct: Option<usize>,
    /// The monitor that it asks otherwise.
    follows: Who,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
}

impl Client {
    /// Somebody who never writes by itself.
    pub(crate) const fn idle() -> Self {
        Self {
            every: 0,
            bytes: 0,
            direct: None,
            follows: 0,
            acknowledged: 0,
            refused: 0,
        }
    }
}

impl World {
    pub(crate) fn add_clients(&mut self) {
        let count = self.rng.pick(&[0, 1, 1, 2, 3]);
        for client in 0..count {
            let every = self.rng.pick(&[10 * MS, 25 * MS, 100 * MS, 700 * MS]);
            let bytes = self.rng.pick(&[40, 100, 2_000]);
            let direct = self.rng.percent(25).then_some(0);
            let follows = self.rng.index(self.monitors.len());
            self.clients.push(Client {
                every,
                bytes,
                direct,
                follows,
                acknowledged: 0,
                refused: 0,
            });
            self.schedule(self.now + every, Event::Client(client));
        }
    }

    pub(crate) fn on_client(&mut self, client: usize) {
        let Client {
            every,
            bytes,
            direct,
            follows,
            ..
        } = self.clients[client];
        if self.now >= self.writes_end {
            return;
        }
        let again = every / 2 + self.rng.range(0, every);
        self.schedule(self.now + again, Event::Client(client));
        let Some(node) = direct.or(self.monitors[follows].published) else {
            return;
        };
        let bytes = bytes / 2 + self.rng.range(1, bytes);
        let delay = self.net.delay(&mut self.rng);
        let process = self.servers[node].process;
        self.schedule(
            self.now + delay,
            Event::Packet {
                node,
                process,
                client,
                bytes,
            },
        );
    }

    /// A server reads a client's write.
    pub(crate) fn on_client_write(&mut self, node: usize, client: usize, bytes: u64) {
        if self.servers[node].refuses_writes().is_none() {
            self.write(node, bytes);
            self.clients[client].acknowledged += bytes;
        } else {
            self.clients[client].refused += 1;
        }
    }
}
