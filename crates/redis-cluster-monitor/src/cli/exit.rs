//! With what the program ends. Scripts rely on these numbers.

use std::process::ExitCode;

/// With what the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked to do.
    Done = 0,
    /// It failed while it ran.
    Failed = 1,
    /// The command line, the environment or the configuration file is wrong.
    Usage = 2,
    /// Nothing can be served: the record belongs to other servers, or no node can replicate.
    Halted = 3,
    /// The state folder is locked by another monitor, or damaged, or cannot be written; or etcd
    /// cannot be used.
    Store = 4,
    /// A running monitor refused what it was asked for, and did nothing.
    Refused = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
