//! What comes from the server: which request a frame answers, and what it says about the
//! connection. Frames are passed on as they arrive.

use bytes::{Buf, BytesMut};
use rcm_resp::{Progress, Version};

use super::awaited::What;
use super::told::{Confirmation, Expect};
use super::{End, Fault, Session, error_line};

/// A frame that is arriving.
#[derive(Clone, Copy)]
pub(super) struct Passing {
    frame: Frame,
    /// The client has seen the beginning of it.
    pub(super) begun: bool,
}

#[derive(Clone, Copy)]
enum Frame {
    /// Nobody asked for it.
    Push,
    /// The reply to the first request.
    Reply(Answer),
    /// A confirmation, which is read whole.
    Confirmation,
}

/// What the first bytes of a reply tell.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    is_error: bool,
    is_null: bool,
}

/// The longest confirmation that is read; one with a longer name is only passed on.
const CONFIRMATION: usize = 64 * 1024;
/// The longest beginning of a frame in which its first word is looked for.
const BEGINNING: usize = 64;

/// What the first word of an array is.
enum First<'a> {
    Word(&'a [u8]),
    Other,
    /// It has not arrived.
    Missing,
}

impl Answer {
    /// To a command whose reply the client does not want.
    pub(super) const UNSEEN: Self = Self {
        is_error: false,
        is_null: false,
    };
}

impl Passing {
    /// A reply of a kind that tells nothing about the connection.
    pub(super) const BEGUN: Self = Self {
        frame: Frame::Reply(Answer::UNSEEN),
        begun: true,
    };
}

