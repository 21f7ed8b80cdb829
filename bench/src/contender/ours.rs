//! The program of this source tree: one process, with the file store in a temporary folder.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::phase::{self, DOWN, Phase};
use super::program::Program;
use super::{Running, Watched, port};
use crate::stop;

const READY_DEADLINE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What the options here may not change.
const RESERVED: [&str; 5] = ["name", "state-dir", "config", "log-format", "proxy"];

/// What its log says where its Sentinel API is.
const LISTENS: &str = "the Sentinel API listens";

/// What its log says when it begins to replace a primary.
const STARTED: &str = "failover-started";

/// The codes of its events, and what they mean.
const PHASES: [(&str, &str); 5] = [
    (STARTED, DOWN),
    ("candidate-chosen", "chosen"),
    ("node-promoted", "promoted"),
    ("primary-switched", "switched"),
    ("group-restored", "following"),
];

#[derive(Debug)]
pub(super) struct Ours {
    program: Program,
    version: String,
    options: BTreeMap<String, String>,
    proxy: Option<SocketAddr>,
    has_been_killed: bool,
}

/// Options are those of its command line, without the dashes.
pub(super) fn check(options: &BTreeMap<String, String>) -> anyhow::Result<()> {
    for name in options.keys() {
        ensure!(
            !RESERVED.contains(&name.as_str()),
            "{name} is set by the benchmark"
        );
    }
    Ok(())
}

impl Ours {
    /// One group is given on the command line, several in a configuration file.
    pub(super) fn start(
        binary: &Path,
        options: &BTreeMap<String, String>,
        has_proxy: bool,
        groups: &[Watched],
    ) -> anyhow::Result<Self> {
        let version = version(binary)?;
        let folder = tempfile::Builder::new().prefix("rcm-bench-").tempdir()?;
        let mut command = Command::new(binary);
        // What happens to be set where the benchmark is started is no option of its contender.
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"RCM_") {
                command.env_remove(name);
            }
        }
        // Two runs side by side must not want the same ports, and a restart finds them again.
        let free = || port::free([127, 0, 0, 1].into());
        let mut doors = Vec::new();
        if !options.contains_key("sentinel") {
            doors.push(format!("--sentinel={}", free()?));
        }
        if !options.contains_key("http") {
            doors.push("--http=off".to_owned());
        }
        let proxy = has_proxy.then(free).transpose()?;
        doors.extend(proxy.map(|address| format!("--proxy={address}")));
        if let [group] = groups {
            command.arg("--name").arg(&group.name);
            command.args(options.iter().map(|(name, value)| match value.as_str() {
                "" => format!("--{name}"),
                value => format!("--{name}={value}"),
            }));
            command.args(group.nodes.iter().map(ToString::to_string));
        } else {
            ensure!(!has_proxy, "the proxy is measured with one group");
            let config = folder.path().join("config.toml");
            fs::write(&config, toml(options, groups)?)?;
            command.arg("run").arg("--config").arg(config);
        }
        command.args(doors).arg("--log-format=json");
        command.arg("--state-dir").arg(folder.path().join("state"));
        let program = Program::start(command, folder)?;
        let mut ours = Self {
            program,
            version,
            options: options.clone(),
            proxy,
            has_been_killed: false,
        };
        ours.wait_until_ready(groups)?;
        Ok(ours)
    }

    /// It says so in its log when the primary is healthy, in words that end with that.
    fn wait_until_ready(&mut self, groups: &[Watched]) -> anyhow::Result<()> {
        let what = "our program knowing all nodes";
        stop::wait_for(READY_DEADLINE, ASK_EVERY, what, || {
            if let Some(status) = self.program.ended() {
                bail!("our program ended ({status}):\n{}", self.log_tail());
            }
            let log = self.program.log();
            let events: Vec<_> = log.lines().filter_map(event).collect();
            Ok(groups.iter().all(|group| is_ready(&events, group)))
        })
        .with_context(|| format!("its log ends with:\n{}", self.log_tail()))
    }
}

