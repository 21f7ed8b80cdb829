//! Clients that wait for replicas, and how a primary knows what its replicas hold, and what it wrongly
//! believes of those that are gone.

use rcm_core::mutant::Mutant;

use crate::strict::{Event, WriteId};
use crate::trace::{S, Time};
use crate::world::World;

/// A client's `WAIT` between two `ROLE`s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) write: WriteId,
    /// The primary's offset at the first `ROLE`.
    pub(crate) target: u64,
}

/// `repl-timeout`: so long does a primary believe in a replica whose end it did not hear of.
const GHOST: Time = 60 * S;
/// So many ends in a hundred are not heard of.
const LOST_ENDS: u64 = 30;

impl World {
    /// A replica's end of a connection closes; the primary hears of it soon, or much later.
    pub(crate) fn until_heard_of(&mut self) -> Time {
        if self.is_strict() && self.rng.percent(LOST_ENDS) {
            self.coverage.count("ghosts");
            return GHOST;
        }
        self.net.delay(&mut self.rng)
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
        if self.mutant == Some(Mutant::TrustWait) {
            return self.count_acks(primary, target);
        }
        let mut members: Vec<usize> = self.servers[primary]
            .attached
            .values()
            .filter(|fed| fed.online && fed.acked >= target)
            .map(|fed| fed.node)
            .filter(|&replica| self.servers[replica].priority > 0)
            .collect();
        members.sort_unstable();
        members.dedup();
        members.len()
    }
}
