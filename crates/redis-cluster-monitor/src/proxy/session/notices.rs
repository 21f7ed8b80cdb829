//! What a client that asked for it is told of maintenance, in the words that libraries know: that a
//! failover is under way, and that it is over, so that they wait longer meanwhile; and that the proxy
//! ends, so that they connect again in time.
//!
//! Decided here: who is told what. Always holds: only who speaks RESP3 and asked is told anything,
//! between two frames, and the end of a failover only after its beginning.

use std::time::Duration;

use bytes::BytesMut;
use rcm_resp::Version;

use super::command::Kind;
use super::request::{self, Shape};
use super::{Replies, Session, error_line};

/// How a client stands to notices.
#[derive(Default)]
pub(super) struct Notices {
    /// They may be asked for.
    offered: bool,
    wish: Wish,
    /// That it should move was told.
    moving: bool,
    /// That a failover is under way was told, and that it is over was not.
    failing: bool,
    /// The number of the last one.
    number: u64,
}

impl Notices {
    /// Nobody asked for them any more.
    pub(super) const fn reset(&mut self) {
        self.wish = Wish::Off;
        self.failing = false;
    }
}

impl Session {
    /// The same, whose client may ask for notices.
    pub(in crate::proxy) const fn offering_notices(mut self, offered: bool) -> Self {
        self.notices.offered = offered;
        self
    }

    /// Whether a request is for the proxy alone. A server would say that it does not know it.
    pub(super) const fn is_about_notices(&self, kind: Kind, shape: &Shape) -> bool {
        self.notices.offered && shape.whole && !self.sent.multi && matches!(kind, Kind::Notices)
    }

    /// Answers the request at the front of `input`, when nothing before it is unanswered: whether the
    /// client speaks RESP3 is known only then. Gives whether it did.
    pub(super) fn answer_about_notices(&mut self, input: &mut BytesMut, shape: &Shape) -> bool {
        if !self.awaited.is_empty() {
            return false;
        }
        let wish = Wish::read(request::words(&input[shape.head..shape.len]).skip(2));
        let reply = match wish {
            Some(Wish::Off) => {
                self.notices.reset();
                "+OK\r\n".into()
            }
            Some(wish) if self.told.version == Version::Resp3 => {
                self.notices.wish = wish;
                "+OK\r\n".into()
            }
            Some(_) => error_line("ERR CLIENT MAINT_NOTIFICATIONS needs RESP3, see HELLO"),
            None => error_line("ERR CLIENT MAINT_NOTIFICATIONS takes ON or OFF"),
        };
        request::skip(input, shape.len);
        self.give(reply);
        true
    }

    /// Tells the client whether a failover is under way, if it does not know. It waits for at most
    /// `within`.
    pub(in crate::proxy) fn tell_of_failover(&mut self, is_under_way: bool, within: Duration) {
        if self.notices.failing == is_under_way || !self.hears_notices() || !self.is_between() {
            return;
        }
        self.notices.failing = is_under_way;
        self.notices.number += 1;
        let number = self.notices.number;
        let text = if is_under_way {
            let seconds = within.as_secs().max(1);
            format!(">3\r\n$12\r\nFAILING_OVER\r\n:{number}\r\n:{seconds}\r\n")
        } else {
            format!(">2\r\n$11\r\nFAILED_OVER\r\n:{number}\r\n")
        };
        self.to_client.extend_from_slice(text.as_bytes());
    }

    /// Whether the client goes by itself when it is told of the proxy's end.
    pub(in crate::proxy) fn moves(&self) -> bool {
        self.notices.wish == Wish::On { moves: true } && self.hears_notices()
    }

    /// Tells the client, once, to connect again: it does so in the middle of the time that is left.
    pub(in crate::proxy) fn tell_to_move(&mut self, within: Duration) {
        if self.notices.moving || !self.moves() || !self.is_between() {
            return;
        }
        self.notices.moving = true;
        self.notices.number += 1;
        let number = self.notices.number;
        let seconds = within.as_secs().max(1);
        let text = format!(">4\r\n$6\r\nMOVING\r\n:{number}\r\n:{seconds}\r\n_\r\n");
        self.to_client.extend_from_slice(text.as_bytes());
    }

    fn hears_notices(&self) -> bool {
        let speaks = self.told.version == Version::Resp3 && self.sent.replies == Replies::On;
        self.notices.wish != Wish::Off && speaks
    }

