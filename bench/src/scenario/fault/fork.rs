//! The primary is killed while a child of it saves its data: the connections stay open, because the
//! child has them too, and nobody answers.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use redis_cluster_monitor::local::Server;
use rustix::process::{Pid, Signal, kill_process};

use super::{Bed, Contender, Line, Setup, Stage, kill};
use crate::stop;

/// How many keys are saved, and how long each takes: long enough for everybody.
const KEYS: usize = 1000;
const SAVE_US: usize = 30_000;

const FORK_DEADLINE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The child, which outlives its parent and ends with this value.
struct Orphan {
    pid: Pid,
    folder: PathBuf,
}

pub(crate) fn fork(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, Setup::default(), line)?;
    line.set("child-lives-ms", KEYS * SAVE_US / 1000);
    let _orphan = Orphan::of(&stage.group.nodes()[0])?;
    let fault = kill(&mut stage, line)?;
    stage.account(fault, line)
}

impl Orphan {
    /// Lets the server save, and returns when its child does that.
    fn of(server: &Server) -> anyhow::Result<Self> {
        let mut client = server.client()?;
        for number in 0..KEYS {
            client.text(&["SET", &format!("save:{number}"), "slowly"])?;
        }
        let delay = SAVE_US.to_string();
        client.text(&["CONFIG", "SET", "rdb-key-save-delay", &delay])?;
        client.text(&["BGSAVE"])?;
        let pid = server.pid().context("the server runs")?;
        let mut child = None;
        stop::wait_for(FORK_DEADLINE, LOOK_EVERY, "a child that saves", || {
            child = child_of(pid)?;
            Ok(child.is_some())
        })?;
        Ok(Self {
            pid: child.context("it was there")?,
            folder: server.folder().to_owned(),
        })
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // No signal for a stranger who has inherited the number.
        let place = format!("/proc/{}/cwd", self.pid.as_raw_nonzero());
        if fs::read_link(place).is_ok_and(|folder| folder == self.folder) {
            // Fails only if it has ended by now.
            kill_process(self.pid, Signal::KILL).ok();
        }
    }
}

fn child_of(pid: u32) -> anyhow::Result<Option<Pid>> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let first = text.split_whitespace().next();
    Ok(first.and_then(|child| Pid::from_raw(child.parse().ok()?)))
}
