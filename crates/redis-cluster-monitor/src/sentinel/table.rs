//! The commands that exist: their names, how many words they take, and what `COMMAND` tells of
//! them. What they do is in [`commands`](super::commands).

use rcm_resp::Frame;

use super::reply::{text, word};

/// A command, or a subcommand of one.
#[derive(Debug)]
pub(super) struct Command {
    /// In lower case; of a subcommand only its own word.
    pub(super) name: &'static str,
    /// How many words it takes with its name, at least that many if negative.
    pub(super) arity: i64,
    flags: &'static [&'static str],
    categories: &'static [&'static str],
    pub(super) subcommands: &'static [Self],
    summary: &'static str,
    /// It changes something, for others too: who must know the password may not do it without.
    pub(super) acts: bool,
    /// It is for those who have not said the password yet.
    pub(super) opens: bool,
}

impl Command {
    const fn new(name: &'static str, arity: i64, summary: &'static str) -> Self {
        Self {
            name,
            arity,
            flags: &[],
            categories: &["@slow"],
            subcommands: &[],
            summary,
            acts: false,
            opens: false,
        }
    }

    const fn flags(mut self, flags: &'static [&'static str]) -> Self {
        self.flags = flags;
        self
    }

    const fn categories(mut self, categories: &'static [&'static str]) -> Self {
        self.categories = categories;
        self
    }

    const fn of(mut self, subcommands: &'static [Self]) -> Self {
        self.subcommands = subcommands;
        self
    }

    const fn acting(mut self) -> Self {
        self.acts = true;
        self
    }

    const fn opening(mut self) -> Self {
        self.opens = true;
        self
    }

    /// Whether a request of so many words has the right number of them.
    pub(super) fn takes(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        if self.arity < 0 {
            words >= -self.arity
        } else {
            words == self.arity
        }
    }

    /// The entry in `COMMAND` and `COMMAND INFO`.
    pub(super) fn entry(&self, name: &str) -> Frame {
        let words = |words: &[&'static str]| {
            let words = words.iter().map(|word| Frame::simple(*word));
            Frame::Set(words.collect())
        };
        let subcommands = if self.subcommands.is_empty() {
            Frame::Set(Vec::new())
        } else {
            let entry = |sub: &Self| sub.entry(&format!("{name}|{}", sub.name));
            Frame::Array(self.subcommands.iter().map(entry).collect())
        };
        Frame::Array(vec![
            text(name.to_owned()),
            Frame::Integer(self.arity),
            words(self.flags),
            Frame::Integer(0),
            Frame::Integer(0),
            Frame::Integer(0),
            words(self.categories),
            Frame::Set(Vec::new()),
            Frame::Set(Vec::new()),
            subcommands,
        ])
    }

    /// The entry in `COMMAND DOCS`, with its key.
    pub(super) fn docs(&self, name: &str) -> (Frame, Frame) {
        let group = if self.categories.contains(&"@pubsub") {
            "pubsub"
        } else if self.categories.contains(&"@connection") {
            "connection"
        } else if name.starts_with("sentinel") {
            "sentinel"
        } else {
            "server"
        };
        let mut entries = vec![
            (word("summary"), word(self.summary)),
            (word("since"), word("1.0.0")),
            (word("group"), word(group)),
        ];
        if !self.subcommands.is_empty() {
            let docs = |sub: &Self| sub.docs(&format!("{name}|{}", sub.name));
            let subcommands = self.subcommands.iter().map(docs).collect();
            entries.push((word("subcommands"), Frame::Map(subcommands)));
        }
        (text(name.to_owned()), Frame::Map(entries))
    }
}

