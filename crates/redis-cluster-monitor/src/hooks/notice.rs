//! What Sentinel's notification scripts are told.

use rcm_core::id::GroupName;

/// One warning in Sentinel's words: the name of its channel and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose script is run; `None` is nobody's.
    pub group: Option<GroupName>,
    /// The name of the event, which is the channel that it is published on.
    pub channel: &'static str,
    /// Everything else.
    pub payload: String,
}
