//! Every command that a server knows, in calls that are made from the server's own description of
//! its arguments: directly and through the proxy the replies are the same.

use std::collections::BTreeMap;

use rcm_core::rng::Rng;
use rcm_resp::{Decoder, Frame, Limits, encode_command};
use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::{Reply, Server, Version};

use super::transparent::{END, exchange, without_ids};
use super::{Appointed, wire};
use crate::eyes;
use crate::monitor::{Result, builder};

eyes::on_every_version! {
    every_command_is_answered_as_by_the_server
}

/// How many calls are made of each command, in each protocol.
const CALLS: usize = 4;
/// Deeper than any argument is described.
const DEPTH: usize = 8;

/// What is not called at all, and why.
const APART: &[(&str, &str)] = &[
    ("bgrewriteaof", "the next one depends on whether it is done"),
    ("bgsave", "the next one depends on whether it is done"),
    ("client kill", "it may end any connection, its own too"),
    ("client pause", "it holds up whoever comes next"),
    ("debug", "it can end the server"),
    ("failover", "the proxy refuses it"),
    ("migrate", "it connects to another server"),
    ("monitor", "when it shows what others do is chance"),
    ("psync", "the proxy refuses it"),
    ("replconf", "the proxy refuses it"),
    ("replicaof", "the proxy refuses it"),
    ("script debug", "it forks the server"),
    ("shutdown", "it ends the server"),
    ("slaveof", "the proxy refuses it"),
    ("sync", "the proxy refuses it"),
];

/// What is never answered twice in the same way: only the kind of the reply is compared.
const VOLATILE: &[&str] = &[
    "acl genpass",
    "acl log",
    "client id",
    "client info",
    "client list",
    "commandlog get",
    "commandlog len",
    "expiretime",
    "function stats",
    "hexpiretime",
    "hpexpiretime",
    "hpttl",
    "hrandfield",
    "httl",
    "info",
    "lastsave",
    "latency doctor",
    "latency histogram",
    "lolwut",
    "memory doctor",
    "memory malloc-stats",
    "memory stats",
    "object idletime",
    "pexpiretime",
    "pttl",
    "randomkey",
    "role",
    "slowlog get",
    "slowlog len",
    "spop",
    "srandmember",
    "time",
    "ttl",
    "zrandmember",
];

/// Families whose replies depend on the data alone.
const DATA: &[&str] = &[
    "bitmap",
    "generic",
    "geo",
    "hash",
    "hyperloglog",
    "list",
    "set",
    "sorted-set",
    "stream",
    "string",
];
/// Beginnings of those in them whose replies depend on the time too.
const TIMED: &[&str] = &[
    "hexp", "hgetex", "hpexp", "hsetex", "object", "xauto", "xclaim", "xinfo", "xpend",
];

/// All commands of a server.
pub(super) struct Vocabulary(BTreeMap<String, Described>);

/// A command as a server describes it.
struct Described {
    family: String,
    arguments: Vec<Argument>,
}

/// An argument as a server describes it.
#[derive(Clone, Debug, Default)]
struct Argument {
    name: String,
    kind: String,
    token: Option<String>,
    optional: bool,
    multiple: bool,
    parts: Vec<Self>,
}

