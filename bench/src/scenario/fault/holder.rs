//! The primary is killed, together with the process that would replace it: the machine with both is
//! lost. Nobody starts them again.

use super::{Bed, Contender, Line, Setup, Stage, kill};

pub(crate) fn holder(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, Setup::default(), line)?;
    stage.contender.kill_holder()?;
    let fault = kill(&mut stage, line)?;
    stage.account(fault, line)
}
