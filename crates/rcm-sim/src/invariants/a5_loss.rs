//! A5: the loss that is told as known is never more than what was really lost, and a figure that is
//! told as exact is exactly what was lost.

use super::{Finding, broken};
use crate::history::History;
use crate::monitor::Who;
use crate::world::World;

const NAME: &str = "A5 the loss is told truly";

/// What the old primary of the last failover had and the new one does not have.
fn really_lost(world: &World) -> Option<(u64, u64)> {
    let record = world.store.record.as_ref().filter(|it| it.is_committed())?;
    let loss = record
        .loss
        .as_ref()
        .filter(|loss| loss.epoch == record.epoch)?;
    let old = world.held_in_office(loss.old_primary?)?;
    let new = record
        .primary
        .run_id
        .and_then(|run_id| world.held_in_office(run_id))?;
    Some((lost(old, new), loss.known_bytes))
}

fn lost(old: &History, new: &History) -> u64 {
    old.length() - old.common(new)
}

pub(super) fn check_known(world: &World) -> Finding {
    match really_lost(world) {
        Some((really, known)) if known > really => broken(
            NAME,
            format!("{known} bytes are told as lost, it was {really}"),
        ),
        _ => Ok(()),
    }
}

pub(super) fn check_exact(world: &World, who: Who, exact: u64) -> Finding {
    let told_of = world.monitors[who]
        .engine
        .as_ref()
        .map(|it| it.status().epoch);
    let stored = world.store.record.as_ref().map(|record| record.epoch);
    if told_of != stored {
        // It tells of a failover before the last one.
        return Ok(());
    }
    match really_lost(world) {
        Some((really, _)) if exact != really => broken(
            NAME,
            format!("exactly {exact} bytes are told as lost, it was {really}"),
        ),
        _ => Ok(()),
    }
}
