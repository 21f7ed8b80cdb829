//! A7: a switchover loses nothing: what the old primary held when it stepped down, the new one holds.

use rcm_core::id::Address;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "A7 a switchover loses nothing";

pub(super) fn check(world: &World, to: &Address) -> Finding {
    let (Some(before), Some(node)) = (world.truth.office_before, world.at(to)) else {
        return Ok(());
    };
    let Some(held) = world.held_in_office(before) else {
        return Ok(());
    };
    let kept = held.common(&world.servers[node].history);
    if kept == held.length() {
        return Ok(());
    }
    let lost = held.length() - kept;
    broken(
        NAME,
        format!("{} lacks {lost} bytes of the old primary", world.name(node)),
    )
}
