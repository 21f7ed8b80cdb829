//! I8: nobody synchronises with a node that was never committed, or that restarted since: not with an
//! orphan, and not with an empty one (strict mode, once the group is agreed).

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I8 only a committed primary feeds";

pub(crate) fn check(world: &World, primary: usize) -> Finding {
    let Some(record) = world.store.record.as_ref().filter(|it| it.is_strict()) else {
        return Ok(());
    };
    // Before the first roles are written down, the files of the nodes are whatever they were.
    let server = &world.servers[primary];
    let committed = (server.run_id(), server.id);
    if !record.roles_persisted || world.truth.led.values().any(|it| *it == committed) {
        return Ok(());
    }
    let name = world.name(primary);
    broken(NAME, format!("{name} feeds replicas and is not committed"))
}
