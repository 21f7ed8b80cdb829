//! Who takes part: a name, and options that are its own.
//!
//! `redis-sentinel:down-after=500ms,count=3` is how one is written, on the command line as in the
//! results. A new contender is a variant here and a file beside this one.

mod ours;
mod program;
mod sentinel;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{bail, ensure};
use redis_cluster_monitor::local::{Binary, Version};

/// Somebody who watches groups and replaces their primaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    kind: Kind,
    options: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The program of this source tree, one process.
    Ours,
    /// Several Sentinels of this machine's server.
    RedisSentinel,
    /// Several Sentinels of Valkey 9.
    ValkeySentinel,
}

/// A group that is to be watched. The first node is the primary.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) nodes: Vec<SocketAddr>,
}

/// Where programs are.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// The program of this source tree.
    pub(crate) ours: PathBuf,
}

/// A contender that runs and ends when it is dropped.
pub(crate) trait Running {
    fn pids(&self) -> Vec<u32>;

    /// Where clients ask who the primary is. None where the contender was told not to answer.
    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>>;

    fn version(&self) -> String;

    /// Everything that was set, also by default.
    fn parameters(&self) -> BTreeMap<String, String>;

    /// All that it said.
    fn log(&self) -> String;

    /// The end of it, for the report of a failure.
    fn log_tail(&self) -> String;
}

impl Contender {
    /// Starts it, and returns when it knows all nodes of all groups, so that it may be tested.
    pub(crate) fn start(
        &self,
        tools: &Tools,
        groups: &[Watched],
    ) -> anyhow::Result<Box<dyn Running>> {
        Ok(match self.kind {
            Kind::Ours => Box::new(ours::Ours::start(&tools.ours, &self.options, groups)?),
            Kind::RedisSentinel => self.sentinels(Version::System, groups)?,
            Kind::ValkeySentinel => self.sentinels(Version::Valkey9, groups)?,
        })
    }

    fn sentinels(&self, version: Version, groups: &[Watched]) -> anyhow::Result<Box<dyn Running>> {
        let binary = Binary::of(version)?;
        let settings = sentinel::Settings::parse(&self.options)?;
        Ok(Box::new(sentinel::Sentinels::start(
            &binary, settings, groups,
        )?))
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Ours, Self::RedisSentinel, Self::ValkeySentinel];

    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::RedisSentinel => "redis-sentinel",
            Self::ValkeySentinel => "valkey-sentinel",
        }
    }
}

impl FromStr for Contender {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
            bail!(
                "{name:?} is none of {}",
                Kind::ALL.map(Kind::name).join(", ")
            );
        };
        let words = options.split(',').filter(|option| !option.is_empty());
        let options = words
            .map(|option| option.split_once('=').unwrap_or((option, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        match kind {
            Kind::Ours => ours::check(&options)?,
            Kind::RedisSentinel | Kind::ValkeySentinel => {
                let settings = sentinel::Settings::parse(&options)?;
                ensure!(
                    settings.quorum <= settings.count,
                    "the quorum is larger than the count"
                );
            }
        }
        Ok(Self { kind, options })
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.name())?;
        for (i, (name, value)) in self.options.iter().enumerate() {
            let before = if i == 0 { ':' } else { ',' };
            write!(out, "{before}{name}")?;
            if !value.is_empty() {
                write!(out, "={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contender_is_shown_as_it_is_written() {
        for text in [
            "ours",
            "ours:hang-after=1s,no-persist-roles",
            "redis-sentinel:count=1,down-after=500ms,quorum=1",
            "valkey-sentinel",
        ] {
            let contender: Contender = text.parse().unwrap();
            assert_eq!(contender.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (text, expected) in [
            (
                "keepalived",
                "\"keepalived\" is none of ours, redis-sentinel, valkey-sentinel",
            ),
            (
                "redis-sentinel:fast=yes",
                "a Sentinel has no option \"fast\"",
            ),
            (
                "redis-sentinel:count=1",
                "the quorum is larger than the count",
            ),
        ] {
            let error = text.parse::<Contender>().unwrap_err().to_string();
            assert_eq!(error, expected);
        }
    }
}
