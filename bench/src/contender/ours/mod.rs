//! The program of this source tree: one process, with the file store in a temporary folder; or
//! several, with an etcd between them.

mod monitor;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use redis_cluster_monitor::local::Etcd;

use super::phase::{self, Phase};
use super::{Running, Watched, port};
use crate::stop;
use monitor::{Monitor, Orders};

const READY_DEADLINE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What the options here may not change.
const RESERVED: [&str; 8] = [
    "name",
    "state-dir",
    "store",
    "config",
    "log-format",
    "sentinel",
    "http",
    "proxy",
];

/// The option that says how many processes there are.
const MONITORS: &str = "monitors";
/// The option that says how many members their etcd has.
const MEMBERS: &str = "etcd";
/// As many as survive the loss of one.
const MEMBERS_DEFAULT: usize = 3;

#[derive(Debug)]
pub(super) struct Ours {
    settings: Settings,
    version: String,
    has_been_killed: bool,
    // They end before what they agree in.
    monitors: Vec<Monitor>,
    etcd: Option<Etcd>,
}

/// How many there are, and what each is told.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    monitors: usize,
    members: usize,
    /// Those of its command line, without the dashes.
    options: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn parse(options: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let mut options = options.clone();
        let mut take = |name: &str| -> anyhow::Result<Option<usize>> {
            let Some(value) = options.remove(name) else {
                return Ok(None);
            };
            let number: usize = value.parse().with_context(|| format!("{name}={value}"))?;
            ensure!((1..=9).contains(&number), "{name}={value} is not 1 to 9");
            Ok(Some(number))
        };
        let monitors = take(MONITORS)?.unwrap_or(1);
        let members = take(MEMBERS)?;
        ensure!(
            monitors > 1 || members.is_none(),
            "one monitor needs no etcd"
        );
        for name in options.keys() {
            ensure!(
                !RESERVED.contains(&name.as_str()),
                "{name} is set by the benchmark"
            );
        }
        Ok(Self {
            monitors,
            members: members.unwrap_or(MEMBERS_DEFAULT),
            options,
        })
    }
}

impl Ours {
    /// The first monitor has the proxy, if there is one.
    pub(super) fn start(
        binary: &Path,
        settings: Settings,
        has_proxy: bool,
        groups: &[Watched],
    ) -> anyhow::Result<Self> {
        let version = version(binary)?;
        let etcd = (settings.monitors > 1).then(|| Etcd::with(settings.members, &[]));
        let etcd = etcd.transpose()?;
        let store = etcd.as_ref().map(Etcd::store);
        let orders = Orders {
            binary,
            options: &settings.options,
            groups,
            store: store.as_deref(),
        };
        let numbers = 0..settings.monitors;
        let monitors = numbers.map(|number| Monitor::start(orders, has_proxy && number == 0));
        let mut ours = Self {
            monitors: monitors.collect::<anyhow::Result<_>>()?,
            settings,
            version,
            has_been_killed: false,
            etcd,
        };
        ours.wait_until_ready(groups)?;
        Ok(ours)
    }

    fn wait_until_ready(&mut self, groups: &[Watched]) -> anyhow::Result<()> {
        let what = "our program knowing all nodes";
        for monitor in &mut self.monitors {
            stop::wait_for(READY_DEADLINE, ASK_EVERY, what, || monitor.is_ready(groups))
                .with_context(|| format!("its log ends with:\n{}", monitor.program.log_tail(20)))?;
        }
        Ok(())
    }
}

impl Running for Ours {
    fn pids(&self) -> Vec<u32> {
        let pids = self.monitors.iter().map(|its| its.program.pid());
        pids.collect()
    }

    fn store_pids(&self) -> Vec<u32> {
        self.etcd.as_ref().map(Etcd::pids).unwrap_or_default()
    }

    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>> {
        Ok(self.monitors.iter().map(|its| its.sentinel).collect())
    }

    fn proxy(&self) -> Option<SocketAddr> {
        self.monitors.first()?.proxy
    }

    fn front(&self) -> Option<u32> {
        let first = self.monitors.first()?;
        first.proxy.map(|_| first.program.pid())
    }

    fn phases(&self, group: &str, fault: SystemTime) -> Vec<Phase> {
        let told = self.monitors.iter().flat_map(|its| its.told(group));
        phase::since(fault, told)
    }

    fn kill_acting(&mut self) -> anyhow::Result<bool> {
        let mut monitors = self.monitors.iter_mut();
        let acting = monitors.find(|its| !self.has_been_killed && its.has_acted());
        let Some(acting) = acting else {
            return Ok(false);
        };
        acting.program.kill();
        self.has_been_killed = true;
        Ok(true)
    }

    fn kill_holder(&mut self) -> anyhow::Result<()> {
        let holder = self.monitors.iter_mut().find(|its| its.has_adopted());
        let holder = holder.context("no monitor has put the primary on record")?;
        holder.program.kill();
        Ok(())
    }

    fn restart_killed(&mut self) -> anyhow::Result<()> {
        let mut monitors = self.monitors.iter_mut();
        monitors.try_for_each(|its| its.program.start_again())
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = self.settings.options.clone();
        let monitors = self.settings.monitors;
        parameters.insert(MONITORS.to_owned(), monitors.to_string());
        if self.etcd.is_some() {
            let members = self.settings.members;
            parameters.insert(MEMBERS.to_owned(), members.to_string());
        }
        parameters
    }

    fn log(&self) -> String {
        let logs = self.monitors.iter().map(|its| its.program.log());
        logs.collect::<Vec<_>>().join("\n")
    }

    fn log_tail(&self) -> String {
        let tails = self.monitors.iter().map(|its| its.program.log_tail(20));
        tails.collect::<Vec<_>>().join("\n")
    }
}

fn version(binary: &Path) -> anyhow::Result<String> {
    let shown = || PathBuf::from(binary).display().to_string();
    let output = Command::new(binary)
        .arg("--version")
        .output()
        .with_context(|| {
            format!(
                "cannot run {}; `cargo build --release` in the source tree makes it",
                shown()
            )
        })?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        output.status.success() && !text.is_empty(),
        "{} does not tell its version; it may be too old to be measured",
        shown()
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use crate::contender::Contender;

    #[test]
    fn what_the_benchmark_sets_is_no_option() {
        for text in [
            "ours:state-dir=/tmp",
            "ours:monitors=0",
            "ours:monitors=many",
            "ours:etcd=3",
        ] {
            assert!(text.parse::<Contender>().is_err(), "{text}");
        }
    }
}
