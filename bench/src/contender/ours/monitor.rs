//! One process of our program, and what its log tells.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::bail;
use serde_json::Value;

use super::port;
use crate::contender::Watched;
use crate::contender::phase::DOWN;
use crate::contender::program::Program;

/// What its log says when it begins to replace a primary.
const STARTED: &str = "failover-started";

/// What only the one says that may act.
const ADOPTED: &str = "primary-adopted";

/// The codes of its events, and what they mean.
const PHASES: [(&str, &str); 5] = [
    (STARTED, DOWN),
    ("candidate-chosen", "chosen"),
    ("node-promoted", "promoted"),
    ("primary-switched", "switched"),
    ("group-restored", "following"),
];

#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) program: Program,
    pub(super) sentinel: SocketAddr,
    pub(super) proxy: Option<SocketAddr>,
}

/// What all monitors of a deployment are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orders<'a> {
    pub(super) binary: &'a Path,
    /// Those of the command line, without the dashes.
    pub(super) options: &'a BTreeMap<String, String>,
    pub(super) groups: &'a [Watched],
    /// Where the records live, if not in a folder.
    pub(super) store: Option<&'a str>,
}

impl Monitor {
    /// One group is given on the command line, several in a configuration file.
    pub(super) fn start(orders: Orders<'_>, has_proxy: bool) -> anyhow::Result<Self> {
        let Orders {
            binary,
            options,
            groups,
            store,
        } = orders;
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
        let sentinel = free()?;
        let proxy = has_proxy.then(free).transpose()?;
        if let [group] = groups {
            command.arg("--name").arg(&group.name);
            command.args(options.iter().map(|(name, value)| match value.as_str() {
                "" => format!("--{name}"),
                value => format!("--{name}={value}"),
            }));
            command.args(group.nodes.iter().map(ToString::to_string));
        } else {
            if has_proxy {
                bail!("the proxy is measured with one group");
            }
            let config = folder.path().join("config.toml");
            fs::write(&config, toml(options, groups)?)?;
            command.arg("run").arg("--config").arg(config);
        }
        command.arg(format!("--sentinel={sentinel}"));
        command.args(proxy.map(|address| format!("--proxy={address}")));
        command.args(store.map(|store| format!("--store={store}")));
        command.args(["--http=off", "--log-format=json"]);
        command.arg("--state-dir").arg(folder.path().join("state"));
        Ok(Self {
            program: Program::start(command, folder)?,
            sentinel,
            proxy,
        })
    }

    /// Whether it says in its log that it knows every node of every group. If it ended, why.
    pub(super) fn is_ready(&mut self, groups: &[Watched]) -> anyhow::Result<bool> {
        if let Some(status) = self.program.ended() {
            bail!(
                "our program ended ({status}):\n{}",
                self.program.log_tail(20)
            );
        }
        let log = self.program.log();
        let events: Vec<_> = log.lines().filter_map(event).collect();
        Ok(groups.iter().all(|group| knows(&events, group)))
    }

    /// Whether it has begun to replace a primary.
    pub(super) fn has_acted(&self) -> bool {
        self.program.log().contains(STARTED)
    }

    /// Whether it is the one that put the primary on record, which needs the right to act.
    pub(super) fn has_adopted(&self) -> bool {
        self.program.log().contains(ADOPTED)
    }

    /// What its log tells of a failover of this group, and when.
    pub(super) fn told(&self, group: &str) -> Vec<(&'static str, String)> {
        let log = self.program.log();
        let events = log.lines().filter_map(event);
        events.filter_map(|event| told(&event, group)).collect()
    }
}

/// One line of its log.
fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

/// Whether the log tells of a primary in office and of all its replicas.
fn knows(events: &[Value], group: &Watched) -> bool {
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
}
