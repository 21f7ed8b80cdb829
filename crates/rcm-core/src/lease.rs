//! The right of one monitor to act.
//!
//! A [`Held`] can only be obtained from a [`Lease`] that is held, and every plan asks for one: to
//! act without the lease does not compile.
//!
//! A lease buys peace, not safety: whoever held it before may not have noticed that it ended. What
//! keeps an earlier holder from doing harm are the compare-and-set of the record and the fence.

use crate::time::Instant;

/// Whether this monitor may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lease {
    /// Another monitor may be acting.
    #[default]
    NotHeld,
    /// A lock: this monitor may act, and since then nobody else has or can, for as long as its
    /// process lives.
    HeldSince(Instant),
    /// Granted for a time and to be renewed: this monitor may act, and one that held it before may
    /// still believe that it does.
    Granted,
}

/// Proof that the lease was held when the plan began.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    alone_since: Option<Instant>,
}

impl Lease {
    /// The proof, when the lease is held.
    pub const fn held(self) -> Option<Held> {
        match self {
            Self::NotHeld => None,
            Self::HeldSince(since) => Some(Held {
                alone_since: Some(since),
            }),
            Self::Granted => Some(Held { alone_since: None }),
        }
    }
}

impl Held {
    /// Since when nobody else can act; `None` when somebody may believe that it still can.
    pub const fn alone_since(self) -> Option<Instant> {
        self.alone_since
    }
}
