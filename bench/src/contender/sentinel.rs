//! Sentinels, as people run them: three processes that agree by majority.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use redis_cluster_monitor::local::{Binary, Client, Reply, Server};

use super::phase::{self, DOWN, Phase};
use super::{Running, Watched};
use crate::{raw, stop};

/// They find each other by messages that each sends every 2 s, and new replicas within 10 s.
const READY_DEADLINE: Duration = Duration::from_secs(90);
const ASK_EVERY: Duration = Duration::from_millis(50);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// What stands in the log of the one that was elected to replace a primary.
const ELECTED: &str = "+elected-leader";

/// What their logs say, and what it means.
const PHASES: [(&str, &str); 6] = [
    ("+sdown master", "suspected"),
    ("+odown master", DOWN),
    (ELECTED, "elected"),
    ("+selected-slave", "chosen"),
    ("+promoted-slave", "promoted"),
    ("+switch-master", "switched"),
];

/// How they are configured, the same for every group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) count: usize,
    pub(super) quorum: usize,
    down_after: Duration,
    failover_timeout: Duration,
}

#[derive(Debug)]
pub(super) struct Sentinels {
    settings: Settings,
    processes: Vec<Server>,
    version: String,
}

impl Settings {
    pub(super) fn parse(options: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let mut settings = Self {
            count: 3,
            quorum: 2,
            down_after: Duration::from_secs(1),
            failover_timeout: Duration::from_secs(10),
        };
        for (name, value) in options {
            let wrong = || format!("{name}={value}");
            match name.as_str() {
                "count" => settings.count = value.parse().with_context(wrong)?,
                "quorum" => settings.quorum = value.parse().with_context(wrong)?,
                "down-after" => settings.down_after = duration(value).with_context(wrong)?,
                "failover-timeout" => {
                    settings.failover_timeout = duration(value).with_context(wrong)?;
                }
                _ => bail!("a Sentinel has no option {name:?}"),
            }
        }
        Ok(settings)
    }
}

impl Sentinels {
    pub(super) fn start(
        binary: &Binary,
        settings: Settings,
        groups: &[Watched],
    ) -> anyhow::Result<Self> {
        // Where the last node is: the first may be on a host of its own.
        let last = groups.first().and_then(|group| group.nodes.last());
        let home = last.map_or([127, 0, 0, 1].into(), SocketAddr::ip);
        let mut builder = Server::builder(binary).bind(home).sentinel();
        let down_after = settings.down_after.as_millis().to_string();
        let failover_timeout = settings.failover_timeout.as_millis().to_string();
        let quorum = settings.quorum.to_string();
        for Watched { name, nodes } in groups {
            let (ip, port) = (nodes[0].ip().to_string(), nodes[0].port().to_string());
            builder = builder
                .set("sentinel", &["monitor", name, &ip, &port, &quorum])
                .set("sentinel", &["down-after-milliseconds", name, &down_after])
                .set("sentinel", &["failover-timeout", name, &failover_timeout]);
        }
        let mut sentinels = Self {
            settings,
            processes: Vec::new(),
            version: String::new(),
        };
        for _ in 0..settings.count {
            stop::check()?;
            sentinels.processes.push(builder.clone().start()?);
        }
        if let Some(first) = sentinels.processes.first() {
            sentinels.version = raw::server_version(&first.info("server")?);
        }
        sentinels.wait_until_ready(groups)?;
        Ok(sentinels)
    }

    fn wait_until_ready(&self, groups: &[Watched]) -> anyhow::Result<()> {
        for sentinel in &self.processes {
            let mut client = Client::connect(sentinel.address(), CLIENT_TIMEOUT)?;
            for group in groups {
                let what = format!(
                    "Sentinel {} knowing group {}",
                    sentinel.address(),
                    group.name
                );
                stop::wait_for(READY_DEADLINE, ASK_EVERY, &what, || {
                    self.is_ready(&mut client, group)
                })?;
            }
        }
        Ok(())
    }

