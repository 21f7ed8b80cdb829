//! Client libraries, each with a small program that writes with it: to the primary that Sentinels
//! name, or to one address.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Error, source_tree};

/// A library, used in one of its ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Library {
    RedisPy,
    RedisPyAsyncio,
    ValkeyPy,
    ValkeyPyAsyncio,
    Ioredis,
    IoredisDetector,
    Iovalkey,
    NodeRedis,
    RedisRs,
    RedisRb,
    PerlRedis,
    Predis,
}

impl Library {
    pub const ALL: [Self; 12] = [
        Self::RedisPy,
        Self::RedisPyAsyncio,
        Self::ValkeyPy,
        Self::ValkeyPyAsyncio,
        Self::Ioredis,
        Self::IoredisDetector,
        Self::Iovalkey,
        Self::NodeRedis,
        Self::RedisRs,
        Self::RedisRb,
        Self::PerlRedis,
        Self::Predis,
    ];

    /// As its users call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RedisPy => "redis-py",
            Self::RedisPyAsyncio => "redis-py, asyncio",
            Self::ValkeyPy => "valkey-py",
            Self::ValkeyPyAsyncio => "valkey-py, asyncio",
            Self::Ioredis => "ioredis",
            Self::IoredisDetector => "ioredis, failoverDetector",
            Self::Iovalkey => "iovalkey",
            Self::NodeRedis => "node-redis",
            Self::RedisRs => "redis-rs",
            Self::RedisRb => "redis-rb",
            Self::PerlRedis => "Redis.pm",
            Self::Predis => "Predis",
        }
    }

    /// Its program, below `tests/clients`.
    pub fn program(self) -> &'static str {
        match self {
            Self::RedisPy => "redis-py/blocking.py",
            Self::RedisPyAsyncio => "redis-py/with_asyncio.py",
            Self::ValkeyPy => "valkey-py/blocking.py",
            Self::ValkeyPyAsyncio => "valkey-py/with_asyncio.py",
            Self::Ioredis => "ioredis/main.mjs",
            Self::IoredisDetector => "ioredis/detector.mjs",
            Self::Iovalkey => "iovalkey/main.mjs",
            Self::NodeRedis => "node-redis/main.mjs",
            Self::RedisRs => "redis-rs/src/main.rs",
            Self::RedisRb => "redis-rb/main.rb",
            Self::PerlRedis => "perl-redis/main.pl",
            Self::Predis => "predis/main.php",
        }
    }

    /// Its program that knows one address and sets no option, below `tests/clients`; its other ways
    /// are about Sentinels only.
    pub fn plain_program(self) -> Option<&'static str> {
        match self {
            Self::RedisPy => Some("redis-py/plain.py"),
            Self::RedisPyAsyncio => Some("redis-py/plain_asyncio.py"),
            Self::ValkeyPy => Some("valkey-py/plain.py"),
            Self::Ioredis => Some("ioredis/plain.mjs"),
            Self::Iovalkey => Some("iovalkey/plain.mjs"),
            Self::NodeRedis => Some("node-redis/plain.mjs"),
            Self::RedisRs => Some("redis-rs/src/bin/plain.rs"),
            Self::ValkeyPyAsyncio
            | Self::IoredisDetector
            | Self::RedisRb
            | Self::PerlRedis
            | Self::Predis => None,
        }
    }

    /// The part of its program that a user needs.
    pub fn snippet(self) -> Result<String, Error> {
        let path = programs().join(self.program());
        let source = fs::read_to_string(&path).map_err(|source| Error::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let is_mark = |line: &&str, word: &str| line.ends_with(&format!(" docs: {word}"));
        let lines = source
            .lines()
            .skip_while(|line| !is_mark(line, "begin"))
            .skip(1)
            .take_while(|line| !is_mark(line, "end"));
        Ok(lines.flat_map(|line| [line, "\n"]).collect())
    }

    /// Its program, told to write every so often to the primary of `group`, as the Sentinels name
    /// it.
    pub(super) fn command(
        self,
        sentinels: &[SocketAddr],
        group: &str,
        every: Duration,
    ) -> Result<Command, Error> {
        let mut command = self.running(self.program(), self.interpreter())?;
        let sentinels: Vec<_> = sentinels.iter().map(ToString::to_string).collect();
        command.args([&sentinels.join(","), group, &every.as_millis().to_string()]);
        Ok(command)
    }

    /// Its program that knows one address, told to write to it every so often.
    pub(super) fn plain_command(
        self,
        address: SocketAddr,
        every: Duration,
    ) -> Result<Command, Error> {
        let program = self.plain_program().ok_or_else(|| Error::Missing {
            what: format!("a program of {} for one address", self.name()),
            hint: "`tests/clients` has those that there are".to_owned(),
        })?;
        let interpreter = if self == Self::RedisRs {
            "redis-rs-plain"
        } else {
            self.interpreter()
        };
        let mut command = self.running(program, interpreter)?;
        command.args([&address.to_string(), "", &every.as_millis().to_string()]);
        Ok(command)
    }

    /// Another program that is written for it, by its path below `tests/clients`.
    pub fn run(self, program: &str) -> Result<Command, Error> {
        self.running(program, self.interpreter())
    }

    fn running(self, source: &str, interpreter: &str) -> Result<Command, Error> {
        let installed = source_tree().join("target/clients");
        let program = installed.join("bin").join(interpreter);
        if !program.exists() {
            return Err(Error::Missing {
                what: format!("{} for {}", program.display(), self.name()),
                hint: format!("`scripts/clients {}` brings it", self.installed_with()),
            });
        }
        let mut command = Command::new(program);
        if self != Self::RedisRs {
            command.arg(programs().join(source));
        }
        let path = [installed.join("python"), programs()];
        command.env(
            "PYTHONPATH",
            path.map(|folder| folder.display().to_string()).join(":"),
        );
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    }

    /// What runs its program, below `target/clients/bin`.
    fn interpreter(self) -> &'static str {
        match self {
            Self::RedisPy | Self::RedisPyAsyncio | Self::ValkeyPy | Self::ValkeyPyAsyncio => {
                "python3"
            }
            Self::Ioredis | Self::IoredisDetector | Self::Iovalkey | Self::NodeRedis => "node",
            Self::RedisRs => "redis-rs",
            Self::RedisRb => "ruby",
            Self::PerlRedis => "perl",
            Self::Predis => "php",
        }
    }

    fn installed_with(self) -> &'static str {
        match self {
            Self::RedisRb | Self::PerlRedis | Self::Predis => "all",
            Self::RedisPy
            | Self::RedisPyAsyncio
            | Self::ValkeyPy
            | Self::ValkeyPyAsyncio
            | Self::Ioredis
            | Self::IoredisDetector
            | Self::Iovalkey
            | Self::NodeRedis
            | Self::RedisRs => "test",
        }
    }
}

fn programs() -> PathBuf {
    source_tree().join("tests/clients")
}
