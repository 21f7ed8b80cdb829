//! What subscribers are told: a channel, which is the name of the event, and a payload.

use bytes::Bytes;
use rcm_resp::Frame;

use super::reply::{text, word};

/// Something that happened, in Sentinel's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The name of the event.
    pub channel: &'static str,
    /// What Sentinel says of it.
    pub payload: Bytes,
}

/// The event that nearly every client waits for.
pub(super) const SWITCH: &str = "+switch-master";

impl Message {
    pub(super) fn new(channel: &'static str, payload: impl Into<Bytes>) -> Self {
        Self {
            channel,
            payload: payload.into(),
        }
    }

    /// As a subscriber of the channel gets it.
    pub(super) fn to_subscriber(&self) -> Frame {
        let payload = text(self.payload.clone());
        Frame::Push(vec![word("message"), word(self.channel), payload])
    }

    /// As a subscriber of `pattern` gets it.
    pub(super) fn to_pattern(&self, pattern: &Bytes) -> Frame {
        Frame::Push(vec![
            word("pmessage"),
            text(pattern.clone()),
            word(self.channel),
            text(self.payload.clone()),
        ])
    }
}
