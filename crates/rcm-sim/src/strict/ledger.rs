//! What clients asked for, what became of it, and what they were told.

use crate::history::{Branch, History};
use crate::node::Process;
use rcm_core::id::Epoch;

/// Names one write.
pub(crate) type WriteId = usize;

/// What a client was told of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing, or nothing that it may believe.
    Unknown,
    /// It was not done.
    Refused,
    /// It is done and will not be lost.
    Acknowledged,
}

/// One write of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    pub(crate) client: usize,
    /// The epoch that the client knew when it sent the write.
    pub(crate) epoch: Epoch,
    pub(crate) node: usize,
    pub(crate) process: Process,
    pub(crate) bytes: u64,
    /// Where its last byte is, if it was executed: once at most.
    pub(crate) place: Option<(Branch, u64)>,
    pub(crate) outcome: Outcome,
}

/// All writes.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) writes: Vec<Write>,
    pub(crate) acknowledged: Vec<WriteId>,
}

impl Write {
    /// Whether a node that holds this history has executed it.
    pub(crate) fn is_in(&self, history: &History) -> bool {
        self.place
            .is_some_and(|(branch, end)| history.branch_at(end) == Some(branch))
    }
}

impl Ledger {
    /// An acknowledged write that this history does not have.
    pub(crate) fn lost_in(&self, history: &History) -> Option<WriteId> {
        let mut acknowledged = self.acknowledged.iter().copied();
        acknowledged.find(|&write| !self.writes[write].is_in(history))
    }
}
