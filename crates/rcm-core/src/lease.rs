//! The time-limited right of one monitor to act.
//!
//! A [`Held`] can only be obtained from a [`Lease`] that is held, and every plan asks for one: to
//! act without the lease does not compile.

use crate::time::Instant;

/// Whether this monitor may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lease {
    /// Another monitor may be acting.
    #[default]
    NotHeld,
    /// This monitor may act, without a break since then.
    HeldSince(Instant),
}

/// Proof that the lease was held when the plan began.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    since: Instant,
}

impl Lease {
    /// The proof, when the lease is held.
    pub const fn held(self) -> Option<Held> {
        match self {
            Self::NotHeld => None,
            Self::HeldSince(since) => Some(Held { since }),
        }
    }
}

impl Held {
    /// Since when the lease has been ours without a break.
    pub const fn since(self) -> Instant {
        self.since
    }
}