impl Running for Ours {
    fn pids(&self) -> Vec<u32> {
        vec![self.program.pid()]
    }

    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let log = self.program.log();
        let mut events = log.lines().filter_map(event);
        let listens = events.find(|event| event["message"] == LISTENS);
        let address = listens.and_then(|event| event["address"].as_str()?.parse().ok());
        Ok(vec![address.context(
            "its log does not tell where its Sentinel API is",
        )?])
    }

    fn proxy(&self) -> Option<SocketAddr> {
        self.proxy
    }

    fn front(&self) -> Option<u32> {
        self.proxy.map(|_| self.program.pid())
    }

    fn phases(&self, group: &str, fault: SystemTime) -> Vec<Phase> {
        let log = self.program.log();
        let events = log.lines().filter_map(event);
        phase::since(fault, events.filter_map(|event| told(&event, group)))
    }

    fn kill_acting(&mut self) -> anyhow::Result<bool> {
        let acts = !self.has_been_killed && self.program.log().contains(STARTED);
        if acts {
            self.program.kill();
            self.has_been_killed = true;
        }
        Ok(acts)
    }

    fn restart_killed(&mut self) -> anyhow::Result<()> {
        self.program.start_again()
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn parameters(&self) -> BTreeMap<String, String> {
        self.options.clone()
    }

    fn log(&self) -> String {
        self.program.log()
    }

    fn log_tail(&self) -> String {
        self.program.log_tail(20)
    }
}

/// One line of its log.
fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

/// Whether the log tells of a primary in office and of all its replicas.
fn is_ready(events: &[Value], group: &Watched) -> bool {
    let [primary, replicas @ ..] = group.nodes.as_slice() else {
        return true;
    };
    let primary = primary.to_string();
    let is_told = |code: &str, field: &str, value: &str| {
        events.iter().any(|event| {
            event["code"] == code && event["primary"] == primary.as_str() && event[field] == value
        })
    };
    is_told("verdict-changed", "to", "healthy")
        && replicas
            .iter()
            .all(|replica| is_told("replica-up", "node", &replica.to_string()))
}

/// What an event tells of a failover of this group, and when: `2026-11-22T21:59:31.260Z`.
fn told(event: &Value, group: &str) -> Option<(&'static str, String)> {
    if event["group"] != group {
        return None;
    }
    let code = event["code"].as_str()?;
    let is_suspicion = code == "verdict-changed" && event["to"] == "primary-suspected";
    let name = if is_suspicion {
        "suspected"
    } else {
        PHASES.iter().find(|(its, _)| *its == code)?.1
    };
    let (_, clock) = event["ts"].as_str()?.split_once('T')?;
    Some((name, clock.trim_end_matches('Z').to_owned()))
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

fn toml(options: &BTreeMap<String, String>, groups: &[Watched]) -> anyhow::Result<String> {
    let mut text = String::new();
    for Watched { name, nodes } in groups {
        let nodes: Vec<_> = nodes
            .iter()
            .map(|node| format!("{:?}", node.to_string()))
            .collect();
        writeln!(text, "[groups.{name}]\nnodes = [{}]", nodes.join(", "))?;
        for (name, value) in options {
            writeln!(text, "{} = {value:?}", name.replace('-', "_"))?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_groups_go_into_a_file() {
        let group = |name: &str, port: u16| Watched {
            name: name.to_owned(),
            nodes: vec![([127, 0, 0, 1], port).into()],
        };
        let options = BTreeMap::from([("hang-after".to_owned(), "1s".to_owned())]);
        assert_eq!(
            toml(&options, &[group("a", 1), group("b", 2)]).unwrap(),
            "[groups.a]\nnodes = [\"127.0.0.1:1\"]\nhang_after = \"1s\"\n\
             [groups.b]\nnodes = [\"127.0.0.1:2\"]\nhang_after = \"1s\"\n"
        );
    }

    #[test]
    fn events_are_phases_of_their_group() {
        let started =
            r#"{"ts":"2026-11-22T21:59:31.260Z","group":"shop","code":"failover-started"}"#;
        let started = event(started).unwrap();
        assert_eq!(told(&started, "shop"), Some((DOWN, "21:59:31.260".into())));
        assert_eq!(told(&started, "other"), None);
        assert_eq!(event("no JSON"), None);
    }

    #[test]
    fn what_the_benchmark_sets_is_no_option() {
        assert!(
            "ours:state-dir=/tmp"
                .parse::<super::super::Contender>()
                .is_err()
        );
    }
}