/// The command called `name`, in either case.
pub(super) fn find(commands: &'static [Command], name: &[u8]) -> Option<&'static Command> {
    commands
        .iter()
        .find(|command| name.eq_ignore_ascii_case(command.name.as_bytes()))
}

/// Ends a connection; Sentinel itself does not have it, so `COMMAND` does not tell of it.
pub(super) const QUIT: Command = Command::new("quit", -1, "Closes the connection").opening();

const CONNECTION: &[&str] = &["@fast", "@connection"];
const SLOW_CONNECTION: &[&str] = &["@slow", "@connection"];
const ADMIN: &[&str] = &["@admin", "@slow", "@dangerous"];
const PUBSUB: &[&str] = &["@pubsub", "@slow"];
const PUBSUB_FLAGS: &[&str] = &["pubsub", "noscript", "loading", "stale"];

const fn admin(name: &'static str, arity: i64, summary: &'static str) -> Command {
    Command::new(name, arity, summary)
        .flags(&["admin"])
        .categories(ADMIN)
}

const fn pubsub(name: &'static str, arity: i64, summary: &'static str) -> Command {
    Command::new(name, arity, summary)
        .flags(PUBSUB_FLAGS)
        .categories(PUBSUB)
}

const fn client(name: &'static str, arity: i64, summary: &'static str) -> Command {
    Command::new(name, arity, summary)
        .flags(&["noscript", "loading", "stale"])
        .categories(SLOW_CONNECTION)
}

const fn about(name: &'static str, arity: i64, summary: &'static str) -> Command {
    Command::new(name, arity, summary)
        .flags(&["loading", "stale"])
        .categories(SLOW_CONNECTION)
}

/// Every command, as `COMMAND` lists them.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("ping", -1, "Answers, so the monitor lives")
        .flags(&["fast"])
        .categories(CONNECTION),
    Command::new(
        "hello",
        -1,
        "Chooses the protocol, and says who the client is",
    )
    .flags(&[
        "noscript",
        "loading",
        "stale",
        "fast",
        "no_auth",
        "allow_busy",
    ])
    .categories(CONNECTION)
    .opening(),
    Command::new("auth", -2, "Says the password")
        .flags(&[
            "noscript",
            "loading",
            "stale",
            "fast",
            "no_auth",
            "allow_busy",
        ])
        .categories(CONNECTION)
        .opening(),
    Command::new("client", -2, "Tells and sets what is known of connections")
        .categories(&["@slow"])
        .of(CLIENT),
    Command::new("command", -1, "Tells which commands there are")
        .flags(&["loading", "stale"])
        .categories(SLOW_CONNECTION)
        .of(COMMAND),
    Command::new("info", -1, "Tells about the monitor and its groups")
        .flags(&["loading", "stale"])
        .categories(&["@slow", "@dangerous"]),
    Command::new(
        "role",
        1,
        "Says that this is a Sentinel, and of which groups",
    )
    .flags(&["noscript", "loading", "stale", "fast"])
    .categories(&["@admin", "@fast", "@dangerous"]),
    pubsub("subscribe", -2, "Listens to events by name"),
    pubsub("unsubscribe", -1, "Stops listening to events by name"),
    pubsub("psubscribe", -2, "Listens to events by pattern"),
    pubsub("punsubscribe", -1, "Stops listening to events by pattern"),
    Command::new("publish", 3, "Refused: monitors do not talk by messages")
        .flags(&["pubsub", "loading", "stale", "fast"])
        .categories(&["@pubsub", "@fast"]),
    admin("sentinel", -2, "Asks about groups").of(SENTINEL),
    Command::new("acl", -2, "Refused: users are set in the configuration").of(ACL),
    Command::new(
        "shutdown",
        -1,
        "Refused: the service manager ends the monitor",
    )
    .flags(&[
        "admin",
        "noscript",
        "loading",
        "stale",
        "no_multi",
        "allow_busy",
    ])
    .categories(ADMIN)
    .acting(),
];

const CLIENT: &[Command] = &[
    client("caching", 3, "Refused: there is no data to cache"),
    client("getname", 2, "The name of this connection"),
    client("getredir", 2, "Minus one: there is no tracking"),
    client("help", 2, "This list"),
    client("id", 2, "The number of this connection"),
    client("info", 2, "What is known of this connection"),
    client("kill", -3, "Ends connections").acting(),
    client("list", -2, "What is known of all connections"),
    client("no-evict", 3, "Does nothing: no connection is evicted"),
    client("no-touch", 3, "Does nothing: there is no data to touch"),
    client("pause", -3, "Does nothing: nobody writes here"),
    client("reply", 3, "Whether this connection gets replies"),
    client("setinfo", 4, "Names the library of this connection"),
    client("setname", 3, "Names this connection"),
    client("tracking", -3, "Does nothing: there is no data to track"),
    client("trackinginfo", 2, "That nothing is tracked"),
    client("unblock", -3, "Does nothing: nobody is blocked"),
    client("unpause", 2, "Does nothing: nobody is paused"),
];

