//! One client and its server, as bytes: what comes from either side goes in, what goes to either
//! side comes out. No sockets and no time.
//!
//! Decided here: which request goes on and which waits, what becomes of requests whose replies are
//! lost, and what another server is told so that the client does not notice.
//!
//! Always holds: replies leave in the order of the requests, each once; a request whose outcome is
//! not known is never sent again.

mod awaited;
mod command;
mod notices;
mod replies;
mod request;
mod requests;
mod sharing;
mod table;
mod told;

use bytes::{Bytes, BytesMut};
use rcm_resp::{Limits, Scanner, Version, encode_command};

use self::awaited::{Queue, What};
use self::notices::Notices;
use self::replies::Passing;
use self::request::Rest;
pub(super) use self::request::WINDOW;
use self::sharing::Sharing;
pub(super) use self::told::Identity;
use self::told::Told;
use crate::config::Indeterminate;

/// Why a client is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum End {
    /// It is done.
    #[error("it is done")]
    Done,
    /// So many requests were sent and not answered, and must not be sent again.
    #[error("the outcome of {0} requests is unknown")]
    Unknown(usize),
    /// The server went away in the middle of a request or of a reply.
    #[error("a request or a reply was cut in two")]
    Cut,
    /// The connection was something that no other server can be told.
    #[error("its connection cannot be re-established on another server")]
    Unique,
    /// Another server refused what the last one accepted.
    #[error("another server refused what the connection was")]
    Refused,
    /// More settings were sent without waiting for a reply than anybody has.
    #[error("too many requests without waiting for a reply")]
    TooMany,
    /// It does not read what it asked for.
    #[error("it does not read its replies")]
    Slow,
}

/// Why a server is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// It broke the protocol.
    #[error("{0}")]
    Protocol(#[from] rcm_resp::Error),
    /// It does not serve.
    #[error("it does not serve")]
    NotServing,
    /// The client has to go.
    #[error("{0}")]
    Client(End),
}

/// One client and its server.
pub(super) struct Session {
    indeterminate: Indeterminate,
    /// What goes to the server.
    pub(super) to_server: BytesMut,
    /// What goes to the client.
    pub(super) to_client: BytesMut,
    awaited: Queue,
    told: Told,
    sent: Sent,
    /// The request that is passed on while it arrives.
    streaming: Option<Streaming>,
    scanner: Scanner,
    /// The reply that is passed on while it arrives.
    passing: Option<Passing>,
    /// Replies to what the server was told first that are still to come; `None` without a server.
    telling: Option<usize>,
    /// The server refused to go on with this connection.
    given_up: bool,
    /// It has had another server before.
    moved: bool,
    /// Nothing more is taken from the client; it goes when all is answered.
    closing: bool,
    sharing: Sharing,
    notices: Notices,
    /// What happened since somebody asked.
    pub(super) tally: Tally,
}

/// How many requests were sent, sent again, and are of unknown outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) replayed: u64,
    pub(super) indeterminate: u64,
}

/// What was sent, confirmed or not.
#[derive(Default)]
struct Sent {
    multi: bool,
    /// Keys were watched on a server that is gone.
    stale_watch: bool,
    replies: Replies,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Replies {
    #[default]
    On,
    Off,
    SkipNext,
}

struct Streaming {
    rest: Rest,
    /// It goes nowhere, and this is its reply.
    refused: Option<Bytes>,
}

/// What the server sends may be of any length, because it is not held; except for a line, which is.
pub(super) const REPLIES: Limits = Limits {
    max_bulk: usize::MAX / 4,
    max_inline: 1024 * 1024,
    ..Limits::relay()
};

impl Session {
    /// With `shares`, its requests may go over a line that others use too.
    pub(super) fn new(indeterminate: Indeterminate, shares: bool) -> Self {
        Self {
            indeterminate,
            sharing: Sharing::new(shares),
            notices: Notices::default(),
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            awaited: Queue::default(),
            told: Told::default(),
            sent: Sent::default(),
            streaming: None,
            scanner: Scanner::new(REPLIES),
            passing: None,
            telling: None,
            given_up: false,
            moved: false,
            closing: false,
            tally: Tally::default(),
        }
    }

    /// Whether a server is needed although the client asks for nothing.
    pub(super) fn needs_server(&self) -> bool {
        self.told.listens() || !self.awaited.is_empty()
    }

