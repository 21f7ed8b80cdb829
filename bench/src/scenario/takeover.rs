//! The primary is lost in one way or another, and perhaps comes back.

use std::time::Instant;

use anyhow::Context;

use super::Bed;
use super::stage::Stage;
use crate::contender::Contender;
use crate::measure::{Refusal, Role};
use crate::raw::{Figure, Line};

const GIGABYTE: usize = 1 << 30;

pub(super) fn crash(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, 0, line)?;
    let fault = kill(&mut stage, line)?;
    stage.account(fault, line)
}

pub(super) fn crash_large(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, GIGABYTE, line)?;
    line.parameters
        .insert("heap-bytes".into(), GIGABYTE.to_string());
    let fault = kill(&mut stage, line)?;
    stage.account(fault, line)
}

pub(super) fn return_(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, 0, line)?;
    let fault = kill(&mut stage, line)?;
    stage.account(fault, line)?;

    let started = Instant::now();
    stage.group.nodes_mut()[0].restart()?;
    let back = stage.wait(started, "the old primary answering", |roles| {
        roles[0] != Role::Unknown
    })?;
    stage.rejoin(fault, back, line)
}

pub(super) fn hang(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, 0, line)?;
    let fault = Instant::now();
    stage.group.nodes_mut()[0].pause()?;
    stage.takeover(fault, line)?;

    let back = Instant::now();
    stage.group.nodes_mut()[0].resume()?;
    stage.rejoin(fault, back, line)?;
    // Last, so that writes that went to the stale primary count.
    stage.account(fault, line)
}

/// Kills the primary and waits until all is well without it. Returns when.
fn kill(stage: &mut Stage, line: &mut Line) -> anyhow::Result<Instant> {
    let refusal = Refusal::watch(stage.watch.addresses()[0]);
    let fault = Instant::now();
    stage.group.nodes_mut()[0].kill();
    let taken_over = stage.takeover(fault, line);

    let refused = refusal
        .first()
        .context("the killed server still accepts connections")?;
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
