//! A7: a switchover loses nothing: what the old primary held when it stepped down, the process that
//! was put into office holds. If that dies before its commit is stored, it is the next failover that
//! has to find what it held.

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "A7 a switchover loses nothing";

pub(super) fn check(world: &World) -> Finding {
    let held_by = |run_id| world.held_in_office(run_id);
    let Some(before) = world.truth.office_before.and_then(held_by) else {
        return Ok(());
    };
    let Some(after) = world.truth.office.and_then(held_by) else {
        return Ok(());
    };
    let lost = before.length() - before.common(after);
    if lost == 0 {
        return Ok(());
    }
    broken(
        NAME,
        format!("the new primary lacks {lost} bytes of the old one"),
    )
}
