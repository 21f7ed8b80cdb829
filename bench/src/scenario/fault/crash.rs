//! The primary is killed.

use super::{Bed, Contender, Line, Setup, Stage, kill};

const GIGABYTE: usize = 1 << 30;

pub(crate) fn crash(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    crash_with(0, bed, contender, line)
}

/// With a gigabyte of data, which the operating system takes its time to free.
pub(crate) fn crash_large(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    crash_with(GIGABYTE, bed, contender, line)
}

fn crash_with(
    heap: usize,
    bed: &Bed,
    contender: &Contender,
    line: &mut Line,
) -> anyhow::Result<()> {
    let setup = Setup {
        heap,
        ..Setup::default()
    };
    let mut stage = Stage::set(bed, contender, setup, line)?;
    let fault = kill(&mut stage, line)?;
    stage.account(fault, line)
}
