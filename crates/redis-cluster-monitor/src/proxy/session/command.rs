//! What the proxy must know of a command: whether it may be asked twice, and whether it changes
//! what the connection is.
//!
//! Everything unknown, commands of modules among them, is taken as a write that changes nothing
//! about the connection, and is not shared.

use super::table::{self, Effect};

/// What a command means for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Asking twice does no harm.
    Read,
    /// Asking twice may, and nothing of it depends on the connection.
    Change,
    /// Asking twice may.
    Write,
    /// Asking twice does no harm, and the reply is about the connection itself.
    Identity,
    /// Waits until replicas have what this connection has written.
    WaitReplicas,
    /// Waits for something to read.
    WaitRead,
    /// Waits for something to take away.
    WaitTake,
    Multi,
    Exec,
    Discard,
    Watch,
    Unwatch,
    Subscribe(Channels),
    Unsubscribe(Channels),
    /// Changes what the connection is until something else is said.
    Setting(Setting),
    /// `CLIENT MAINT_NOTIFICATIONS`.
    Notices,
    /// `CLIENT REPLY`.
    ReplyOn,
    ReplyOff,
    ReplySkip,
    Monitor,
    Reset,
    Quit,
    /// Not through a proxy, for this reason.
    Refused(&'static str),
}

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channels {
    Named,
    Patterns,
    Sharded,
}

/// What a connection is told once and remembers, in the order in which another one is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Setting {
    Auth,
    Hello,
    Select,
    Name,
    LibraryName,
    LibraryVersion,
    Capabilities,
    NoEvict,
    NoTouch,
    Tracking,
}

/// The longest name of a command that is looked up.
pub(super) const NAME_LIMIT: usize = 20;

const ROLES: &str = "is refused by the proxy: roles are the monitor's, ask it for a switchover";
const STREAM: &str = "is refused by the proxy: a replica connects to a node itself";

impl Kind {
    /// What a request of these words is.
    pub(super) fn of<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut buffer = [0; NAME_LIMIT];
        let Some(name) = words.next().and_then(|name| capitals(name, &mut buffer)) else {
            return Self::Write;
        };
        match table::effect(name) {
            Some(Effect::Reads) => return Self::Read,
            Some(Effect::Changes) => return Self::Change,
            None => {}
        }
        match name {
            b"BLPOP" | b"BRPOP" | b"BLMOVE" | b"BRPOPLPUSH" | b"BLMPOP" | b"BZPOPMIN"
            | b"BZPOPMAX" | b"BZMPOP" => Self::WaitTake,
            b"XREAD" => xread(words),
            b"XREADGROUP" if words.any(|word| word.eq_ignore_ascii_case(b"BLOCK")) => {
                Self::WaitTake
            }
            b"XREADGROUP" => Self::Change,
            b"WAIT" | b"WAITAOF" => Self::WaitReplicas,
            b"MULTI" => Self::Multi,
            b"EXEC" => Self::Exec,
            b"DISCARD" => Self::Discard,
            b"WATCH" => Self::Watch,
            b"UNWATCH" => Self::Unwatch,
            b"SUBSCRIBE" => Self::Subscribe(Channels::Named),
            b"PSUBSCRIBE" => Self::Subscribe(Channels::Patterns),
            b"SSUBSCRIBE" => Self::Subscribe(Channels::Sharded),
            b"UNSUBSCRIBE" => Self::Unsubscribe(Channels::Named),
            b"PUNSUBSCRIBE" => Self::Unsubscribe(Channels::Patterns),
            b"SUNSUBSCRIBE" => Self::Unsubscribe(Channels::Sharded),
            b"AUTH" => Self::Setting(Setting::Auth),
            b"HELLO" => Self::Setting(Setting::Hello),
            b"SELECT" => Self::Setting(Setting::Select),
            b"CLIENT" => client(words),
            b"MONITOR" => Self::Monitor,
            b"RESET" => Self::Reset,
            b"QUIT" => Self::Quit,
            b"SYNC" | b"PSYNC" | b"REPLCONF" => Self::Refused(STREAM),
            b"REPLICAOF" | b"SLAVEOF" | b"FAILOVER" => Self::Refused(ROLES),
            _ => Self::Write,
        }
    }

    /// Whether it may change what the connection is, and so has to be read whole.
    pub(super) const fn needs_all_words(self) -> bool {
        matches!(self, Self::Setting(_))
    }

    /// Whether it may go over a line that others use too: it has one reply, and neither it nor its
    /// effect depends on the connection.
    pub(super) const fn is_shareable(self) -> bool {
        matches!(self, Self::Read | Self::Change)
    }

    /// Whether asking again does no harm.
    pub(super) const fn may_be_repeated(self) -> bool {
        matches!(
            self,
            Self::Read
                | Self::Identity
                | Self::WaitRead
                | Self::WaitTake
                | Self::Multi
                | Self::Discard
                | Self::Watch
                | Self::Unwatch
                | Self::Subscribe(_)
                | Self::Unsubscribe(_)
                | Self::Setting(_)
                | Self::ReplyOn
                | Self::Monitor
                | Self::Reset
                | Self::Quit
        )
    }

    /// Whether it may have changed data.
    pub(super) const fn may_write(self) -> bool {
        matches!(
            self,
            Self::Change | Self::Write | Self::WaitTake | Self::Exec
        )
    }

    /// Whether the connection would be another one in the middle of a transaction. Servers allow
    /// that; nothing could be re-established from it.
    pub(super) const fn upsets_a_transaction(self) -> bool {
        match self {
            Self::Setting(setting) => !matches!(setting, Setting::Select),
            Self::Subscribe(_)
            | Self::Unsubscribe(_)
            | Self::ReplyOn
            | Self::ReplyOff
            | Self::ReplySkip
            | Self::Notices
            | Self::Monitor => true,
            Self::Read
            | Self::Change
            | Self::Write
            | Self::Identity
            | Self::WaitReplicas
            | Self::WaitRead
            | Self::WaitTake
            | Self::Multi
            | Self::Exec
            | Self::Discard
            | Self::Watch
            | Self::Unwatch
            | Self::Reset
            | Self::Quit
            | Self::Refused(_) => false,
        }
    }
}

