//! The primary is killed, replaced, and started again.

use std::time::Instant;

use super::{Bed, Contender, Line, Setup, Stage, kill};
use crate::measure::Role;

pub(crate) fn return_(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let setup = Setup {
        has_loyal_client: true,
        ..Setup::default()
    };
    let mut stage = Stage::set(bed, contender, setup, line)?;
    let fault = kill(&mut stage, line)?;

    let started = Instant::now();
    stage.group.nodes_mut()[0].restart()?;
    let back = stage.wait(started, "the old primary answering", |roles| {
        roles[0] != Role::Unknown
    })?;
    stage.rejoin(back, line)?;
    // Last, so that writes that went to the stale primary count.
    stage.account(fault, line)
}
