//! What keeps a monitor from acting.

use serde::Serialize;

/// Why a group stands still although something should be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// `--observe`.
    Observing,
    /// Another decider acts on this group.
    RivalController,
    /// The lease is not held.
    NoLease,
    /// There was a failover on undecidable evidence shortly before.
    HoldOff,
}
