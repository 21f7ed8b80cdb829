//! What happens to the primary of a group under a writer, one file per fault.

mod crash;
mod cut;
mod empty;
mod fork;
mod hang;
mod holder;
mod monitor;
mod return_;
mod second;
mod switchover;
mod term;

use std::time::Instant;

use anyhow::Context;
use redis_cluster_monitor::local::{self, Server};

use super::Bed;
use super::stage::{Setup, Stage, is_taken_over};
use crate::contender::Contender;
use crate::measure::Refusal;
use crate::raw::{Figure, Line};

pub(super) use crash::{crash, crash_large};
pub(super) use cut::cut;
pub(super) use empty::empty;
pub(super) use fork::fork;
pub(super) use hang::hang;
pub(super) use holder::holder;
pub(super) use monitor::monitor;
pub(super) use return_::return_;
pub(super) use second::second;
pub(super) use switchover::switchover;
pub(super) use term::term;

/// Kills the primary and waits until all is well without it. Returns when that was.
fn kill(stage: &mut Stage, line: &mut Line) -> anyhow::Result<Instant> {
    lose(stage, line, |server| {
        server.kill();
        Ok(())
    })
}

/// Ends the primary and waits until all is well without it. Returns when that was.
fn lose(
    stage: &mut Stage,
    line: &mut Line,
    end: impl FnOnce(&mut Server) -> Result<(), local::Error>,
) -> anyhow::Result<Instant> {
    let refusal = Refusal::watch(stage.watch.addresses()[0]);
    let fault = Instant::now();
    end(&mut stage.group.nodes_mut()[0])?;
    let taken_over = stage.takeover(fault, line);

    let refused = refusal
        .first()
        .context("the server that was ended still accepts connections")?;
    line.figures
        .put_duration(Figure::RefusedMs, refused - fault);
    if let Some(promoted) = line.figures.get(Figure::PromotedMs) {
        let refused = (refused - fault).as_secs_f64() * 1000.0;
        line.figures
            .put(Figure::PromotedAfterRefusedMs, promoted - refused);
    }
    taken_over?;
    Ok(fault)
}
