//! The primary's host is cut off, with a client beside it, and comes back when it has been replaced.
//!
//! Nothing is refused and nothing is closed: there is only silence. The client on the same host goes
//! on writing; what it is told is lost as soon as there is another primary.

use std::time::Instant;

use anyhow::Context;

use super::{Bed, Contender, Line, Setup, Stage};

pub(crate) fn cut(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let setup = Setup {
        has_loyal_client: true,
        has_island: true,
        ..Setup::default()
    };
    let mut stage = Stage::set(bed, contender, setup, line)?;
    let fault = Instant::now();
    let island = stage.island.as_ref().context("it was asked for")?;
    island.cut()?;
    stage.takeover(fault, line)?;

    let back = Instant::now();
    island.mend()?;
    stage.rejoin(back, line)?;
    stage.account(fault, line)
}