    /// Whether a reply is due, of those that do not wait for something to happen.
    pub(super) fn is_busy(&self) -> bool {
        let is_due = |what: &What| {
            !matches!(
                what,
                What::Given(_) | What::WaitRead | What::WaitTake | What::Own(_)
            )
        };
        self.streams() || !self.to_server.is_empty() || self.awaited.iter().any(is_due)
    }

    /// Whether the server was told everything, and requests may be sent to it.
    pub(super) fn is_told(&self) -> bool {
        self.telling == Some(0)
    }

    /// Whether a reply is due of any kind.
    pub(super) fn is_awaiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Whether the client goes once all is written.
    pub(super) fn is_closing(&self) -> bool {
        self.closing && self.awaited.is_empty()
    }

    /// The server is told what the connection is, and what is due from it. `handed_over`: if one was
    /// lost since, then because it handed over its office, and nothing that it had not answered was
    /// executed.
    pub(super) fn connected(&mut self, handed_over: bool) -> Result<(), End> {
        if !handed_over {
            self.settle_unknown(true)?;
        }
        self.scanner = Scanner::new(REPLIES);
        let steps = self.told.steps();
        let mut expected = Vec::with_capacity(steps.len());
        for step in &steps {
            step.write(&mut self.to_server);
            expected.push(step.expect);
        }
        self.telling = Some(expected.len());
        self.awaited.put_before(&expected);
        Ok(())
    }

    /// The server is gone, and what it has not answered with it.
    pub(super) fn lost(&mut self) -> Result<(), End> {
        self.to_server.clear();
        self.telling = None;
        self.moved = true;
        self.sharing.lost();
        let begun = matches!(
            self.awaited.front(),
            Some(What::Confirmations { begun: true, .. })
        );
        if self.streams() || self.passing.take().is_some_and(|it| it.begun) || begun {
            return Err(End::Cut);
        }
        self.awaited.forget_own();
        let quits = self.awaited.iter().any(|what| matches!(what, What::Quit));
        if quits || self.closing || self.given_up {
            return Err(End::Done);
        }
        if self.told.unique {
            return Err(End::Unique);
        }
        if std::mem::take(&mut self.told.watched) {
            let forgets = |what: &What| matches!(what, What::Unwatch | What::Discard | What::Reset);
            self.sent.stale_watch = !self.awaited.iter().any(forgets);
        }
        self.settle_unknown(false)
    }

    fn settle_unknown(&mut self, taken: bool) -> Result<(), End> {
        let unknown = self.awaited.unknown(taken);
        if unknown == 0 {
            return Ok(());
        }
        self.tally.indeterminate += unknown as u64;
        // Without one of its commands an open transaction would be another one.
        let half = self.sent.multi && self.awaited.lacks_of_transaction();
        if half || self.indeterminate == Indeterminate::Disconnect {
            return Err(End::Unknown(unknown));
        }
        let text = error_line(
            "UNKNOWNOUTCOME the primary was lost before it answered; the command may have been \
             executed",
        );
        self.awaited.answer_unknown(&text, taken);
        self.give_what_is_due();
        Ok(())
    }

    /// A request is sent while it arrives.
    fn streams(&self) -> bool {
        self.streaming
            .as_ref()
            .is_some_and(|streaming| streaming.refused.is_none())
    }

    fn give_what_is_due(&mut self) {
        while matches!(self.awaited.front(), Some(What::Given(_))) {
            if let Some(What::Given(text)) = self.awaited.pop() {
                self.to_client.extend_from_slice(&text);
            }
        }
    }

    /// The server was told everything, and is given what the one before did not answer.
    fn told_everything(&mut self) {
        if self.told.tracks() && self.told.version == Version::Resp3 && self.moved {
            // The server does not know which keys the client has read.
            self.to_client
                .extend_from_slice(b">2\r\n$10\r\ninvalidate\r\n_\r\n");
        }
        let again = self.awaited.iter().filter(|it| is_sent(it)).count();
        self.tally.replayed += self.replayed(again) as u64;
        self.to_server.extend_from_slice(self.awaited.again());
        if self.sent.replies == Replies::Off {
            self.to_server
                .extend_from_slice(&command(&["CLIENT", "REPLY", "OFF"]));
        }
    }
}

/// Whether it was sent to a server, rather than being a reply of ours.
const fn is_sent(what: &What) -> bool {
    !matches!(what, What::Given(_) | What::Own(_))
}

fn command(words: &[&str]) -> BytesMut {
    let mut wire = BytesMut::new();
    encode_command(words, &mut wire);
    wire
}

fn error_line(text: &str) -> Bytes {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("-{text}\r\n").into()
}

#[cfg(test)]
mod tests;
