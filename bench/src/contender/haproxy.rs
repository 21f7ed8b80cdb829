//! `HAProxy` before a group that others watch: as people set it up who have one address only.
//!
//! It knows nothing of who watches. It asks every node for its role, once a second unless told
//! otherwise, sends clients to whoever says that it is a primary, and ends the connections to a node
//! that no longer says so.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use redis_cluster_monitor::local::{Client, Reply};

use super::phase::Phase;
use super::program::Program;
use super::{Running, port};
use crate::stop;

/// How often every node is asked; one answer is enough to believe it.
const CHECK_EVERY: Duration = Duration::from_secs(1);

const READY_DEADLINE: Duration = Duration::from_secs(20);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// It takes every node for a primary until it has asked, and uses them in turn.
const IN_A_ROW: usize = 9;

const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Debian does not put it where everybody looks.
const PLACES: [&str; 2] = ["haproxy", "/usr/sbin/haproxy"];

/// Somebody who watches, behind an `HAProxy`.
pub(super) struct Behind {
    program: Program,
    address: SocketAddr,
    version: String,
    running: Box<dyn Running>,
}

impl Behind {
    pub(super) fn start(running: Box<dyn Running>, nodes: &[SocketAddr]) -> anyhow::Result<Self> {
        let (binary, version) = find()?;
        let address = port::free([127, 0, 0, 1].into())?;
        let folder = tempfile::Builder::new().prefix("rcm-haproxy-").tempdir()?;
        let config = folder.path().join("haproxy.cfg");
        fs::write(&config, configuration(address, nodes)?)?;
        let mut command = Command::new(binary);
        // In the foreground, one process.
        command.arg("-db").arg("-f").arg(config);
        let mut behind = Self {
            program: Program::start(command, folder)?,
            address,
            version,
            running,
        };
        behind.wait_until_ready()?;
        Ok(behind)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let what = "HAProxy leading to a primary";
        stop::wait_for(READY_DEADLINE, ASK_EVERY, what, || {
            if let Some(status) = self.program.ended() {
                bail!("HAProxy ended ({status}):\n{}", self.program.log_tail(20));
            }
            Ok((0..IN_A_ROW).all(|_| leads_to_a_primary(self.address)))
        })
    }
}

impl Running for Behind {
    fn pids(&self) -> Vec<u32> {
        let mut pids = self.running.pids();
        pids.push(self.program.pid());
        pids
    }

    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>> {
        self.running.sentinels()
    }

    fn proxy(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    fn phases(&self, group: &str, fault: SystemTime) -> Vec<Phase> {
        self.running.phases(group, fault)
    }

    fn kill_acting(&mut self) -> anyhow::Result<bool> {
        self.running.kill_acting()
    }

    fn restart_killed(&mut self) -> anyhow::Result<()> {
        self.running.restart_killed()
    }

    fn version(&self) -> String {
        format!("{} with {}", self.running.version(), self.version)
    }

    fn parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = self.running.parameters();
        let every = humantime::format_duration(CHECK_EVERY).to_string();
        parameters.insert("haproxy-inter".into(), every);
        parameters
    }

    fn log(&self) -> String {
        [self.running.log(), self.program.log()].join("\n")
    }

    fn log_tail(&self) -> String {
        [self.running.log_tail(), self.program.log_tail(8)].join("\n")
    }
}

fn leads_to_a_primary(address: SocketAddr) -> bool {
    let role = Client::connect(address, CLIENT_TIMEOUT).and_then(|mut its| its.command(&["ROLE"]));
    matches!(role, Ok(Reply::Array(words)) if words.first() == Some(&Reply::Bulk(b"master".into())))
}

fn configuration(address: SocketAddr, nodes: &[SocketAddr]) -> anyhow::Result<String> {
    let mut text = format!(
        "global\n    \
             log stderr format raw local0\n\
         defaults\n    \
             mode tcp\n    \
             timeout connect 1s\n    \
             timeout client 1h\n    \
             timeout server 1h\n    \
             timeout check 1s\n\
         frontend clients\n    \
             bind {address}\n    \
             default_backend primary\n\
         backend primary\n    \
             log global\n    \
             option tcp-check\n    \
             tcp-check send PING\\r\\n\n    \
             tcp-check expect string +PONG\n    \
             tcp-check send INFO\\ replication\\r\\n\n    \
             tcp-check expect string role:master\n    \
             tcp-check send QUIT\\r\\n\n    \
             tcp-check expect string +OK\n    \
             default-server check inter {}ms fall 1 rise 1 on-marked-down shutdown-sessions\n",
        CHECK_EVERY.as_millis()
    );
    for (number, node) in nodes.iter().enumerate() {
        writeln!(text, "    server node{number} {node}")?;
    }
    Ok(text)
}

/// The program, and its version.
fn find() -> anyhow::Result<(&'static str, String)> {
    let version = |place: &str| {
        let output = Command::new(place).arg("-v").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split(' ').nth(2)?.to_owned();
        output
            .status
            .success()
            .then_some(format!("haproxy {version}"))
    };
    let found = PLACES
        .into_iter()
        .find_map(|place| Some((place, version(place)?)));
    let (place, version) = found.context("cannot run haproxy; it is in the package haproxy")?;
    ensure!(!version.is_empty(), "{place} does not tell its version");
    Ok((place, version))
}
