//! How data runs from a primary to its replicas: partial and full synchronisation, streams that can
//! stall, and what `REPLICAOF` throws away.
//!
//! Here is the connection between the two; each thing that happens to it is beside it.

mod acks;
mod attempt;
mod flow;
mod role;
mod sync;

use std::collections::VecDeque;

use rcm_core::id::ReplicationId;

use crate::history::Branch;
use crate::node::{Dump, Process};
use crate::trace::{MS, Time};

/// A replication connection.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) primary: usize,
    pub(crate) primary_process: Process,
    replica: usize,
    replica_process: Process,
    attempt: u64,
    /// The stream that the primary names when it lets the replica continue.
    id: ReplicationId,
    wire: VecDeque<Item>,
    /// What waits in the replica's socket, and since when.
    arrived: VecDeque<(Time, Item)>,
    last: Time,
    /// What waits in the primary's memory until it has read everything that it was sent, and since
    /// when: so many items.
    unsent: (Time, usize),
    /// The replica has closed its end.
    left: bool,
    /// What the primary keeps until the replica has acknowledged its data set.
    held: Option<Vec<Item>>,
    /// The whole data set, when the replica cannot continue.
    whole: Option<Dump>,
}

/// Bytes that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) branch: Branch,
    pub(crate) bytes: u64,
    /// They are more than the servers' own talk.
    pub(crate) holds_keys: bool,
}

impl Piece {
    pub(crate) const fn of_keys(branch: Branch, bytes: u64) -> Self {
        Self {
            branch,
            bytes,
            holds_keys: true,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Bytes(Piece),
    /// `REPLCONF GETACK`: bytes of the stream like all others, and a question.
    AckWanted(Piece),
    End,
}

/// `PING`, as a primary writes it into its stream.
const PING: u64 = 14;
/// `REPLCONF GETACK *`.
const REPLCONF_GETACK: u64 = 37;
/// `SELECT 0`: before the first write after a full synchronisation or a promotion.
const SELECT: u64 = 23;

/// A replica that waits for its own process looks again after this.
const LATER: Time = 20 * MS;
