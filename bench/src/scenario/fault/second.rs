//! The primary is killed, and the new one too as soon as it says that it is one.

use std::time::Instant;

use anyhow::Context;

use super::{Bed, Contender, Figure, Line, Setup, Stage, is_taken_over};
use crate::measure::Role;

pub(crate) fn second(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, Setup::default(), line)?;
    let fault = Instant::now();
    stage.group.nodes_mut()[0].kill();
    let promoted = stage.wait(fault, "a replica answering as a primary", is_taken_over)?;
    line.figures
        .put_duration(Figure::PromotedMs, promoted - fault);

    let primary = stage.watch.primary();
    let primary = primary.context("the new primary is gone again")?;
    let second = Instant::now();
    stage.group.nodes_mut()[primary].kill();
    let promoted = stage.wait(second, "the last node answering as a primary", |roles| {
        let mut nodes = (1..roles.len()).filter(|node| *node != primary);
        nodes.any(|node| roles[node] == Role::Primary)
    })?;
    line.figures
        .put_duration(Figure::SecondPromotedMs, promoted - second);
    stage.account(fault, line)
}
