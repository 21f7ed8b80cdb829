//! The primary stops answering (SIGSTOP), and goes on (SIGCONT) when it has been replaced.

use std::time::Instant;

use super::{Bed, Contender, Line, Setup, Stage};

pub(crate) fn hang(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let setup = Setup {
        has_loyal_client: true,
        ..Setup::default()
    };
    let mut stage = Stage::set(bed, contender, setup, line)?;
    let fault = Instant::now();
    stage.group.nodes_mut()[0].pause()?;
    stage.takeover(fault, line)?;

    let back = Instant::now();
    stage.group.nodes_mut()[0].resume()?;
    stage.rejoin(back, line)?;
    stage.account(fault, line)
}
