//! I19: who is added belongs to the group, and who is forgotten is left alone: at rest every monitor
//! watches the nodes of the group and nobody who was forgotten, and the record does not name one.
//!
//! Whoever came into office before it was forgotten stays, with everything that this means.

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I19 the group is who the operator says";

pub(super) fn check_at_rest(world: &World) -> Finding {
    if world.membership.spare.is_none() {
        // Nobody changes anything there.
        return Ok(());
    }
    let forgotten =
        |node: usize| world.membership.forgotten.contains(&node) && !world.belongs(node);
    for monitor in &world.monitors {
        let Some(engine) = &monitor.engine else {
            continue;
        };
        let watched = engine.status().nodes.iter();
        let watched: Vec<_> = watched.filter_map(|node| world.at(&node.address)).collect();
        if let Some(&node) = watched.iter().find(|&&node| forgotten(node)) {
            let (who, node) = (&monitor.name, world.name(node));
            return broken(NAME, format!("{who} watches {node}, which was forgotten"));
        }
        if let Some((node, _)) = world.group().find(|(node, _)| !watched.contains(node)) {
            let (who, node) = (&monitor.name, world.name(node));
            return broken(NAME, format!("{who} does not watch {node}"));
        }
    }
    let members = world.store.record.iter().flat_map(|record| &record.members);
    let mut members = members.filter_map(|member| world.at(&member.address));
    match members.find(|&node| forgotten(node)) {
        None => Ok(()),
        Some(node) => {
            let node = world.name(node);
            broken(NAME, format!("{node} was forgotten and is recorded"))
        }
    }
}
