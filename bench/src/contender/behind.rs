//! A group that somebody watches, behind a proxy that is not ours.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use redis_cluster_monitor::local::{Client, Reply};
use tempfile::TempDir;

use super::Running;
use super::phase::Phase;
use super::program::Program;
use crate::stop;

const READY_DEADLINE: Duration = Duration::from_secs(20);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// One that has not asked yet takes every node for a primary, and uses them in turn.
const IN_A_ROW: usize = 9;

const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

/// A proxy that is to be started.
pub(super) struct Front {
    pub(super) name: &'static str,
    pub(super) version: String,
    pub(super) address: SocketAddr,
    /// In the foreground, one process.
    pub(super) command: Command,
    /// With its configuration.
    pub(super) folder: TempDir,
    /// What was set.
    pub(super) parameters: BTreeMap<String, String>,
    /// How it is asked where it leads to.
    pub(super) question: &'static [&'static str],
}

/// Somebody who watches, behind a proxy.
pub(super) struct Behind {
    program: Program,
    address: SocketAddr,
    version: String,
    parameters: BTreeMap<String, String>,
    running: Box<dyn Running>,
}

impl Behind {
    pub(super) fn start(running: Box<dyn Running>, front: Front) -> anyhow::Result<Self> {
        let Front {
            name,
            version,
            address,
            command,
            folder,
            parameters,
            question,
        } = front;
        let mut program = Program::start(command, folder)?;
        let what = format!("{name} leading to a primary");
        stop::wait_for(READY_DEADLINE, ASK_EVERY, &what, || {
            if let Some(status) = program.ended() {
                bail!("{name} ended ({status}):\n{}", program.log_tail(20));
            }
            Ok((0..IN_A_ROW).all(|_| leads_to_a_primary(address, question)))
        })?;
        Ok(Self {
            program,
            address,
            version,
            parameters,
            running,
        })
    }
}

impl Running for Behind {
    fn pids(&self) -> Vec<u32> {
        let mut pids = self.running.pids();
        pids.push(self.program.pid());
        pids
    }

    fn store_pids(&self) -> Vec<u32> {
        self.running.store_pids()
    }

    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>> {
        self.running.sentinels()
    }

    fn proxy(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    fn front(&self) -> Option<u32> {
        Some(self.program.pid())
    }

    fn phases(&self, group: &str, fault: SystemTime) -> Vec<Phase> {
        self.running.phases(group, fault)
    }

    fn kill_acting(&mut self) -> anyhow::Result<bool> {
        self.running.kill_acting()
    }

    fn kill_holder(&mut self) -> anyhow::Result<()> {
        self.running.kill_holder()
    }

    fn restart_killed(&mut self) -> anyhow::Result<()> {
        self.running.restart_killed()
    }

    fn version(&self) -> String {
        format!("{} with {}", self.running.version(), self.version)
    }

    fn parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = self.running.parameters();
        parameters.extend(self.parameters.clone());
        parameters
    }

    fn log(&self) -> String {
        [self.running.log(), self.program.log()].join("\n")
    }

    fn log_tail(&self) -> String {
        [self.running.log_tail(), self.program.log_tail(8)].join("\n")
    }
}

fn leads_to_a_primary(address: SocketAddr, question: &[&str]) -> bool {
    let reply = Client::connect(address, CLIENT_TIMEOUT).and_then(|mut its| its.command(question));
    match reply {
        Ok(Reply::Array(words)) => words.first() == Some(&Reply::Bulk(b"master".into())),
        Ok(Reply::Error(_)) | Err(_) => false,
        Ok(_) => true,
    }
}
