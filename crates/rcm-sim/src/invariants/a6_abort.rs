//! A6: a failover that is abandoned leaves the primary in office: it is one, and no seal of its own is on
//! its way to it or waits in its sockets. What a deposed monitor does meanwhile is I5's business.

use rcm_core::id::Address;

use super::{Finding, broken};
use crate::wire::{Request, Script};
use crate::world::World;

const NAME: &str = "A6 an abort leaves the primary in office";

pub(super) fn check(world: &World, primary: &Address) -> Finding {
    let Some(node) = world.at(primary) else {
        return Ok(());
    };
    let server = &world.servers[node];
    let ours = world.store.record.as_ref().map(|record| record.epoch);
    let ruled_by = world.truth.ruled.get(&server.process).copied();
    // A process that boots as a replica was made one by nobody here.
    let by_us = server.follow().is_some_and(|follow| follow.told_by_monitor);
    if server.up && by_us && ruled_by >= ours {
        return broken(NAME, format!("{} is no primary any more", world.name(node)));
    }
    let is_seal = |request: &Request| {
        let Request::Act(_, epoch, Script::Seal { .. }) = request else {
            return false;
        };
        Some(*epoch) >= ours
    };
    let waits = server.inbox.iter().any(|(_, request)| is_seal(request));
    let on_its_way = world.conns.values().any(|conn| {
        conn.node == node
            && conn.process == server.process
            && !conn.killed
            && conn.on_the_way().any(is_seal)
    });
    if waits || on_its_way {
        return broken(
            NAME,
            format!("a seal is still on its way to {}", world.name(node)),
        );
    }
    Ok(())
}
