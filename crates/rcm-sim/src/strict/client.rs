//! Clients that are told that a write is done only when enough members hold it: they stand for a
//! proxy that obeys the published status.
//!
//! A batch is the write, `ROLE`, `WAIT`, `ROLE` on one connection. A connection does not survive an
//! epoch, because a seal ends it.

use rcm_core::id::Epoch;
use rcm_core::mutant::Mutant;

use super::{Event, Outcome, Wait, Write, WriteId};
use crate::monitor::Who;
use crate::node::Process;
use crate::trace::{MS, S, Time};
use crate::wire::{NOBODY, Request};
use crate::world::World;

/// Somebody who writes, and waits.
#[derive(Debug)]
pub(crate) struct Client {
    every: Time,
    /// How many times in a hundred it looks whether the primary has changed before it writes.
    looks: u64,
    /// The newest primary that it has heard of.
    pub(crate) known: Option<(Epoch, usize)>,
    connection: Option<Connection>,
    /// When its last batch arrives: what is sent on one connection keeps its order.
    last: Time,
    /// The monitor that it asks.
    follows: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Connection {
    node: usize,
    process: Process,
    /// How often clients had been sent away when it began.
    evictions: u64,
}

/// How long a client waits for its replicas.
const TIMEOUT: Time = S;

impl World {
    pub(crate) fn add_strict_clients(&mut self) {
        for client in 0..self.rng.range(1, 4) {
            let every = self.rng.pick(&[20 * MS, 60 * MS, 200 * MS]);
            let looks = self.rng.pick(&[100, 60, 5]);
            let follows = self.rng.index(self.monitors.len());
            self.strict_clients.push(Client {
                every,
                looks,
                known: None,
                connection: None,
                last: 0,
                follows,
            });
            let client = usize::try_from(client).unwrap_or(0);
            self.schedule_strictly(self.now + every, Event::Client(client));
        }
    }

    pub(crate) fn on_strict_client(&mut self, client: usize) {
        if self.now >= self.writes_end {
            return;
        }
        let Client { every, looks, .. } = self.strict_clients[client];
        let again = every / 2 + self.rng.range(0, every);
        self.schedule_strictly(self.now + again, Event::Client(client));
        if self.rng.percent(looks) {
            self.look_up(client);
        }
        let Some((epoch, node)) = self.strict_clients[client].known else {
            return self.look_up(client);
        };
        let connection = self.connect_client(client, node);
        let bytes = self.rng.pick(&[20, 60, 300]);
        let write = self.ledger.writes.len();
        self.ledger.writes.push(Write {
            client,
            epoch,
            node,
            process: connection.process,
            bytes,
            place: None,
            outcome: Outcome::Unknown,
        });
        let delay = self.net.delay(&mut self.rng);
        let last = &mut self.strict_clients[client].last;
        *last = (*last).max(self.now + delay);
        let at = if self.mutant == Some(Mutant::Overtaking) {
            self.now + delay
        } else {
            *last
        };
        let evictions = connection.evictions;
        self.schedule_strictly(at, Event::Batch { write, evictions });
    }

    /// The client learns what is published, unless it knows something newer.
    fn look_up(&mut self, client: usize) {
        let status = self.monitors[self.strict_clients[client].follows]
            .engine
            .as_ref()
            .map(rcm_core::engine::Engine::status);
        let published = status.and_then(|status| {
            let node = self.at(status.primary.as_ref()?)?;
            Some((status.epoch, node))
        });
        let known = &mut self.strict_clients[client].known;
        if published.map(|(epoch, _)| epoch) > known.map(|(epoch, _)| epoch) {
            *known = published;
        }
    }

    fn connect_client(&mut self, client: usize, node: usize) -> Connection {
        let server = &self.servers[node];
        let current = Connection {
            node,
            process: server.process,
            evictions: server.evictions,
        };
        // Whoever still has a connection uses it, and finds out that it has ended.
        let connection = &mut self.strict_clients[client].connection;
        match *connection {
            Some(open) if open.node == node => {
                if open != current {
                    *connection = None;
                }
                open
            }
            _ => *connection.insert(current),
        }
    }

    /// A batch is in a server's socket.
    pub(crate) fn on_batch(&mut self, write: WriteId, evictions: u64) {
        let Write { node, process, .. } = self.ledger.writes[write];
        let server = &self.servers[node];
        let open = server.process == process && server.evictions == evictions;
        if open && server.up && server.host_up {
            self.arrive(node, NOBODY, Request::Batch(write));
        }
    }

    pub(crate) fn execute_batch(&mut self, node: usize, write: WriteId) {
        if self.servers[node].refuses_writes().is_some() {
            let delay = self.net.delay(&mut self.rng);
            return self.schedule_strictly(self.now + delay, Event::Answered(write, false));
        }
        let bytes = self.ledger.writes[write].bytes;
        self.write(node, bytes);
        let server = &mut self.servers[node];
        self.ledger.writes[write].place = Some((server.branch, server.history.length()));
        let target = server.offset;
        server.waits.push(Wait { write, target });
        self.schedule_strictly(self.now + TIMEOUT, Event::WaitOver { node, write });
        self.ask_for_acks(node);
        self.answer_waits(node);
    }

    /// `WAIT` gives up; the client is told that nobody knows.
    pub(crate) fn on_wait_over(&mut self, node: usize, write: WriteId) {
        self.servers[node].waits.retain(|wait| wait.write != write);
        if self.mutant == Some(Mutant::LateIsRefused) {
            self.ledger.writes[write].outcome = Outcome::Refused;
        }
    }

    /// The client hears what became of its write.
    pub(crate) fn on_answered(&mut self, write: WriteId, done: bool) {
        let Write { client, epoch, .. } = self.ledger.writes[write];
        if !done {
            self.ledger.writes[write].outcome = Outcome::Refused;
            self.coverage.count("refused writes");
            return self.look_up(client);
        }
        // What an older epoch's primary says is not passed on.
        let newer = self.strict_clients[client].known.map(|(epoch, _)| epoch);
        if newer > Some(epoch) && self.mutant != Some(Mutant::OldEpochs) {
            self.coverage.count("replies of an older epoch");
            return;
        }
        self.ledger.writes[write].outcome = Outcome::Acknowledged;
        self.ledger.acknowledged.push(write);
        self.coverage.count("acknowledged writes");
        self.check_acknowledged(write);
    }

    /// All clients of a server are sent away: what they wait for, nobody tells them.
    pub(crate) fn evict_clients(&mut self, node: usize) {
        let server = &mut self.servers[node];
        server.evictions += 1;
        server.waits.clear();
    }
}
