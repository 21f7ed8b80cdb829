//! I13: when everything works again the group has a primary that takes writes, and clients are sent
//! to it, within the bound.
//!
//! It does not hold when nobody that lives and may be promoted holds anything of the committed history: then there is
//! nothing that the monitor could go by, and the operator has to choose.

use rcm_core::lineage::Position;
use rcm_core::status::Status;

use super::{Finding, broken, strict_rest};
use crate::node::Server;
use crate::world::World;

const NAME: &str = "I13 the group comes back";

pub(super) fn check(world: &World) -> Finding {
    for monitor in world.monitors.iter().filter(|monitor| !monitor.gone) {
        let Some(engine) = &monitor.engine else {
            return broken(NAME, format!("{} does not run", monitor.name));
        };
        check_status(world, engine.status())?;
    }
    Ok(())
}

fn check_status(world: &World, status: &Status) -> Finding {
    let Some(node) = status
        .primary
        .as_ref()
        .and_then(|address| world.at(address))
    else {
        return broken(NAME, format!("nobody is published; {}", status.verdict));
    };
    let server = &world.servers[node];
    if server.up && server.refuses_writes().is_none() {
        return Ok(());
    }
    let halted = if status.halted { " and halted" } else { "" };
    broken(
        NAME,
        format!(
            "{} is published and takes no writes; {}{halted}",
            world.name(node),
            status.verdict
        ),
    )
}

pub(crate) fn is_left_to_the_operator(world: &World) -> bool {
    let Some(record) = &world.store.record else {
        return false;
    };
    if record.is_strict() {
        return strict_rest::is_left_to_the_operator(world, record);
    }
    let may_lead = |server: &&Server| server.up && (server.priority > 0 || server.is_primary());
    let living = world.group().map(|(_, server)| server).filter(may_lead);
    let mut positions = living.map(|server| Position::from(&server.replication(&world.addresses)));
    positions.all(|position| record.chain.common_prefix(&position).is_none())
}
