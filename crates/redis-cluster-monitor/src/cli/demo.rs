//! The demonstration with real servers.

use super::{Exit, say};

/// Runs until the process is asked to end.
pub(super) fn run() -> Exit {
    say("error: the demonstration is not built yet in this version");
    Exit::Failed
}
