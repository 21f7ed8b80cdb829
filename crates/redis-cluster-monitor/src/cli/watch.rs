//! Watching the groups of a configuration.

use super::{Exit, say};
use crate::config::Config;

/// Watches until the process is asked to end.
pub(super) fn run(config: Config) -> Exit {
    drop(config);
    say("error: watching is not built yet in this version");
    Exit::Failed
}
