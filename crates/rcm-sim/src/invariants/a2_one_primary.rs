//! A2: at rest exactly one node is a primary, it is the recorded one, and all who answer follow it.
//! A3: that holds no matter after which step the monitor was killed.

use rcm_core::rule::Stage;

use super::{Broken, Finding};
use crate::node::LinkState;
use crate::world::World;

pub(super) fn check(world: &World) -> Finding {
    wanting(world).map_err(|what| Broken {
        invariant: name(world),
        what,
    })
}

fn name(world: &World) -> &'static str {
    if world.monitors.iter().any(|monitor| monitor.kills > 0) {
        "A3 every interrupted plan is finished"
    } else {
        "A2 one record, one primary"
    }
}

fn wanting(world: &World) -> Result<(), String> {
    let Some(record) = &world.store.record else {
        return Err("there is no record".to_owned());
    };
    if !record.is_committed() {
        return Err(format!("epoch {} is not committed", record.epoch));
    }
    let Some(primary) = world.at(&record.primary.address) else {
        return Err("the recorded primary is nobody".to_owned());
    };
    if record.primary.run_id != Some(world.servers[primary].run_id()) {
        return Err(format!(
            "{} is recorded as another process",
            world.name(primary)
        ));
    }
    for engine in world.monitors.iter().filter_map(|it| it.engine.as_ref()) {
        let stage = engine.status().stage;
        if stage != Stage::Idle {
            return Err(format!("a failover is still at {stage:?}"));
        }
    }
    for (node, server) in world.attended() {
        if server.is_primary() != (node == primary) {
            let role = if server.is_primary() {
                "a primary"
            } else {
                "no primary"
            };
            return Err(format!("{} is {role}", world.name(node)));
        }
        if node != primary && !receives(world, node, primary) {
            let target = server.follow().map(|follow| follow.target.to_string());
            let name = world.name(node);
            let target = target.unwrap_or_default();
            return Err(format!(
                "{name} does not receive the stream; it follows {target}"
            ));
        }
        let whole = server.history.is_prefix_of(&world.servers[primary].history);
        if !whole {
            return Err(format!(
                "{} holds something else than the primary",
                world.name(node)
            ));
        }
    }
    Ok(())
}

fn receives(world: &World, node: usize, primary: usize) -> bool {
    let mut at = node;
    for _ in 0..world.servers.len() {
        if at == primary {
            return true;
        }
        let Some(follow) = world.servers[at].follow() else {
            return false;
        };
        if !matches!(follow.link, LinkState::Up(_)) {
            return false;
        }
        let Some(next) = world.at(&follow.target) else {
            return false;
        };
        at = next;
    }
    false
}
