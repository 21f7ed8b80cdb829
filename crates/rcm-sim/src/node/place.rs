//! The place of a server in the replication: whom it follows, and whom it feeds.

use rcm_core::id::Address;

use super::{Process, StreamId};
use crate::trace::Time;

/// Primary or replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Primary,
    Replica(Follow),
}

/// Whom a replica follows, and how far it is with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Follow {
    pub(crate) target: Address,
    /// The monitor told it to.
    pub(crate) told_by_monitor: bool,
    /// The process that was asked to let it continue and has not answered.
    pub(crate) asked: Option<Process>,
    /// The process that was meant when the command was given.
    pub(crate) meant: Option<Process>,
    pub(crate) link: LinkState,
    /// It knows a place from which it can ask to continue.
    pub(crate) remembers: bool,
    /// Counts attempts, so that late answers to older ones are known.
    pub(crate) attempt: u64,
}

impl Follow {
    /// Whom a process follows that finds this in its file. It knows its place, or has none.
    pub(crate) const fn configured(target: Address, remembers: bool) -> Self {
        Self {
            target,
            told_by_monitor: false,
            meant: None,
            asked: None,
            link: LinkState::Down,
            remembers,
            attempt: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Down,
    Connecting,
    Syncing(StreamId),
    Up(StreamId),
}

/// A replica as its primary sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fed {
    pub(crate) node: usize,
    /// It has its data set, as far as the primary knows.
    pub(crate) online: bool,
    pub(crate) acked: u64,
    pub(crate) acked_at: Time,
}
