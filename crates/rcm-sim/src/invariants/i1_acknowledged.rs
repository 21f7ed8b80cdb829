//! I1: no acknowledged write is missing from the committed primary: not when it is committed, not when
//! the acknowledgement is given, and not at the end (strict mode).

use rcm_core::record::Record;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I1 no acknowledged write is lost";

/// The record is about to be stored, or is stored.
pub(super) fn check(world: &World, record: &Record) -> Finding {
    if !record.is_committed() {
        return Ok(());
    }
    let living = record.primary.run_id.and_then(|it| world.living(it));
    let Some(node) = living.filter(|&node| world.servers[node].is_primary()) else {
        return Ok(());
    };
    match world.ledger.lost_in(&world.servers[node].history) {
        None => Ok(()),
        Some(write) => {
            let name = world.name(node);
            broken(NAME, format!("{name} is committed without write {write}"))
        }
    }
}

pub(super) fn check_stored(world: &World) -> Finding {
    let record = world.store.record.as_ref();
    record.map_or(Ok(()), |record| check(world, record))
}
