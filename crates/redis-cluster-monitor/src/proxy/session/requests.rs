//! What comes from the client: which requests go on, which wait, and what their replies will mean.

use bytes::{Bytes, BytesMut};

use super::awaited::{LIMIT, What};
use super::command::Kind;
use super::replies::Answer;
use super::request::{self, Front, Shape};
use super::sharing::{self, Apart};
use super::told::{Change, FAIL};
use super::{End, Replies, Sent, Session, Streaming, command, error_line};

impl Session {
    /// Takes requests from `input`. They stay there if they may not be sent now.
    pub(in crate::proxy) fn take(
        &mut self,
        input: &mut BytesMut,
        may_send: bool,
    ) -> Result<(), End> {
        while !self.closing {
            if self.streaming.is_some() {
                if let Err(error) = self.stream(input) {
                    self.refuse_protocol(error);
                } else if self.streaming.is_some() {
                    return Ok(());
                }
                continue;
            }
            let front = match request::front(input) {
                Ok(Front::Inline(len)) => match request::unfold(input, len) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                front => front,
            };
            match front {
                Err(error) => self.refuse_protocol(error),
                Ok(Front::Nothing(len)) => request::skip(input, len),
                Ok(Front::Array(shape)) if shape.may_go_on(input.len()) => {
                    let kind = sharing::kind(input, &shape);
                    if self.is_about_notices(kind, &shape) {
                        if self.answer_about_notices(input, &shape) {
                            continue;
                        }
                        return Ok(());
                    }
                    match self.set_apart(kind, &shape) {
                        Some(Apart::Waits) => return Ok(()),
                        Some(Apart::Leaves) => {
                            self.quit();
                            continue;
                        }
                        None => {}
                    }
                    if !may_send || !self.is_told() {
                        return Ok(());
                    }
                    if self.awaited.len() >= LIMIT {
                        return Err(End::TooMany);
                    }
                    self.send(input, &shape, kind);
                }
                Ok(Front::Array(_) | Front::Unknown | Front::Inline(_)) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Answers the requests in `input` with an error instead of sending them; gives how many.
    pub(in crate::proxy) fn refuse(&mut self, input: &mut BytesMut, text: &'static str) -> u64 {
        let text = error_line(text);
        let mut refused = 0;
        while !self.closing && self.streaming.is_none() {
            let Ok(Front::Array(shape)) = request::front(input) else {
                return refused;
            };
            let kind = sharing::kind(input, &shape);
            // Half of a transaction must not be executed.
            self.closing |= self.sent.multi || kind == Kind::Multi;
            request::skip(input, shape.len);
            refused += 1;
            if shape.whole {
                self.give(text.clone());
            } else {
                self.streaming = Some(Streaming {
                    rest: shape.rest,
                    refused: Some(text.clone()),
                });
            }
        }
        refused
    }

    /// Whether something of the client waits to be sent.
    pub(in crate::proxy) fn holds(&self, input: &[u8]) -> bool {
        !self.closing
            && self.streaming.is_none()
            && matches!(request::front(input), Ok(Front::Array(shape)) if shape.may_go_on(input.len()))
    }

    fn stream(&mut self, input: &mut BytesMut) -> Result<(), rcm_resp::Error> {
        let Some(mut streaming) = self.streaming.take() else {
            return Ok(());
        };
        let count = streaming.rest.advance(input)?;
        if streaming.refused.is_none() {
            self.to_server.extend_from_slice(&input[..count]);
        }
        request::skip(input, count);
        if !streaming.rest.is_over() {
            self.streaming = Some(streaming);
        } else if let Some(text) = streaming.refused {
            self.give(text);
        }
        Ok(())
    }

    fn send(&mut self, input: &mut BytesMut, shape: &Shape, kind: Kind) {
        self.tally.requests += 1;
        if !shape.whole {
            self.streaming = Some(Streaming {
                rest: shape.rest,
                refused: None,
            });
        }
        self.pass_on(&input[..shape.len], shape, kind);
        request::skip(input, shape.len);
    }

    fn pass_on(&mut self, request: &[u8], shape: &Shape, mut kind: Kind) {
        let words = || request::words(&request[shape.head..]);
        if kind.needs_all_words() && !shape.whole {
            self.told.unique = true;
            kind = Kind::Write;
        }
        if let Some(why) = self.objection(kind) {
            return self.object(why, words().next().unwrap_or_default());
        }
        self.sharing.sent(kind);
        let what = self.what(kind, shape.words, words());
        let again = shape.whole
            && (kind.may_be_repeated() || matches!(what, What::Queued(_) | What::StaleExec));
        let discard;
        let wire = if matches!(what, What::StaleExec) {
            discard = command(&["DISCARD"]);
            &discard[..]
        } else {
            request
        };
        self.to_server.extend_from_slice(wire);
        self.expect(kind, what, again.then_some(wire));
    }

    /// What the reply to a request will mean; and what the request means for those after it.
    fn what<'a>(&mut self, kind: Kind, words: usize, all: impl Iterator<Item = &'a [u8]>) -> What {
        let in_transaction = self.sent.multi;
        match kind {
            Kind::Exec => {
                let stale = std::mem::take(&mut self.sent.stale_watch);
                self.sent.multi = false;
                if in_transaction && stale {
                    What::StaleExec
                } else {
                    What::Exec
                }
            }
            Kind::Discard => {
                (self.sent.multi, self.sent.stale_watch) = (false, false);
                What::Discard
            }
            Kind::Reset => {
                self.sent = Sent::default();
                What::Reset
            }
            Kind::Quit => What::Quit,
            Kind::Setting(setting) => {
                let change = Box::new(Change::new(setting, all));
                if in_transaction {
                    What::Queued(Some(change))
                } else {
                    What::Change(change)
                }
            }
            _ if in_transaction => What::Queued(None),
            Kind::Multi => {
                self.sent.multi = true;
                What::Multi
            }
            Kind::Watch => What::Watch,
            Kind::Unwatch => {
                self.sent.stale_watch = false;
                What::Unwatch
            }
            Kind::WaitRead => What::WaitRead,
            Kind::WaitTake => What::WaitTake,
            Kind::Monitor => What::Monitor,
            Kind::Subscribe(channels) => What::Confirmations {
                channels,
                subscribed: true,
                left: Some(words - 1),
                begun: false,
            },
            Kind::Unsubscribe(channels) => What::Confirmations {
                channels,
                subscribed: false,
                left: (words > 1).then_some(words - 1),
                begun: false,
            },
            Kind::Read
            | Kind::Change
            | Kind::Write
            | Kind::Identity
            | Kind::WaitReplicas
            | Kind::Notices
            | Kind::ReplyOn
            | Kind::ReplyOff
            | Kind::ReplySkip
            | Kind::Refused(_) => What::Reply,
        }
    }

    /// Waits for the reply, unless the client wants none.
    fn expect(&mut self, kind: Kind, what: What, again: Option<&[u8]>) {
        let muted = self.sent.replies;
        if muted == Replies::SkipNext || kind == Kind::ReplyOn {
            self.sent.replies = Replies::On;
        }
        if kind == Kind::ReplyOff {
            self.sent.replies = Replies::Off;
            return;
        }
        if kind == Kind::ReplySkip {
            if muted != Replies::Off {
                self.sent.replies = Replies::SkipNext;
            }
            return;
        }
        if muted == Replies::On || kind == Kind::ReplyOn || kind == Kind::Reset {
            self.awaited.push(what, again);
        } else {
            // Nobody will say that it was refused.
            self.told.unique |= matches!(what, What::Confirmations { .. });
            self.answered(what, Answer::UNSEEN);
        }
    }

    /// Why a command is not sent.
    fn objection(&mut self, kind: Kind) -> Option<&'static str> {
        if let Kind::Refused(why) = kind {
            return Some(why);
        }
        if let Some(why) = self.objection_to_waiting(kind) {
            return Some(why);
        }
        let upsets = self.sent.multi && kind.upsets_a_transaction();
        upsets.then_some("is refused by the proxy inside a transaction")
    }

    fn object(&mut self, why: &str, name: &[u8]) {
        let name = String::from_utf8_lossy(name).to_uppercase();
        let text = error_line(&format!("ERR {name} {why}"));
        if let Some(streaming) = &mut self.streaming {
            streaming.refused = Some(text);
            return;
        }
        if !self.sent.multi {
            return self.give(text);
        }
        // The server has to know that the transaction failed.
        let fail = command(&[FAIL]);
        self.to_server.extend_from_slice(&fail);
        self.awaited.push(What::Instead(text), Some(&fail));
    }

    /// A reply of ours, after all that are due.
    pub(super) fn give(&mut self, text: Bytes) {
        match self.sent.replies {
            Replies::On => self.awaited.push(What::Given(text), None),
            Replies::Off => {}
            Replies::SkipNext => self.sent.replies = Replies::On,
        }
        self.give_what_is_due();
    }

    fn refuse_protocol(&mut self, error: rcm_resp::Error) {
        self.streaming = None;
        self.awaited.push(
            What::Given(error_line(&format!("ERR Protocol error: {error}"))),
            None,
        );
        self.closing = true;
        self.give_what_is_due();
    }
}
