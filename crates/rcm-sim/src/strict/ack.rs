//! How a primary knows what its replicas hold, and what it wrongly believes of those that are gone.

use crate::network::Party;
use crate::node::{LinkState, Process, StreamId};
use crate::strict::{Event, WriteId};
use crate::trace::{MS, S, Time};
use crate::world::World;
use rcm_core::mutant::Mutant;

/// What a primary believes of one replication connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confirmation {
    pub(crate) replica: usize,
    pub(crate) offset: u64,
}

/// A client's `WAIT` between two `ROLE`s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) write: WriteId,
    /// The primary's offset at the first `ROLE`.
    pub(crate) target: u64,
}

/// `repl-timeout`: so long does a primary believe in a replica whose end it did not hear of.
const GHOST: Time = 60 * S;
/// One end in so many is not heard of.
const LOST_ENDS: u64 = 30;
/// A process that does not run reads what has arrived later.
const LATER: Time = 20 * MS;

impl World {
    /// A replica tells its primary how far it has come.
    pub(crate) fn confirm(&mut self, node: usize) {
        if !self.is_strict() {
            return;
        }
        let server = &self.servers[node];
        let Some(LinkState::Up(stream)) = server.follow().map(|follow| follow.link) else {
            return;
        };
        let offset = server.offset;
        let Some(link) = self.streams.get(&stream) else {
            return;
        };
        let (primary, process) = (link.primary, link.primary_process);
        let joined = self.net.passes(Party::Node(node), Party::Node(primary));
        if !joined {
            // It is told again by the next cron.
            return;
        }
        let delay = self.net.delay(&mut self.rng);
        let event = Event::Confirmed {
            primary,
            process,
            stream,
            confirmation: Confirmation {
                replica: node,
                offset,
            },
        };
        self.schedule_strictly(self.now + delay, event);
    }

    pub(crate) fn on_confirmed(
        &mut self,
        primary: usize,
        process: Process,
        stream: StreamId,
        told: Confirmation,
    ) {
        let server = &self.servers[primary];
        if !server.up || server.process != process || server.closed_streams.contains(&stream) {
            return;
        }
        if !server.runs(self.now) {
            let event = Event::Confirmed {
                primary,
                process,
                stream,
                confirmation: told,
            };
            return self.schedule_strictly(self.now + LATER, event);
        }
        let known = self.servers[primary].confirmed.entry(stream);
        let known = known.or_insert(told);
        known.offset = known.offset.max(told.offset);
        self.answer_waits(primary);
    }

    /// A replica's end of a connection closes; the primary hears of it soon, or much later.
    pub(crate) fn end_confirmations(&mut self, primary: usize, stream: StreamId) {
        if !self.is_strict() {
            return;
        }
        let delay = if self.rng.percent(LOST_ENDS) {
            self.coverage.count("ghosts");
            GHOST
        } else {
            self.net.delay(&mut self.rng)
        };
        let process = self.servers[primary].process;
        let event = Event::StreamEnded {
            primary,
            process,
            stream,
        };
        self.schedule_strictly(self.now + delay, event);
    }

    pub(crate) fn on_stream_ended(&mut self, primary: usize, process: Process, stream: StreamId) {
        let server = &mut self.servers[primary];
        if server.process == process {
            server.confirmed.remove(&stream);
            server.closed_streams.insert(stream);
        }
    }

    /// The primary closes all its connections to replicas.
    pub(crate) fn forget_confirmations(&mut self, primary: usize) {
        let server = &mut self.servers[primary];
        let known = std::mem::take(&mut server.confirmed);
        server.closed_streams.extend(known.into_keys());
    }

    pub(crate) fn answer_waits(&mut self, primary: usize) {
        let waits = std::mem::take(&mut self.servers[primary].waits);
        let (answered, waiting): (Vec<Wait>, Vec<Wait>) = waits
            .into_iter()
            .partition(|wait| self.holders(primary, wait.target) >= self.ack_replicas as usize);
        self.servers[primary].waits = waiting;
        for Wait { write, .. } in answered {
            let delay = self.net.delay(&mut self.rng);
            self.schedule_strictly(self.now + delay, Event::Answered(write, true));
        }
    }

    /// How many members hold so much of the stream, by the list that `ROLE` gives: each member once.
    fn holders(&self, primary: usize, target: u64) -> usize {
        let holding = self.servers[primary]
            .confirmed
            .values()
            .filter(|known| known.offset >= target);
        if self.mutant == Some(Mutant::TrustWait) {
            return holding.count();
        }
        let mut members: Vec<usize> = holding
            .map(|known| known.replica)
            .filter(|&replica| self.servers[replica].priority > 0)
            .collect();
        members.sort_unstable();
        members.dedup();
        members.len()
    }
}
