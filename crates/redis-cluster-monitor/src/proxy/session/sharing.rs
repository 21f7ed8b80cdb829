//! Whether a client's requests go over a line that others use too, or over a connection of its own.
//!
//! Always holds: it changes only while no reply is due, so replies stay in order; and only what is
//! known to depend on nothing but keys is sent over a shared line.

use super::command::Kind;
use super::replies::Passing;
use super::request::{self, Front, Shape};
use super::told::{Identity, Told};
use super::{End, Replies, Session};
use crate::config::Indeterminate;

/// How a client's requests go.
#[derive(Default)]
pub(super) struct Sharing {
    way: Way,
    /// It has sent more than what makes it who it is.
    introduced: bool,
    /// The last request needed a connection of its own.
    needed_own: bool,
    written: Written,
    /// Replicas are waited for over the line, and so it takes no more requests.
    pub(super) ends_line: bool,
    /// Requests in what goes to the server.
    requests: usize,
    /// Requests that are asked again only because their replies do not come over the line.
    aside: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Way {
    /// A connection of its own, always.
    #[default]
    Own,
    /// A connection of its own until it is not needed any more.
    OwnForNow,
    Shared,
}

/// Where this client may have written last.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Written {
    #[default]
    Nowhere,
    /// On the connection that it has.
    Here,
    /// On one that it has no more.
    Elsewhere,
}

/// A server waits for what the same connection has written, and this one has not.
const WRITTEN_ELSEWHERE: &str = "is refused by the proxy: the connection to the server is not the \
                                 one of the last write; it works after the next write";

impl Sharing {
    pub(super) fn new(shares: bool) -> Self {
        let way = if shares { Way::Shared } else { Way::Own };
        Self {
            way,
            ..Self::default()
        }
    }

    /// The connection is gone.
    pub(super) fn parted(&mut self) {
        self.requests = 0;
        if self.written == Written::Here {
            self.written = Written::Elsewhere;
        }
    }

    /// The connection is gone, and not by our will.
    pub(super) fn lost(&mut self) {
        self.parted();
        self.aside = 0;
    }

    /// A request is sent.
    pub(super) fn sent(&mut self, kind: Kind) {
        self.requests += 1;
        self.needed_own = !kind.is_shareable();
        self.introduced |= !matches!(kind, Kind::Setting(_));
        if kind == Kind::Identity {
            // What it was told about its connection stays true.
            self.way = Way::Own;
        }
        if kind.may_write() {
            self.written = Written::Here;
        }
    }
}

impl Session {
    /// One that makes a connection what it has to be, and asks nothing.
    pub(in crate::proxy) fn introducing(identity: Identity) -> Self {
        let mut session = Self::new(Indeterminate::Disconnect, false);
        session.told = Told::of(identity);
        session
    }

    /// Who its connection is.
    pub(in crate::proxy) fn identity(&self) -> Identity {
        self.told.identity()
    }

    /// Whether requests go over a shared line.
    pub(in crate::proxy) fn shares(&self) -> bool {
        self.sharing.way == Way::Shared
    }

    /// Whether the last request needed a connection of its own.
    pub(in crate::proxy) const fn needed_own(&self) -> bool {
        self.sharing.needed_own
    }

    /// Whether replicas are waited for over the shared line.
    pub(in crate::proxy) const fn ends_line(&self) -> bool {
        self.sharing.ends_line
    }

    /// How many requests are in what goes to the server.
    pub(in crate::proxy) fn take_requests(&mut self) -> usize {
        std::mem::take(&mut self.sharing.requests)
    }

    /// From here on it has a connection of its own, as soon as no reply is due.
    pub(in crate::proxy) const fn share_no_longer(&mut self) {
        self.sharing.ends_line = true;
    }

    /// Whether its own connection is one like any other, so that it can do without.
    pub(in crate::proxy) fn may_share(&self) -> bool {
        let sent = &self.sent;
        self.sharing.way == Way::OwnForNow
            && self.told.is_plain()
            && !sent.multi
            && !sent.stale_watch
            && sent.replies == Replies::On
            && self.awaited.is_empty()
            && self.to_server.is_empty()
            && self.streaming.is_none()
            && self.passing.is_none()
            && !self.given_up
            && !self.closing
    }

