//! What a server was told about a connection, to tell it to the next one.
//!
//! Always holds: it says what the server has confirmed, not what was only sent. Passwords are in
//! it, so it is never shown.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use rcm_resp::{Decoder, Frame, Limits, Version, encode_command};

use super::command::{Channels, Setting};

/// What a connection is.
#[derive(Default)]
pub(super) struct Told {
    pub(super) version: Version,
    transaction: Option<Transaction>,
    /// Keys are watched.
    pub(super) watched: bool,
    /// Every command of the server is shown.
    pub(super) monitor: bool,
    /// Something about it cannot be told to another server.
    pub(super) unique: bool,
    settings: BTreeMap<Setting, Vec<Words>>,
    channels: BTreeMap<Channels, BTreeSet<Bytes>>,
}

/// A transaction that is open.
#[derive(Default)]
struct Transaction {
    /// A command of it was refused.
    failed: bool,
    /// Settings that are made when it is executed.
    queued: Vec<Change>,
}

/// What a connection has to be told before others than its client may use it as their own: the
/// commands that made it who it is, with their passwords.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) struct Identity(BTreeMap<Setting, Vec<Words>>);

type Words = Vec<Bytes>;

/// A setting that was sent.
pub(super) struct Change {
    setting: Setting,
    words: Words,
}

/// A command that another server is told.
pub(super) struct Step {
    pub(super) words: Words,
    /// What is made of the reply.
    pub(super) expect: Expect,
}

/// What is made of the reply to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// A sign of life.
    Life,
    /// It must succeed, or the connection is another one.
    Success,
    /// Anything.
    Anything,
    /// So many confirmations.
    Confirmations(usize),
}

/// A confirmation of the server.
pub(super) struct Confirmation {
    channels: Channels,
    subscribed: bool,
    channel: Option<Bytes>,
}

/// More of this than an application has is not remembered: bytes, of one connection.
const REMEMBERED: usize = 256 * 1024;

/// Not a command of any server: whoever sends it in a transaction makes it fail.
pub(super) const FAIL: &str = "RCM.TRANSACTION.LOST";

impl Change {
    pub(super) fn new<'a>(setting: Setting, words: impl Iterator<Item = &'a [u8]>) -> Self {
        let words = words.map(Bytes::copy_from_slice).collect();
        Self { setting, words }
    }
}

impl Setting {
    /// Whether replies depend on it.
    const fn makes_identity(self) -> bool {
        matches!(self, Self::Auth | Self::Hello | Self::Select)
    }

    /// Whether nobody but who lists connections sees it.
    const fn is_label(self) -> bool {
        matches!(self, Self::Name | Self::LibraryName | Self::LibraryVersion)
    }
}

impl Told {
    /// A connection that is to become this.
    pub(super) fn of(identity: Identity) -> Self {
        Self {
            settings: identity.0,
            ..Self::default()
        }
    }

    /// Who the connection is.
    pub(super) fn identity(&self) -> Identity {
        let settings = self.settings.iter();
        let makes = settings.filter(|(setting, _)| setting.makes_identity());
        Identity(
            makes
                .map(|(setting, words)| (*setting, words.clone()))
                .collect(),
        )
    }

    /// Whether it is nothing but its identity and its labels.
    pub(super) fn is_plain(&self) -> bool {
        let mut settings = self.settings.keys();
        self.transaction.is_none()
            && !self.watched
            && !self.unique
            && !self.listens()
            && settings.all(|setting| setting.makes_identity() || setting.is_label())
    }

    /// A setting was confirmed.
    pub(super) fn set(&mut self, change: Change) {
        let Change { setting, words } = change;
        match setting {
            Setting::Hello => self.hello(&words),
            Setting::Tracking => self.track(words),
            Setting::Auth
            | Setting::Select
            | Setting::Name
            | Setting::LibraryName
            | Setting::LibraryVersion
            | Setting::Capabilities
            | Setting::NoEvict
            | Setting::NoTouch => self.remember(setting, words),
        }
        if self.size() > REMEMBERED {
            self.unique = true;
        }
    }

    pub(super) fn begin_transaction(&mut self) {
        self.transaction = Some(Transaction::default());
    }

    /// A setting was queued.
    pub(super) fn queue(&mut self, change: Change) {
        if let Some(transaction) = &mut self.transaction {
            transaction.queued.push(change);
        }
    }

