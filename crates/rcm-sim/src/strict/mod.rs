//! What exists only in strict worlds: clients that wait for replicas, and the ledger of what was promised to whom.

mod ack;
mod client;
mod ledger;

pub(crate) use ack::Wait;
pub(crate) use client::Client;
pub(crate) use ledger::{Ledger, Outcome, Write, WriteId};

use crate::access::Access;
use crate::seed::Rng;
use crate::trace::Time;
use crate::world::{self, World};

/// Something that happens only in strict worlds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A client writes.
    Client(usize),
    /// A batch is in a server's socket.
    Batch { write: WriteId, evictions: u64 },
    /// A `WAIT` has lasted long enough.
    WaitOver { node: usize, write: WriteId },
    /// A client hears that a write was done, or refused.
    Answered(WriteId, bool),
}

/// The groups of strict worlds: how many nodes, and how many replicas confirm a write.
const GROUPS: [(usize, u32); 7] = [(3, 1), (3, 1), (5, 2), (5, 2), (3, 2), (2, 1), (4, 2)];

/// The group of a seed.
pub(crate) fn group(seed: u64) -> (usize, u32) {
    Rng::new(seed, 3).pick(&GROUPS)
}

impl World {
    pub(crate) const fn is_strict(&self) -> bool {
        self.ack_replicas > 0
    }

    pub(crate) fn happen_strictly(&mut self, event: Event) {
        match event {
            Event::Client(client) => self.on_strict_client(client),
            Event::Batch { write, evictions } => self.on_batch(write, evictions),
            Event::WaitOver { node, write } => self.on_wait_over(node, write),
            Event::Answered(write, done) => self.on_answered(write, done),
        }
    }

    fn schedule_strictly(&mut self, at: Time, event: Event) {
        self.schedule(at, world::Event::Strict(event));
    }

    /// What the files of the nodes say before the monitor has met them: an operator has prepared
    /// them, or the monitor will.
    pub(crate) fn prepare(&mut self) {
        let prepared = self.rng.percent(50) || !self.monitors[0].policy.persist_roles;
        let seats = self.servers.iter().filter(|server| server.priority > 0);
        let too_few = seats.count() <= self.ack_replicas as usize;
        for server in &mut self.servers {
            server.born = if prepared {
                Access::PREPARED
            } else {
                Access::STOCK
            };
            if too_few {
                server.priority = 100;
            }
        }
    }
}