    /// Whether one of them knows the others, and every replica with all that a choice needs.
    fn is_ready(&self, client: &mut Client, group: &Watched) -> anyhow::Result<bool> {
        let group_name = group.name.as_str();
        let primary = fields(&client.command(&["SENTINEL", "MASTER", group_name])?);
        let is = |fields: &HashMap<String, String>, name: &str, value: &str| {
            fields.get(name).is_some_and(|its| its == value)
        };
        let others = (self.settings.count - 1).to_string();
        if !is(&primary, "flags", "master") || !is(&primary, "num-other-sentinels", &others) {
            return Ok(false);
        }
        let replicas = client.command(&["SENTINEL", "SLAVES", group_name])?;
        let Reply::Array(replicas) = &replicas else {
            bail!("SENTINEL SLAVES: unexpected reply {replicas}");
        };
        let is_known = |replica: &Reply| {
            let replica = fields(replica);
            is(&replica, "flags", "slave") && is(&replica, "master-link-status", "ok")
        };
        Ok(replicas.len() == group.nodes.len() - 1 && replicas.iter().all(is_known))
    }
}

impl Running for Sentinels {
    fn pids(&self) -> Vec<u32> {
        self.processes.iter().filter_map(Server::pid).collect()
    }

    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>> {
        Ok(self.processes.iter().map(Server::address).collect())
    }

    fn phases(&self, group: &str, fault: SystemTime) -> Vec<Phase> {
        let log = self.log();
        phase::since(fault, log.lines().filter_map(|line| told(line, group)))
    }

    fn kill_acting(&mut self) -> anyhow::Result<bool> {
        let acts = |its: &Server| its.log_tail(usize::MAX).contains(ELECTED);
        let acting = self.processes.iter_mut().find(|its| acts(its));
        Ok(acting.map(Server::kill).is_some())
    }

    /// They elect one when they need it, so any one will do.
    fn kill_holder(&mut self) -> anyhow::Result<()> {
        let first = self.processes.first_mut();
        first.context("there is no Sentinel")?.kill();
        Ok(())
    }

    fn restart_killed(&mut self) -> anyhow::Result<()> {
        let mut killed = self.processes.iter_mut().filter(|its| its.pid().is_none());
        killed.try_for_each(|its| Ok(its.restart()?))
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn parameters(&self) -> BTreeMap<String, String> {
        let Settings {
            count,
            quorum,
            down_after,
            failover_timeout,
        } = self.settings;
        let durations = [
            ("down-after", down_after),
            ("failover-timeout", failover_timeout),
        ]
        .map(|(name, value)| (name, humantime::format_duration(value).to_string()));
        let numbers =
            [("count", count), ("quorum", quorum)].map(|(name, value)| (name, value.to_string()));
        let all = durations.into_iter().chain(numbers);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn log(&self) -> String {
        let logs = self.processes.iter().map(|its| its.log_tail(usize::MAX));
        logs.collect::<Vec<_>>().join("\n")
    }

    fn log_tail(&self) -> String {
        let tails = self.processes.iter().map(|process| process.log_tail(8));
        tails.collect::<Vec<_>>().join("\n")
    }
}

/// What a line of the log tells of a group, and when:
/// `25404:X 22 Nov 2026 21:59:38.864 # +sdown master mymaster 127.0.0.1 29101`.
fn told(line: &str, group: &str) -> Option<(&'static str, String)> {
    let (_, name) = PHASES.iter().find(|(words, _)| line.contains(words))?;
    let mut words = line.split(' ');
    words.clone().find(|word| *word == group)?;
    Some((*name, words.nth(4)?.to_owned()))
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    Ok(humantime::parse_duration(text)?)
}

/// A flat list of names and values. Of anything else, nothing.
fn fields(reply: &Reply) -> HashMap<String, String> {
    let Reply::Array(words) = reply else {
        return HashMap::new();
    };
    let pairs = words.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].to_string(), pair[1].to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_of_its_group_only() {
        let line = "25404:X 22 Nov 2026 21:59:38.864 # +odown master shop 127.0.0.1 7 #quorum 2/2";
        assert_eq!(told(line, "shop"), Some((DOWN, "21:59:38.864".into())));
        assert_eq!(told(line, "sho"), None);
        assert_eq!(
            told("25404:X 22 Nov 2026 21:59:38.864 * Ready", "shop"),
            None
        );
    }
}