impl Vocabulary {
    /// The commands that a server of this version knows.
    pub(super) fn of(server: &Server, version: Version) -> Result<Self> {
        // Redis 6.2 does not describe its commands, and a later one knows them all.
        let describing = match version {
            Version::Redis62 => &builder(Version::System)?.start()?,
            Version::System | Version::Valkey9 => server,
        };
        let known = names(&server.client()?.command(&["COMMAND"])?);
        let docs = describing.client()?.command(&["COMMAND", "DOCS"])?;
        let mut commands = BTreeMap::new();
        for (name, doc) in pairs(&docs).filter(|(name, _)| known.contains(name)) {
            if let Some(parts) = field(doc, "subcommands") {
                let each = pairs(parts).map(|(name, doc)| (name.replace('|', " "), described(doc)));
                commands.extend(each);
            }
            commands.insert(name, described(doc));
        }
        commands.retain(|name, _| {
            let is_apart = |(apart, _): &(&str, _)| {
                name == apart
                    || name
                        .strip_prefix(apart)
                        .is_some_and(|it| it.starts_with(' '))
            };
            !APART.iter().any(is_apart)
        });
        Ok(Self(commands))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Those whose replies are the same again over the same data.
    pub(super) fn about_data(&self) -> Vec<&str> {
        let is_timed = |name: &str| TIMED.iter().any(|it| name.starts_with(it));
        let is_about_data = |(name, it): &(&String, &Described)| {
            let name = name.as_str();
            DATA.contains(&it.family.as_str()) && !VOLATILE.contains(&name) && !is_timed(name)
        };
        let chosen = self.0.iter().filter(is_about_data);
        chosen.map(|(name, _)| name.as_str()).collect()
    }

    /// A call that is right by its description; only chance makes it right by its values.
    pub(super) fn call(&self, name: &str, random: &mut Rng) -> Vec<String> {
        let mut words: Vec<_> = name.split(' ').map(str::to_owned).collect();
        for argument in &self.0[name].arguments {
            argument.write(random, &mut words, DEPTH);
        }
        words
    }
}

impl Argument {
    fn write(&self, random: &mut Rng, words: &mut Vec<String>, depth: usize) {
        if depth == 0 || (self.optional && chance(random, 2) == 0) {
            return;
        }
        words.extend(self.token.iter().filter(|it| !it.is_empty()).cloned());
        let times = if self.multiple {
            1 + chance(random, 2)
        } else {
            1
        };
        for _ in 0..times {
            match self.kind.as_str() {
                "pure-token" => {}
                "oneof" => {
                    let one = self.parts.get(chance(random, self.parts.len().max(1)));
                    if let Some(one) = one {
                        one.write(random, words, depth - 1);
                    }
                }
                "block" => {
                    for part in &self.parts {
                        part.write(random, words, depth - 1);
                    }
                }
                _ => words.push(self.value(random)),
            }
        }
    }

    fn value(&self, random: &mut Rng) -> String {
        let is_span = ["seconds", "milliseconds"].contains(&self.name.as_str());
        match self.kind.as_str() {
            "key" => format!("key{}", chance(random, KEYS.len())),
            // A timeout may be one: it is short.
            "double" => "0.01".to_owned(),
            // Long enough that nothing expires meanwhile, except when it is waited for.
            "integer" if is_span && self.token.as_deref() != Some("BLOCK") => "100000".to_owned(),
            "integer" => "1".to_owned(),
            "unix-time" => "99999999999".to_owned(),
            "pattern" => "*".to_owned(),
            _ => ["a", "b", "1", "0-1", "-", "+"][chance(random, 6)].to_owned(),
        }
    }
}

/// What there is before each call, of every type.
const KEYS: &[&str] = &[
    "SET key0 12",
    "RPUSH key1 a b 1",
    "HSET key2 a 1 b 2",
    "SADD key3 a b 1",
    "ZADD key4 1 a 2 b",
    "XADD key5 0-1 a b",
];

pub(super) fn chance(random: &mut Rng, below: usize) -> usize {
    usize::try_from(random.next_u64() % below as u64).unwrap()
}

fn text(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Bulk(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Reply::Simple(text) => Some(text.clone()),
        Reply::Error(_) | Reply::Integer(_) | Reply::Array(_) | Reply::Null => None,
    }
}

fn parts(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::Array(parts) => parts,
        _ => &[],
    }
}

fn names(commands: &Reply) -> Vec<String> {
    let first = |command| text(parts(command).first()?);
    parts(commands).iter().filter_map(first).collect()
}

