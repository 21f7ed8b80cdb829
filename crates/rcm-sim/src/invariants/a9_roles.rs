//! A9: roles survive a power cycle: at rest every node that a monitor gave its role has it in its own
//! configuration file. In strict mode a file says sealed, and the checks of restarts see to it.

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "A9 roles are written down";

pub(super) fn check_at_rest(world: &World) -> Finding {
    let persists = world.monitors.iter().all(|it| it.policy.persist_roles);
    let Some(record) = world.store.record.as_ref().filter(|_| persists) else {
        return Ok(());
    };
    if record.is_strict() {
        return Ok(());
    }
    // It owes them until somebody follows the primary again.
    let is_followed = world.attended().count() > 1;
    if is_followed && !record.roles_persisted {
        return broken(NAME, String::from("the record still owes roles"));
    }
    for (node, server) in world.attended() {
        let role = match server.follow() {
            None => None,
            Some(follow) if follow.told_by_monitor => Some(&follow.target),
            Some(_) => continue,
        };
        if server.configured.as_ref() != role {
            let (name, written) = (world.name(node), &server.configured);
            return broken(NAME, format!("{name} has {written:?} in its file"));
        }
    }
    Ok(())
}