    /// Whether no reply is half passed on.
    fn is_between(&self) -> bool {
        self.passing.is_none_or(|passing| !passing.begun)
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Wish {
    #[default]
    Off,
    /// Who moves need not be told where to: it knows the address, and waits for a while.
    On { moves: bool },
}

impl Wish {
    /// Reads the words of a request; `None` if it makes no sense.
    fn read<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let is = |word: &[u8], known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let first = words.next()?;
        if is(first, "off") {
            return Some(Self::Off);
        }
        is(first, "on").then(|| {
            let asks_where = words.any(|word| is(word, "moving-endpoint-type"));
            let moves = asks_where && words.next().is_some_and(|word| is(word, "none"));
            Self::On { moves }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ask, hear, open};
    use super::*;
    use crate::config::Indeterminate;

    const HELD: Duration = Duration::from_secs(10);
    const ON: &str = "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip";

    fn offering() -> Session {
        open(Indeterminate::Disconnect).offering_notices(true)
    }

    /// A client that speaks RESP3 and has asked.
    fn asking() -> Session {
        let mut session = offering();
        ask(&mut session, &["HELLO 3"]);
        hear(&mut session, b"%0\r\n");
        assert_eq!(ask(&mut session, &[ON]), "");
        assert_eq!(hear(&mut session, b""), "+OK\r\n");
        session
    }

    fn told(session: &mut Session, is_under_way: bool) -> String {
        session.tell_of_failover(is_under_way, HELD);
        hear(session, b"")
    }

    #[test]
    fn the_beginning_and_the_end_are_told_once() {
        let mut session = asking();
        assert_eq!(told(&mut session, false), "");
        assert_eq!(
            told(&mut session, true),
            ">3\r\n$12\r\nFAILING_OVER\r\n:1\r\n:10\r\n"
        );
        assert_eq!(told(&mut session, true), "");
        let over = ">2\r\n$11\r\nFAILED_OVER\r\n:2\r\n";
        assert_eq!(told(&mut session, false), over);
        assert_eq!(told(&mut session, false), "");
    }

    #[test]
    fn only_who_needs_no_address_is_told_to_move() {
        for (words, is_told) in [
            (ON, false),
            ("CLIENT MAINT_NOTIFICATIONS ON", false),
            ("CLIENT MAINT_NOTIFICATIONS ON none", false),
            ("CLIENT MAINT_NOTIFICATIONS ON MOVING-ENDPOINT-TYPE", false),
            (
                "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none",
                true,
            ),
            ("CLIENT MAINT_NOTIFICATIONS OFF", false),
        ] {
            let mut session = asking();
            ask(&mut session, &[words]);
            hear(&mut session, b"");
            let told = |session: &mut Session| {
                session.tell_to_move(Duration::from_secs(5));
                hear(session, b"")
            };
            assert_eq!(session.moves(), is_told, "{words}");
            let text = if is_told {
                ">4\r\n$6\r\nMOVING\r\n:1\r\n:5\r\n_\r\n"
            } else {
                ""
            };
            assert_eq!(told(&mut session), text, "{words}");
            assert_eq!(told(&mut session), "", "{words}");
        }
    }

    #[test]
    fn a_reply_is_not_interrupted() {
        let mut session = asking();
        ask(&mut session, &["GET k"]);
        assert_eq!(hear(&mut session, b"$4\r\nab"), "$4\r\nab");
        assert_eq!(told(&mut session, true), "");
        assert_eq!(hear(&mut session, b"cd\r\n"), "cd\r\n");
        assert!(told(&mut session, true).starts_with(">3\r\n"));
    }

    #[test]
    fn who_did_not_ask_or_does_so_no_longer_is_told_nothing() {
        let mut session = offering();
        assert_eq!(told(&mut session, true), "");
        for words in ["CLIENT MAINT_NOTIFICATIONS OFF", "RESET", "HELLO 2"] {
            let mut session = asking();
            if !ask(&mut session, &[words]).is_empty() {
                hear(&mut session, b"+RESET\r\n");
            }
            hear(&mut session, b"");
            assert_eq!(told(&mut session, true), "", "{words}");
        }
    }

    #[test]
    fn the_reply_comes_after_those_before_it() {
        let mut session = offering();
        let mut input = BytesMut::from(&b"HELLO 3\r\nGET k\r\n"[..]);
        input.extend_from_slice(ON.as_bytes());
        input.extend_from_slice(b"\r\nPING\r\n");
        session.take(&mut input, true).unwrap();
        hear(&mut session, b"%0\r\n");
        session.take(&mut input, true).unwrap();
        assert_eq!(hear(&mut session, b"_\r\n"), "_\r\n");
        session.take(&mut input, true).unwrap();
        assert!(input.is_empty());
        assert_eq!(hear(&mut session, b"+PONG\r\n"), "+OK\r\n+PONG\r\n");
    }

    #[test]
    fn they_are_refused_in_the_old_protocol() {
        let mut session = offering();
        assert_eq!(ask(&mut session, &[ON]), "");
        let refused = "-ERR CLIENT MAINT_NOTIFICATIONS needs RESP3, see HELLO\r\n";
        assert_eq!(hear(&mut session, b""), refused);
    }

    #[test]
    fn where_they_are_not_offered_the_server_answers() {
        let mut session = open(Indeterminate::Disconnect);
        assert_eq!(ask(&mut session, &[ON]), ON);
    }
}