    /// Whether it has only said who it is so far, and what it asks next is for everybody's line.
    pub(in crate::proxy) fn is_introduced_by(&self, input: &[u8]) -> bool {
        let Ok(Front::Array(shape)) = request::front(input) else {
            return false;
        };
        !self.sharing.introduced && shape.whole && kind(input, &shape).is_shareable()
    }

    /// Gives its own connection up.
    pub(in crate::proxy) fn share(&mut self) {
        self.sharing.way = Way::Shared;
        self.sharing.parted();
        self.telling = None;
    }

    /// What is to be made of a request at the front of `input` while requests are shared; `None` if
    /// it goes over the line.
    pub(super) fn set_apart(&mut self, kind: Kind, shape: &Shape) -> Option<Apart> {
        if !self.shares() || matches!(kind, Kind::Refused(_)) {
            return None;
        }
        if kind == Kind::Quit {
            return Some(Apart::Leaves);
        }
        let waits = kind == Kind::WaitReplicas && self.sharing.written == Written::Here;
        let goes = kind.is_shareable() && !self.sharing.ends_line && shape.whole;
        if goes || (waits && self.is_told()) {
            return None;
        }
        if !self.awaited.is_empty() {
            return Some(Apart::Waits);
        }
        self.sharing.way = if self.sharing.ends_line {
            Way::Own
        } else {
            Way::OwnForNow
        };
        self.sharing.parted();
        self.telling = None;
        Some(Apart::Waits)
    }

    /// Why replicas cannot be waited for.
    pub(super) fn objection_to_waiting(&mut self, kind: Kind) -> Option<&'static str> {
        if kind != Kind::WaitReplicas {
            return None;
        }
        if self.sharing.written == Written::Elsewhere {
            return Some(WRITTEN_ELSEWHERE);
        }
        self.sharing.ends_line |= self.shares();
        None
    }

    /// Its line can be used: what was not answered before is asked over it.
    pub(in crate::proxy) fn joined(&mut self, handed_over: bool) -> Result<(), End> {
        if !handed_over {
            self.settle_unknown(true)?;
        }
        self.telling = Some(0);
        self.told_everything();
        self.sharing.requests = self.awaited.due();
        Ok(())
    }

    /// A part of the reply to the first request came over the line.
    pub(in crate::proxy) fn deliver(&mut self, part: &[u8], ends: bool) {
        self.to_client.extend_from_slice(part);
        self.passing = (!ends).then_some(Passing::BEGUN);
        if ends {
            self.awaited.pop();
            self.give_what_is_due();
        }
    }

    /// Whether all that is due may be asked again elsewhere, so that a reply too long for the line
    /// need not come over it.
    pub(in crate::proxy) fn may_step_aside(&self) -> bool {
        self.passing.is_none() && self.awaited.unknown(true) == 0
    }

    /// What is due is asked again over a connection of its own, and everything after it.
    pub(in crate::proxy) fn step_aside(&mut self) {
        self.sharing.way = Way::Own;
        self.sharing.parted();
        if self.telling.take().is_some() {
            self.sharing.aside = self.awaited.due();
        }
    }

    /// How many of so many requests that are asked again are so because a primary was lost.
    pub(super) const fn replayed(&mut self, again: usize) -> usize {
        again.saturating_sub(std::mem::replace(&mut self.sharing.aside, 0))
    }

    /// Goes, as a server lets it go.
    pub(super) fn quit(&mut self) {
        self.give("+OK\r\n".into());
        self.closing = true;
    }
}

/// What becomes of a request that does not go over a shared line.
pub(super) enum Apart {
    /// It stays where it is, for a connection of its own.
    Waits,
    /// The client leaves.
    Leaves,
}

pub(super) fn kind(input: &[u8], shape: &Shape) -> Kind {
    Kind::of(request::words(&input[shape.head..shape.len]))
}