/// The entries of a map, which is a flat list in the old protocol.
fn pairs(map: &Reply) -> impl Iterator<Item = (String, &Reply)> {
    let pair = |pair: &'_ [Reply]| text(&pair[0]);
    let entries = parts(map).chunks_exact(2);
    entries.filter_map(move |entry| Some((pair(entry)?, &entry[1])))
}

fn field<'a>(map: &'a Reply, name: &str) -> Option<&'a Reply> {
    pairs(map).find(|(key, _)| key == name).map(|(_, it)| it)
}

fn described(doc: &Reply) -> Described {
    Described {
        family: field(doc, "group").and_then(text).unwrap_or_default(),
        arguments: arguments(doc),
    }
}

fn arguments(doc: &Reply) -> Vec<Argument> {
    let list = field(doc, "arguments").map_or(&[][..], parts);
    let argument = |it: &Reply| {
        let word = |name| field(it, name).and_then(text);
        let flags = field(it, "flags").map_or(&[][..], parts);
        let flags: Vec<_> = flags.iter().filter_map(text).collect();
        let has = |flag: &str| flags.iter().any(|it| it == flag);
        Argument {
            name: word("name").unwrap_or_default(),
            kind: word("type").unwrap_or_default(),
            token: word("token"),
            optional: has("optional"),
            multiple: has("multiple"),
            parts: arguments(it),
        }
    };
    list.iter().map(argument).collect()
}

/// A server on which the order of keys depends on the data alone: else one may rehash its table in
/// its spare time, in one run before a SCAN and in the other one after it.
pub(super) fn server(version: Version) -> Result<Server> {
    builder(version)?.set("activerehashing", &["no"]).start()
}

/// Makes the data the same, whatever was there before.
pub(super) fn refill(server: &Server) {
    let mut stream = Vec::new();
    for request in ["FLUSHALL", "SCRIPT FLUSH"].iter().chain(KEYS) {
        stream.extend_from_slice(&wire(request));
    }
    stream.extend_from_slice(END);
    exchange(server.address(), &stream, std::iter::once(stream.len()));
}

async fn every_command_is_answered_as_by_the_server(version: Version) -> Result {
    let server = server(version)?;
    let vocabulary = Vocabulary::of(&server, version)?;
    assert!(vocabulary.names().count() > 200, "the server tells too few");
    let appointed = Appointed::at(server.address(), &Settings::default());
    let mut random = Rng::new(1);
    for name in vocabulary.names() {
        for protocol in [2, 3].repeat(CALLS) {
            let words = vocabulary.call(name, &mut random);
            let mut stream = bytes::BytesMut::new();
            encode_command(&["HELLO", &protocol.to_string()], &mut stream);
            encode_command(&words, &mut stream);
            stream.extend_from_slice(END);
            refill(&server);
            let all = || std::iter::once(stream.len());
            let expected = exchange(server.address(), &stream, all());
            refill(&server);
            let received = exchange(appointed.proxy.address(), &stream, all());
            let shown = |reply: &[u8]| {
                if VOLATILE.contains(&name) {
                    kinds(reply)
                } else {
                    without_ids(reply)
                }
            };
            assert_eq!(shown(&received), shown(&expected), "{words:?}");
        }
    }
    assert_eq!(appointed.proxy.counters().dropped.get(), 0);
    Ok(())
}

/// What kinds of frames there are.
fn kinds(replies: &[u8]) -> String {
    let mut decoder = Decoder::new(Limits::relay());
    decoder.feed(replies);
    let frames = std::iter::from_fn(|| decoder.next_frame().unwrap());
    let kind = |frame: &Frame| match frame {
        // One that is there or not by chance.
        Frame::Null | Frame::NullArray | Frame::Bulk(_) => "bulk".to_owned(),
        frame => format!("{:?}", std::mem::discriminant(frame)),
    };
    frames
        .map(|frame| kind(&frame))
        .collect::<Vec<_>>()
        .join(" ")
}
