//! The primary is killed and is back at once, without its data, as with a supervisor and no disk.
//!
//! Whoever does not notice lets its replicas copy the nothing that it has. Nobody needs to take
//! over for the group to look well, so the end is a time and not an event.

use std::time::{Duration, Instant};

use super::{Bed, Contender, Figure, Line, Setup, Stage, is_taken_over};
use crate::stop;

/// A replica tries its primary again once a second, and a Sentinel needs its second to act.
const SETTLE: Duration = Duration::from_secs(4);

pub(crate) fn empty(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, Setup::default(), line)?;
    let fault = Instant::now();
    stage.group.nodes_mut()[0].restart_empty()?;
    stop::sleep(SETTLE)?;
    stage.wait_until_in_line(Instant::now())?;
    if let Some(promoted) = stage.watch.seen(fault, is_taken_over) {
        line.figures
            .put_duration(Figure::PromotedMs, promoted - fault);
    }
    stage.account(fault, line)
}
