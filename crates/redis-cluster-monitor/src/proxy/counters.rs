//! What happened, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What happened at the proxy of one group since it began. Readers on other threads see each number
/// a little late.
#[derive(Debug, Default)]
pub struct Counters {
    /// Clients accepted.
    pub accepted: Counter,
    /// Clients turned away, because there were too many, or because a load balancer did not say whom
    /// it speaks for.
    pub turned_away: Counter,
    /// Clients that have gone.
    pub gone: Counter,
    /// Requests passed on.
    pub requests: Counter,
    /// Times that a client's requests began to wait for a primary.
    pub held: Counter,
    /// How long they waited, in microseconds.
    pub held_micros: Counter,
    /// Requests that waited too long, and were answered with an error.
    pub expired: Counter,
    /// Requests that were sent again, to another primary.
    pub replayed: Counter,
    /// Requests whose outcome is unknown.
    pub indeterminate: Counter,
    /// Times that a client was moved to another server, of those that read from replicas: because its
    /// server was not fit any more, or another one was.
    pub moved: Counter,
    /// Clients disconnected because of what they or their servers did, not by their own will.
    pub dropped: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl Counters {
    /// Clients that are connected now.
    pub fn clients(&self) -> u64 {
        self.accepted.get().saturating_sub(self.gone.get())
    }

    pub(super) fn held_for(&self, time: Duration) {
        self.held_micros
            .add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}
