//! One connection as bytes in and bytes out: no sockets, and no waiting.
//!
//! Always holds: replies leave in the order of their requests; what is not sent yet is bounded,
//! because no request is looked at while much of it waits; a stream that broke the protocol is
//! answered once and closed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use rcm_core::id::GroupName;
use rcm_resp::{Frame, Limits, Request, RequestDecoder, Version, encode_frame};

use super::clients::Client;
use super::commands;
use super::follow::Interest;
use super::house::{Counters, House};
use super::message::Message;
use super::subscriptions::Subscriptions;

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    decoder: RequestDecoder,
    out: BytesMut,
    pub(super) version: Version,
    pub(super) client: Arc<Client>,
    pub(super) rights: Rights,
    pub(super) muted: Muted,
    pub(super) subscriptions: Option<Box<Subscriptions>>,
    /// Bytes that came since the last whole request.
    partial: usize,
    closing: bool,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rights {
    /// Say the password.
    Knock,
    /// Ask.
    Read,
    /// Everything.
    Act,
}

/// Whether replies are sent (`CLIENT REPLY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Muted {
    No,
    /// The reply to the next request is not.
    Next,
    Yes,
}

/// What a session wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More bytes of the client.
    Read,
    /// That its output is sent first.
    Write,
    /// The answer to a request for a new primary, by [`Session::answer`]; later requests wait.
    Replace(GroupName),
    /// That the connection follows a group from now on, and an answer by [`Session::answer`].
    Follow(GroupName, Interest),
    /// That its clients' requests are held, as it was asked to, and an answer.
    Held(u64),
    /// That its output is sent and the connection closed.
    Close,
}

/// What came of one request.
pub(super) enum Reply {
    /// This.
    Is(Frame),
    /// These, one after the other; perhaps none.
    Are(Vec<Frame>),
    /// Something that takes time.
    Replace(GroupName),
    /// It follows a group.
    Follow(GroupName, Interest),
    /// It holds.
    Held(u64),
    /// This, and the end.
    Last(Frame),
}

/// While so much waits to be sent, no further request is looked at.
const OUT_MOST: usize = 64 * 1024;

/// Every command that there is fits in.
const SERVED: Limits = Limits {
    max_frame: 128 * 1024,
    ..Limits::request()
};

/// Before the password is said, as in Redis.
const KNOCKING: Limits = Limits {
    max_bulk: 16 * 1024,
    max_elements: 10,
    max_inline: 16 * 1024,
    ..SERVED
};

impl Session {
    /// A connection that has just been accepted.
    pub(super) fn new(house: &House, client: Arc<Client>) -> Self {
        let rights = match &house.settings.access {
            None => Rights::Act,
            Some(access) if access.read_without_auth => Rights::Read,
            Some(_) => Rights::Knock,
        };
        if rights != Rights::Knock {
            client.facts().user = Some("default".into());
        }
        let limits = if rights == Rights::Knock {
            KNOCKING
        } else {
            SERVED
        };
        Self {
            decoder: RequestDecoder::new(limits),
            out: BytesMut::new(),
            version: Version::Resp2,
            client,
            rights,
            muted: Muted::No,
            subscriptions: None,
            partial: 0,
            closing: false,
        }
    }

    /// Takes what the client sent.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.partial += bytes.len();
        self.decoder.feed(bytes);
    }

    /// How many bytes it holds that it cannot use or send yet.
    pub(super) fn held(&self) -> usize {
        self.partial + self.out.len()
    }

    /// Answers requests until something is needed for the next one.
    pub fn run(&mut self, house: &House) -> Step {
        loop {
            if self.closing {
                return Step::Close;
            }
            if self.out.len() >= OUT_MOST {
                return Step::Write;
            }
            match self.decoder.next_request() {
                Ok(Some(request)) => {
                    self.partial = self.decoder.buffer_mut().len();
                    if let Some(step) = self.take(&request, house) {
                        return step;
                    }
                }
                Ok(None) => {
                    self.rest();
                    return Step::Read;
                }
                Err(error) => {
                    self.put(&Frame::protocol_error(&error));
                    self.closing = true;
                }
            }
        }
    }

    /// The answer to what a step asked for, or something that the connection is told.
    pub fn answer(&mut self, frame: &Frame) {
        self.put(frame);
    }

    /// Something happened; it is for this connection if it subscribed to it.
    pub fn tell(&mut self, message: &Message) {
        let Some(subscriptions) = &self.subscriptions else {
            return;
        };
        for frame in subscriptions.frames_for(message) {
            encode_frame(&frame, self.version, &mut self.out);
        }
    }

    /// Whether events are for this connection.
    pub fn listens(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// What is to be sent.
    pub const fn output(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// The password was said, so longer requests are welcome.
    pub(super) fn welcome(&mut self, user: &str) {
        self.rights = Rights::Act;
        self.client.facts().user = Some(user.into());
        let mut decoder = RequestDecoder::new(SERVED);
        decoder.feed(self.decoder.buffer_mut());
        self.decoder = decoder;
    }

    /// An idle connection holds no buffers.
    fn rest(&mut self) {
        let buffer = self.decoder.buffer_mut();
        if buffer.is_empty() && buffer.capacity() > 0 {
            *buffer = BytesMut::new();
        }
    }

    fn take(&mut self, request: &Request, house: &House) -> Option<Step> {
        Counters::count(&house.counters.commands);
        let silent = self.muted != Muted::No;
        let before = self.out.len();
        let reply = commands::answer(self, request.words(), house);
        let mut wanted = None;
        match reply {
            Reply::Is(frame) => self.put_counted(&frame, house),
            Reply::Are(frames) => {
                for frame in &frames {
                    self.put_counted(frame, house);
                }
            }
            Reply::Replace(group) => wanted = Some(Step::Replace(group)),
            Reply::Follow(group, interest) => wanted = Some(Step::Follow(group, interest)),
            Reply::Held(number) => wanted = Some(Step::Held(number)),
            Reply::Last(frame) => {
                self.put(&frame);
                self.closing = true;
            }
        }
        if silent && self.muted != Muted::No {
            self.out.truncate(before);
            if self.muted == Muted::Next {
                self.muted = Muted::No;
            }
        }
        wanted
    }

    fn put_counted(&mut self, frame: &Frame, house: &House) {
        if matches!(frame, Frame::Error(_)) {
            house.counters.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.put(frame);
    }

    fn put(&mut self, frame: &Frame) {
        encode_frame(frame, self.version, &mut self.out);
    }
}

/// A copy of a word: words share the buffer of their request, which is not kept for them.
pub(super) fn owned(word: &Bytes) -> String {
    String::from_utf8_lossy(word).into_owned()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "session_limits_tests.rs"]
mod limits_tests;
