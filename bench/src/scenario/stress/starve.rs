//! The contender's processes stand still most of the time, as on a machine with too much to do.

use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::Stage;
use crate::stop;

/// Longer than the second after which Sentinels believe that a node is down.
const STAND: Duration = Duration::from_millis(1500);
const GO: Duration = Duration::from_millis(150);

/// Processes that stand still, until this is dropped.
struct Standing<'a>(&'a [Pid]);

pub(super) fn apply(stage: &Stage, window: Duration) -> anyhow::Result<()> {
    let pids = stage.contender.pids();
    let pid = |&pid| Pid::from_raw(i32::try_from(pid).ok()?);
    let pids: Option<Vec<_>> = pids.iter().map(pid).collect();
    let pids = pids.context("a process has no number")?;
    let end = Instant::now() + window;
    while Instant::now() < end {
        let standing = Standing::stop(&pids)?;
        stop::sleep(STAND)?;
        drop(standing);
        stop::sleep(GO)?;
    }
    Ok(())
}

impl<'a> Standing<'a> {
    fn stop(pids: &'a [Pid]) -> anyhow::Result<Self> {
        let standing = Self(pids);
        for &pid in pids {
            kill_process(pid, Signal::STOP).context("the contender has ended")?;
        }
        Ok(standing)
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        for &pid in self.0 {
            // Fails only for one that has ended.
            kill_process(pid, Signal::CONT).ok();
        }
    }
}
