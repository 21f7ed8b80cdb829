//! The primary is killed, and so is the process that replaces it, while it does; a supervisor starts
//! that again.

use std::time::{Duration, Instant};

use super::{Bed, Contender, Figure, Line, Setup, Stage};
use crate::stop;

/// A failover may take milliseconds, and is to be met in the middle.
const LOOK_EVERY: Duration = Duration::from_micros(100);

const ACT_DEADLINE: Duration = Duration::from_secs(30);

/// What systemd waits unless told otherwise.
const START_AGAIN_AFTER: Duration = Duration::from_millis(100);

pub(crate) fn monitor(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, Setup::default(), line)?;
    let fault = Instant::now();
    stage.group.nodes_mut()[0].kill();
    let what = "somebody replacing the primary";
    let acting = &mut stage.contender;
    stop::wait_for(ACT_DEADLINE, LOOK_EVERY, what, || acting.kill_acting())?;
    line.figures
        .put_duration(Figure::MonitorKilledMs, fault.elapsed());
    stop::sleep(START_AGAIN_AFTER)?;
    stage.contender.restart_killed()?;
    stage.takeover(fault, line)?;
    stage.account(fault, line)
}
