//! How data runs from a primary to its replicas: partial and full synchronisation, streams that can
//! stall, and what `REPLICAOF` throws away.
//!
//! Here is the connection between the two; each thing that happens to it is beside it.

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
    arrived: VecDeque<Item>,
    last: Time,
    /// The whole data set, when the replica cannot continue.
    whole: Option<Dump>,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Bytes(Branch, u64),
    End,
}

/// A replica that waits for its own process looks again after this.
const LATER: Time = 20 * MS;
