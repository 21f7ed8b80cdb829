//! What Sentinel's notification scripts are told.

use rcm_core::id::GroupName;

/// How loud a notice is. Scripts are run for warnings only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For developers.
    Debug,
    /// Every detail.
    Verbose,
    /// A change.
    Notice,
    /// What an operator wants to know at once.
    Warning,
}

/// One event in Sentinel's words: the name of its channel and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose script is run; `None` is nobody's.
    pub group: Option<GroupName>,
    /// How loud it is.
    pub level: Level,
    /// The name of the event, which is the channel that it is published on.
    pub channel: &'static str,
    /// Everything else.
    pub payload: String,
}
