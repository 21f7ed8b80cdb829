//! Who can reach whom, and how long it takes.

use std::collections::BTreeSet;

use crate::monitor::Who;
use crate::seed::Rng;
use crate::trace::{MS, Time};

/// Somebody at an end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    /// The host of a monitor, and of its clients.
    Monitor(Who),
    /// The host of the store.
    Store,
    /// The host of a node.
    Node(usize),
}

/// The network between all of them.
#[derive(Debug)]
pub(crate) struct Network {
    base: Time,
    jitter: Time,
    /// So many packets of a hundred are lost and repeated.
    pub(crate) loss: u64,
    /// Packets are late by up to this.
    pub(crate) late: Time,
    blocked: BTreeSet<(Party, Party)>,
}

/// A lost packet is repeated after this.
pub(crate) const REPEATED_AFTER: Time = 200 * MS;

impl Network {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let base = rng.pick(&[30, 50, 100, 300, 1_000]);
        Self {
            base,
            jitter: rng.range(1, base * 4),
            loss: 0,
            late: 0,
            blocked: BTreeSet::new(),
        }
    }

    /// How long a packet takes, with its repetitions.
    pub(crate) fn delay(&self, rng: &mut Rng) -> Time {
        let mut delay = self.base + rng.range(0, self.jitter);
        if self.late > 0 {
            delay += rng.range(0, self.late);
        }
        while self.loss > 0 && rng.percent(self.loss) {
            delay += REPEATED_AFTER;
        }
        delay
    }

    /// Whether a packet sent without repetition is lost.
    pub(crate) fn loses(&self, rng: &mut Rng) -> bool {
        self.loss > 0 && rng.percent(self.loss)
    }

    pub(crate) fn block(&mut self, from: Party, to: Party) {
        self.blocked.insert((from, to));
    }

    pub(crate) fn unblock(&mut self, from: Party, to: Party) {
        self.blocked.remove(&(from, to));
    }

    pub(crate) fn heal(&mut self) {
        self.blocked.clear();
        self.loss = 0;
        self.late = 0;
    }

    pub(crate) fn passes(&self, from: Party, to: Party) -> bool {
        !self.blocked.contains(&(from, to))
    }

    /// Both ways.
    pub(crate) fn joins(&self, one: Party, other: Party) -> bool {
        self.passes(one, other) && self.passes(other, one)
    }
}