/// Reads a stream, or waits for it. From `$` on means something else when it is asked again later.
fn xread<'a>(words: impl Iterator<Item = &'a [u8]>) -> Kind {
    let mut kind = Kind::Read;
    for word in words {
        if word.eq_ignore_ascii_case(b"BLOCK") {
            kind = Kind::WaitRead;
        } else if word == b"$" || word == b"+" {
            return if kind == Kind::WaitRead {
                Kind::WaitTake
            } else {
                Kind::Change
            };
        }
    }
    kind
}

fn client<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Kind {
    let mut buffer = [0; NAME_LIMIT];
    let Some(name) = words.next().and_then(|name| capitals(name, &mut buffer)) else {
        return Kind::Write;
    };
    match name {
        b"SETNAME" => Kind::Setting(Setting::Name),
        b"SETINFO" => match words.next() {
            Some(which) if which.eq_ignore_ascii_case(b"LIB-VER") => {
                Kind::Setting(Setting::LibraryVersion)
            }
            _ => Kind::Setting(Setting::LibraryName),
        },
        b"CAPA" => Kind::Setting(Setting::Capabilities),
        b"NO-EVICT" => Kind::Setting(Setting::NoEvict),
        b"NO-TOUCH" => Kind::Setting(Setting::NoTouch),
        b"TRACKING" => Kind::Setting(Setting::Tracking),
        b"MAINT_NOTIFICATIONS" => Kind::Notices,
        b"REPLY" => match words.next() {
            Some(mode) if mode.eq_ignore_ascii_case(b"OFF") => Kind::ReplyOff,
            Some(mode) if mode.eq_ignore_ascii_case(b"SKIP") => Kind::ReplySkip,
            Some(mode) if mode.eq_ignore_ascii_case(b"ON") => Kind::ReplyOn,
            _ => Kind::Write,
        },
        b"ID" | b"INFO" | b"LIST" | b"GETNAME" | b"GETREDIR" | b"TRACKINGINFO" => Kind::Identity,
        _ => Kind::Write,
    }
}

/// The name in capitals; `None` for one that is longer than any that is known here.
fn capitals<'b>(name: &[u8], buffer: &'b mut [u8; NAME_LIMIT]) -> Option<&'b [u8]> {
    let place = buffer.get_mut(..name.len())?;
    place.copy_from_slice(name);
    place.make_ascii_uppercase();
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(request: &str) -> Kind {
        Kind::of(request.split(' ').map(str::as_bytes))
    }

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(kind("get k"), Kind::Read);
        assert_eq!(kind("Set k v"), Kind::Change);
    }

    #[test]
    fn what_is_not_known_is_not_shared() {
        for request in [
            "MY.MODULE.COMMAND",
            "",
            "CONFIG SET maxmemory 0",
            "SCRIPT LOAD x",
            "DEBUG SLEEP 1",
            "CLIENT CACHING YES",
            "ACL WHOAMI",
            "FLUSHALL",
        ] {
            assert_eq!(kind(request), Kind::Write, "{request}");
            assert!(!kind(request).is_shareable(), "{request}");
        }
    }

    #[test]
    fn only_commands_about_keys_are_shared() {
        for (request, is_shareable) in [
            ("GET k", true),
            ("INCR k", true),
            ("EVAL x 0", true),
            ("XREAD STREAMS s 0", true),
            ("XREADGROUP GROUP g c STREAMS s >", true),
            ("XREAD BLOCK 0 STREAMS s 0", false),
            ("BLPOP l 0", false),
            ("MULTI", false),
            ("WATCH k", false),
            ("SUBSCRIBE c", false),
            ("MONITOR", false),
            ("WAIT 1 0", false),
            ("WAITAOF 1 0 0", false),
            ("SELECT 1", false),
            ("CLIENT ID", false),
            ("CLIENT REPLY OFF", false),
            ("RESET", false),
        ] {
            assert_eq!(kind(request).is_shareable(), is_shareable, "{request}");
        }
    }

    #[test]
    fn waiting_for_more_is_no_plain_read() {
        for (request, expected) in [
            ("XREAD STREAMS s 0", Kind::Read),
            ("XREAD BLOCK 0 STREAMS s 0", Kind::WaitRead),
            ("xread count 1 block 0 streams s $", Kind::WaitTake),
            ("XREADGROUP GROUP g c STREAMS s >", Kind::Change),
            ("XREADGROUP GROUP g c BLOCK 0 STREAMS s >", Kind::WaitTake),
            ("BLPOP l 0", Kind::WaitTake),
        ] {
            assert_eq!(kind(request), expected, "{request}");
        }
    }

    #[test]
    fn the_connection_is_what_it_was_told() {
        for (request, expected) in [
            ("CLIENT SETNAME n", Kind::Setting(Setting::Name)),
            (
                "client setinfo lib-ver 1",
                Kind::Setting(Setting::LibraryVersion),
            ),
            ("CLIENT REPLY off", Kind::ReplyOff),
            ("CLIENT KILL ID 7", Kind::Write),
            ("CLIENT ID", Kind::Identity),
            ("PSYNC ? -1", Kind::Refused(STREAM)),
            ("replicaof no one", Kind::Refused(ROLES)),
        ] {
            assert_eq!(kind(request), expected, "{request}");
        }
    }
}