    /// A command of the open transaction was refused.
    pub(super) const fn fail_transaction(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.failed = true;
        }
    }

    /// The open transaction ended; gives whether a command of it was refused.
    pub(super) fn end_transaction(&mut self, executed: bool) -> bool {
        self.watched = false;
        let Some(transaction) = self.transaction.take() else {
            return false;
        };
        if executed {
            for change in transaction.queued {
                self.set(change);
            }
        }
        transaction.failed
    }

    /// The connection is as a fresh one.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn tracks(&self) -> bool {
        self.settings.contains_key(&Setting::Tracking)
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.channels.values().any(|set| !set.is_empty())
    }

    /// Whether the server sends something by itself.
    pub(super) fn listens(&self) -> bool {
        self.monitor || self.is_subscribed() || self.tracks()
    }

    /// How many confirmations an `UNSUBSCRIBE` without arguments brings.
    pub(super) fn subscriptions(&self, channels: Channels) -> usize {
        self.channels.get(&channels).map_or(0, BTreeSet::len)
    }

    pub(super) fn confirmed(&mut self, confirmation: Confirmation) {
        let Some(channel) = confirmation.channel else {
            return;
        };
        let set = self.channels.entry(confirmation.channels).or_default();
        if confirmation.subscribed {
            set.insert(channel);
        } else {
            set.remove(&channel);
        }
        if confirmation.subscribed && self.size() > REMEMBERED {
            self.unique = true;
        }
    }

    /// What another server is told, in this order. Its sign of life comes first: a dying process
    /// may still accept connections.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = vec![step(&["PING"], Expect::Life)];
        for (setting, commands) in &self.settings {
            let expect = match setting {
                Setting::Auth | Setting::Hello | Setting::Select | Setting::Tracking => {
                    Expect::Success
                }
                // An older server does not know them all, and nobody notices.
                Setting::Name
                | Setting::LibraryName
                | Setting::LibraryVersion
                | Setting::Capabilities
                | Setting::NoEvict
                | Setting::NoTouch => Expect::Anything,
            };
            let commands = commands.iter().cloned();
            steps.extend(commands.map(|words| Step { words, expect }));
        }
        for (channels, set) in &self.channels {
            if !set.is_empty() {
                let name = match channels {
                    Channels::Named => "SUBSCRIBE",
                    Channels::Patterns => "PSUBSCRIBE",
                    Channels::Sharded => "SSUBSCRIBE",
                };
                let name = Bytes::from_static(name.as_bytes());
                let words = std::iter::once(name).chain(set.iter().cloned()).collect();
                let expect = Expect::Confirmations(set.len());
                steps.push(Step { words, expect });
            }
        }
        if self.monitor {
            steps.push(step(&["MONITOR"], Expect::Success));
        }
        if self.transaction.is_some() {
            // What was queued is lost, and nothing of it may be executed: the new server itself
            // has to refuse the transaction.
            steps.push(step(&["MULTI"], Expect::Success));
            steps.push(step(&[FAIL], Expect::Anything));
        }
        steps
    }

    fn hello(&mut self, words: &[Bytes]) {
        let Some(version) = words.get(1) else { return };
        self.version = if version.as_ref() == b"3" {
            Version::Resp3
        } else {
            Version::Resp2
        };
        let hello = vec![words[0].clone(), version.clone()];
        let mut options = words.iter().skip(2);
        while let Some(option) = options.next() {
            if option.eq_ignore_ascii_case(b"AUTH") {
                let words = [Bytes::from_static(b"AUTH")].into_iter();
                let words = words.chain(options.by_ref().take(2).cloned()).collect();
                self.remember(Setting::Auth, words);
            } else if option.eq_ignore_ascii_case(b"SETNAME")
                && let Some(name) = options.next()
            {
                let words = [&b"CLIENT"[..], b"SETNAME"].map(Bytes::from_static);
                let words = words.into_iter().chain([name.clone()]).collect();
                self.remember(Setting::Name, words);
            }
        }
        self.remember(Setting::Hello, hello);
    }

    /// Prefixes add up over several commands.
    fn track(&mut self, words: Words) {
        let is = |word: &Bytes, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if words.get(2).is_some_and(|word| is(word, "OFF")) {
            self.settings.remove(&Setting::Tracking);
            return;
        }
        // Another connection's id means nothing to another server.
        self.unique |= words.iter().any(|word| is(word, "REDIRECT"));
        self.settings
            .entry(Setting::Tracking)
            .or_default()
            .push(words);
    }

    fn remember(&mut self, setting: Setting, words: Words) {
        self.settings.insert(setting, vec![words]);
    }

    fn size(&self) -> usize {
        let words = self.settings.values().flatten().flatten();
        let channels = self.channels.values().flatten();
        words.chain(channels).map(|word| word.len() + 64).sum()
    }
}

impl Confirmation {
    /// Reads a frame that looks like a confirmation.
    pub(super) fn read(frame: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(Limits::reply());
        decoder.feed(frame);
        let (Frame::Array(parts) | Frame::Push(parts)) = decoder.next_frame().ok()?? else {
            return None;
        };
        let [Frame::Bulk(kind), channel, ..] = parts.as_slice() else {
            return None;
        };
        let (channels, subscribed) = Self::kind(kind)?;
        let channel = if let Frame::Bulk(channel) = channel {
            Some(Bytes::copy_from_slice(channel))
        } else {
            None
        };
        Some(Self {
            channels,
            subscribed,
            channel,
        })
    }

    /// What the first word of a confirmation says.
    pub(super) fn kind(word: &[u8]) -> Option<(Channels, bool)> {
        Some(match word {
            b"subscribe" => (Channels::Named, true),
            b"unsubscribe" => (Channels::Named, false),
            b"psubscribe" => (Channels::Patterns, true),
            b"punsubscribe" => (Channels::Patterns, false),
            b"ssubscribe" => (Channels::Sharded, true),
            b"sunsubscribe" => (Channels::Sharded, false),
            _ => return None,
        })
    }

    pub(super) fn is_of(&self, channels: Channels, subscribed: bool) -> bool {
        self.channels == channels && self.subscribed == subscribed
    }
}

impl Step {
    pub(super) fn write(&self, out: &mut BytesMut) {
        encode_command(&self.words, out);
    }
}

fn step(words: &[&'static str], expect: Expect) -> Step {
    let words = words.iter().map(|word| Bytes::from_static(word.as_bytes()));
    Step {
        words: words.collect(),
        expect,
    }
}