impl Session {
    /// Takes what came from the server.
    pub(in crate::proxy) fn hear(&mut self, input: &mut BytesMut) -> Result<(), Fault> {
        while !input.is_empty() {
            let Some(mut passing) = self.passing.or_else(|| self.begin(input)) else {
                return Ok(());
            };
            match self.scanner.scan(input)? {
                Progress::Frame { len } => {
                    self.passing = None;
                    let frame = input.split_to(len);
                    self.end(passing, &frame)?;
                }
                Progress::Need => {
                    let is_confirmation = matches!(passing.frame, Frame::Confirmation);
                    if is_confirmation && input.len() < CONFIRMATION {
                        return Ok(());
                    }
                    // A name too long to be remembered.
                    self.told.unique |= is_confirmation;
                    let count = self.scanner.scanned().min(input.len());
                    self.scanner.discard(count);
                    if self.shows(passing.frame) {
                        self.to_client.extend_from_slice(&input[..count]);
                        passing.begun |= count > 0;
                    }
                    input.advance(count);
                    self.passing = Some(passing);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Tells what frame begins in `input`, if that can be told.
    fn begin(&self, input: &[u8]) -> Option<Passing> {
        let in_old_protocol = self.told.version == Version::Resp2;
        let may_confirm = self.expects_confirmation();
        let subscribed = self.told.is_subscribed();
        let frame = match input {
            [b'>', ..] => match first(input) {
                First::Missing => return None,
                First::Word(word) if Confirmation::kind(word).is_some() => Frame::Confirmation,
                First::Word(_) | First::Other => Frame::Push,
            },
            [b'*', ..] if in_old_protocol && (subscribed || may_confirm) => match first(input) {
                First::Missing => return None,
                First::Word(b"message" | b"pmessage" | b"smessage") if subscribed => Frame::Push,
                First::Word(word) if may_confirm && Confirmation::kind(word).is_some() => {
                    Frame::Confirmation
                }
                First::Word(_) | First::Other => self.reply(input)?,
            },
            // Each line shown begins with a time, and no simple reply does.
            [b'+'] if self.told.monitor => return None,
            [b'+', b'0'..=b'9', ..] if self.told.monitor => Frame::Push,
            _ => self.reply(input)?,
        };
        let begun = false;
        Some(Passing { frame, begun })
    }

    fn reply(&self, input: &[u8]) -> Option<Frame> {
        let is_null = match (self.awaited.front(), input) {
            (None, _) => return Some(Frame::Push),
            (Some(What::Exec), [_]) => return None,
            (Some(What::Exec), _) => matches!(input, [b'_', ..] | [b'*' | b'$', b'-', ..]),
            (Some(_), _) => false,
        };
        let is_error = matches!(input, [b'-' | b'!', ..]);
        Some(Frame::Reply(Answer { is_error, is_null }))
    }

    fn expects_confirmation(&self) -> bool {
        matches!(
            self.awaited.front(),
            Some(What::Confirmations { .. } | What::Own(Expect::Confirmations(_)))
        )
    }

    /// Whether the client sees the frame that is arriving.
    fn shows(&self, frame: Frame) -> bool {
        match frame {
            Frame::Push => true,
            Frame::Reply(_) | Frame::Confirmation => !matches!(
                self.awaited.front(),
                Some(What::Own(_) | What::Instead(_) | What::StaleExec)
            ),
        }
    }

    /// A frame has ended; `rest` is what was not passed on before.
    fn end(&mut self, passing: Passing, rest: &[u8]) -> Result<(), Fault> {
        if self.shows(passing.frame) {
            self.to_client.extend_from_slice(rest);
        }
        match passing.frame {
            Frame::Push => {}
            Frame::Confirmation => self.end_confirmation(rest),
            Frame::Reply(answer) => {
                if rest.starts_with(b"-ERR Protocol error") {
                    self.given_up = true;
                }
                match self.awaited.pop() {
                    Some(What::Own(expect)) => self.end_own(expect, answer, rest)?,
                    Some(What::Instead(text)) => {
                        self.told.fail_transaction();
                        self.to_client.extend_from_slice(&text);
                    }
                    Some(What::StaleExec) => self.end_stale(answer),
                    Some(what) => self.answered(what, answer),
                    None => {}
                }
            }
        }
        self.give_what_is_due();
        Ok(())
    }

    /// What a reply says about the connection.
    pub(super) fn answered(&mut self, what: What, answer: Answer) {
        let told = &mut self.told;
        match what {
            What::Exec => {
                told.end_transaction(!answer.is_error && !answer.is_null);
            }
            What::Queued(_) if answer.is_error => told.fail_transaction(),
            What::Quit => self.closing = true,
            _ if answer.is_error => {}
            What::Multi => told.begin_transaction(),
            What::Queued(Some(change)) => told.queue(*change),
            What::Discard => {
                told.end_transaction(false);
            }
            What::Watch => told.watched = true,
            What::Unwatch => told.watched = false,
            What::Change(change) => told.set(*change),
            What::Monitor => told.monitor = true,
            What::Reset => {
                told.reset();
                self.notices.reset();
            }
            What::Reply
            | What::WaitRead
            | What::WaitTake
            | What::Queued(None)
            | What::StaleExec
            | What::Confirmations { .. }
            | What::Instead(_)
            | What::Given(_)
            | What::Own(_) => {}
        }
    }

    /// The transaction fails as if a watched key had changed.
    fn end_stale(&mut self, answer: Answer) {
        let failed = self.told.end_transaction(false);
        let text = if answer.is_error {
            error_line("ERR EXEC without MULTI")
        } else if failed {
            error_line("EXECABORT Transaction discarded because of previous errors.")
        } else if self.told.version == Version::Resp3 {
            "_\r\n".into()
        } else {
            "*-1\r\n".into()
        };
        self.to_client.extend_from_slice(&text);
    }

    fn end_confirmation(&mut self, frame: &[u8]) {
        let confirmation = Confirmation::read(frame);
        let is_of = |channels, subscribed| {
            confirmation
                .as_ref()
                .is_none_or(|it| it.is_of(channels, subscribed))
        };
        let is_over = match self.awaited.front_mut() {
            Some(What::Own(Expect::Confirmations(left))) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            Some(What::Confirmations {
                channels,
                subscribed,
                left,
                begun,
            }) if is_of(*channels, *subscribed) => {
                *begun = true;
                let due = left.unwrap_or_else(|| self.told.subscriptions(*channels).max(1));
                *left = Some(due.saturating_sub(1));
                *left == Some(0)
            }
            _ => false,
        };
        if let Some(confirmation) = confirmation {
            self.told.confirmed(confirmation);
        }
        if is_over && let Some(What::Own(_)) = self.awaited.pop() {
            self.step_done();
        }
    }

    fn end_own(&mut self, expect: Expect, answer: Answer, reply: &[u8]) -> Result<(), Fault> {
        let serves = ["+PONG", "-NOAUTH", "-NOPERM", "-BUSY"];
        let is_ok = match expect {
            Expect::Life if serves.iter().any(|it| reply.starts_with(it.as_bytes())) => true,
            Expect::Life => return Err(Fault::NotServing),
            Expect::Success | Expect::Confirmations(_) => !answer.is_error,
            Expect::Anything => true,
        };
        if !is_ok {
            return Err(Fault::Client(End::Refused));
        }
        self.step_done();
        Ok(())
    }

    fn step_done(&mut self) {
        self.telling = self.telling.map(|left| left.saturating_sub(1));
        if self.telling == Some(0) {
            self.told_everything();
        }
    }
}

/// The first word of an array of bulk strings.
fn first(input: &[u8]) -> First<'_> {
    let input = &input[..input.len().min(BEGINNING)];
    let mut lines = input.split_inclusive(|byte| *byte == b'\n');
    let (head, length) = (lines.next(), lines.next());
    let is_whole = |line: Option<&[u8]>| line.is_some_and(|line| line.ends_with(b"\n"));
    if !is_whole(head) || !is_whole(length) {
        return match length {
            Some([other, ..]) if *other != b'$' => First::Other,
            _ if input.len() == BEGINNING => First::Other,
            _ => First::Missing,
        };
    }
    let (Some(head), Some([b'$', digits @ ..])) = (head, length) else {
        return First::Other;
    };
    let start = head.len() + 1 + digits.len();
    let digits = str::from_utf8(digits.trim_ascii_end()).unwrap_or_default();
    let Ok(length) = digits.parse::<usize>() else {
        return First::Other;
    };
    match input.get(start..start.saturating_add(length)) {
        Some(word) => First::Word(word),
        None if input.len() == BEGINNING || length > BEGINNING => First::Other,
        None => First::Missing,
    }
}