const COMMAND: &[Command] = &[
    about("count", 2, "How many commands there are"),
    about("docs", -2, "What commands do"),
    about("getkeys", -3, "Refused: no command here has keys"),
    about("getkeysandflags", -3, "Refused: no command here has keys"),
    about("help", 2, "This list"),
    about("info", -2, "How commands are called"),
    about("list", -2, "The names of all commands"),
];

const ACL: &[Command] = &[
    admin("cat", -2, "Refused"),
    admin("deluser", -3, "Refused"),
    admin("dryrun", -4, "Refused"),
    admin("genpass", -2, "Refused"),
    admin("getuser", 3, "Refused"),
    admin("help", 2, "Refused"),
    admin("list", 2, "Refused"),
    admin("load", 2, "Refused"),
    admin("log", -2, "Refused"),
    admin("save", 2, "Refused"),
    admin("setuser", -3, "Refused"),
    admin("users", 2, "Refused"),
    admin("whoami", 2, "Who this connection is"),
];

const SENTINEL: &[Command] = &[
    admin("ckquorum", 3, "Whether a failover could be agreed now"),
    admin("config", -3, "Tells settings"),
    admin("debug", -2, "Refused: times are set in the configuration"),
    admin("failover", 3, "Replaces the primary of a group").acting(),
    admin(
        "flushconfig",
        2,
        "Does nothing: what is agreed is always written",
    ),
    admin(
        "get-master-addr-by-name",
        3,
        "Where the primary of a group listens",
    ),
    admin(
        "get-primary-addr-by-name",
        3,
        "Where the primary of a group listens",
    ),
    admin("help", 2, "This list"),
    admin("info-cache", -3, "What the nodes of groups said last"),
    admin("is-master-down-by-addr", 6, "Whether a primary is lost"),
    admin("is-primary-down-by-addr", 6, "Whether a primary is lost"),
    admin("master", 3, "The primary of a group"),
    admin("masters", 2, "The primaries of all groups"),
    admin("monitor", 6, "Refused: groups are set in the configuration").acting(),
    admin("myid", 2, "The id of this monitor"),
    admin("pending-scripts", 2, "Hooks that run or wait"),
    admin("primaries", 2, "The primaries of all groups"),
    admin("primary", 3, "The primary of a group"),
    admin(
        "rcm-follow",
        -3,
        "Tells a proxy where requests go, and when they wait",
    )
    .acting(),
    admin("rcm-held", 3, "What a proxy answers when requests wait").acting(),
    admin("remove", 3, "Refused: groups are set in the configuration").acting(),
    admin("replicas", 3, "The replicas of a group"),
    admin("reset", 3, "Refused: what is gone is forgotten by itself").acting(),
    admin("sentinels", 3, "Other monitors of a group"),
    admin("set", -5, "Refused: groups are set in the configuration").acting(),
    admin(
        "simulate-failure",
        -3,
        "Refused: real failures are tried by the tests",
    ),
    admin("slaves", 3, "The replicas of a group"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_commands_as_a_sentinel_has() {
        assert_eq!(COMMANDS.len(), 15);
    }

    #[test]
    fn a_command_is_found_in_either_case() {
        let sentinel = find(COMMANDS, b"Sentinel").unwrap();
        assert!(find(sentinel.subcommands, b"MASTERS").is_some());
        assert!(find(sentinel.subcommands, b"master ").is_none());
        assert!(sentinel.takes(2) && sentinel.takes(9) && !sentinel.takes(1));
        let master = find(sentinel.subcommands, b"master").unwrap();
        assert!(master.takes(3) && !master.takes(4));
    }
}
