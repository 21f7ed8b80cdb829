//! Who takes part: a name, and options that are its own.
//!
//! `redis-sentinel:down-after=500ms,count=3` is how one is written, on the command line as in the
//! results. A new contender is a variant here and a file beside this one.

mod behind;
mod haproxy;
mod nutcracker;
mod ours;
mod phase;
mod port;
mod program;
mod sentinel;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use redis_cluster_monitor::local::{Binary, Version};

use crate::measure::{Route, Watch};

pub(crate) use phase::{DOWN, Phase};

/// The option that says how clients find the primary.
const VIA: &str = "via";

/// Somebody who watches groups and replaces their primaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    kind: Kind,
    via: Via,
    options: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The program of this source tree: one process, or several that share an etcd.
    Ours,
    /// Several Sentinels of this machine's server.
    RedisSentinel,
    /// Several Sentinels of Valkey 9.
    ValkeySentinel,
}

/// How clients find the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Via {
    /// They ask all nodes, which is the best that a client can do.
    Direct,
    /// They ask Sentinels, or our program in Sentinel's language.
    Sentinel,
    /// They know the address of our program's proxy.
    Proxy,
    /// They know the address of an `HAProxy` that looks for a primary by itself.
    Haproxy,
    /// They know the address of a nutcracker that leads to the first node.
    Nutcracker,
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

    /// What it needs besides to agree.
    fn store_pids(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Where clients ask who the primary is.
    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>>;

    /// Where clients connect that know one address, if there is such a place.
    fn proxy(&self) -> Option<SocketAddr> {
        None
    }

    /// The process that listens there.
    fn front(&self) -> Option<u32> {
        None
    }

    /// What its log tells of a failover of `group`, from the moment of the fault on.
    fn phases(&self, group: &str, fault: SystemTime) -> Vec<Phase>;

    /// Kills the process that replaces a primary just now. False while nobody does.
    fn kill_acting(&mut self) -> anyhow::Result<bool>;

    /// Kills the process that would replace a primary; where that is open, any one.
    fn kill_holder(&mut self) -> anyhow::Result<()>;

    /// Starts again what was killed.
    fn restart_killed(&mut self) -> anyhow::Result<()>;

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
        let running = match self.kind {
            Kind::Ours => {
                let has_proxy = self.via == Via::Proxy;
                let settings = ours::Settings::parse(&self.options)?;
                Box::new(ours::Ours::start(&tools.ours, settings, has_proxy, groups)?)
            }
            Kind::RedisSentinel => self.sentinels(Version::System, groups)?,
            Kind::ValkeySentinel => self.sentinels(Version::Valkey9, groups)?,
        };
        let (Via::Haproxy | Via::Nutcracker) = self.via else {
            return Ok(running);
        };
        let [group] = groups else {
            bail!("a proxy stands before one group");
        };
        let front = if self.via == Via::Haproxy {
            haproxy::front(&group.nodes)?
        } else {
            nutcracker::front(*group.nodes.first().context("a group has a node")?)?
        };
        Ok(Box::new(behind::Behind::start(running, front)?))
    }

    /// How a client finds the primary of `group`, which `watch` looks at.
    pub(crate) fn route(
        &self,
        running: &dyn Running,
        group: &str,
        watch: &Arc<Watch>,
    ) -> anyhow::Result<Route> {
        Ok(match self.via {
            Via::Direct => Route::direct(Arc::clone(watch)),
            Via::Sentinel => Route::Asked {
                sentinels: running.sentinels()?,
                group: group.to_owned(),
            },
            Via::Proxy | Via::Haproxy | Via::Nutcracker => {
                Route::Proxy(running.proxy().context("there is no proxy")?)
            }
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

impl Via {
    const ALL: [Self; 5] = [
        Self::Direct,
        Self::Sentinel,
        Self::Proxy,
        Self::Haproxy,
        Self::Nutcracker,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Sentinel => "sentinel",
            Self::Proxy => "proxy",
            Self::Haproxy => "haproxy",
            Self::Nutcracker => "nutcracker",
        }
    }

    fn parse(name: &str, kind: Kind) -> anyhow::Result<Self> {
        let has = |via: &Self| match via {
            Self::Direct | Self::Sentinel | Self::Haproxy | Self::Nutcracker => true,
            Self::Proxy => kind == Kind::Ours,
        };
        let known: Vec<_> = Self::ALL.into_iter().filter(has).collect();
        let names = || known.iter().map(|via| via.name()).collect::<Vec<_>>();
        let its = known.iter().find(|via| via.name() == name);
        its.copied()
            .with_context(|| format!("via={name} is none of {}", names().join(", ")))
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
        let mut options: BTreeMap<_, _> = words
            .map(|option| option.split_once('=').unwrap_or((option, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let via = match options.remove(VIA) {
            Some(name) => Via::parse(&name, kind)?,
            None => Via::Direct,
        };
        match kind {
            Kind::Ours => drop(ours::Settings::parse(&options)?),
            Kind::RedisSentinel | Kind::ValkeySentinel => {
                let settings = sentinel::Settings::parse(&options)?;
                ensure!(
                    settings.quorum <= settings.count,
                    "the quorum is larger than the count"
                );
            }
        }
        Ok(Self { kind, via, options })
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.name())?;
        let via = (self.via != Via::Direct).then(|| (VIA, self.via.name()));
        let options = self.options.iter();
        let options = options.map(|(name, value)| (name.as_str(), value.as_str()));
        for (i, (name, value)) in options.chain(via).enumerate() {
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
            "ours:hang-after=1s,via=proxy",
            "ours:etcd=1,monitors=3",
            "redis-sentinel:count=1,down-after=500ms,quorum=1",
            "redis-sentinel:via=haproxy",
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
            (
                "redis-sentinel:via=proxy",
                "via=proxy is none of direct, sentinel, haproxy, nutcracker",
            ),
        ] {
            let error = text.parse::<Contender>().unwrap_err().to_string();
            assert_eq!(error, expected);
        }
    }
}
