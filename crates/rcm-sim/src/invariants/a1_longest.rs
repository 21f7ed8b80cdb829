//! A1: the node that is promoted holds the longest part of the committed history among the nodes
//! that were sealed, and every node that was counted is really sealed.
//!
//! Nodes that may not be promoted do not count: priority zero, processes that lost data or the name
//! of their lineage, and those that load.

use rcm_core::id::Address;
use rcm_core::lineage::Position;
use rcm_core::rule::Rule;

use super::{Finding, broken};
use crate::nemesis::Plot;
use crate::world::World;

const NAME: &str = "A1 promoted is the longest of the sealed";

pub(super) fn check(world: &World, chosen: &Address, rule: Option<Rule>) -> Finding {
    let Some(chosen) = world.at(chosen) else {
        return Ok(());
    };
    let Some(reference) = world.committed_history() else {
        return Ok(());
    };
    let sealed = world.servers[chosen]
        .follow()
        .is_some_and(|it| it.target.is_tombstone());
    let by_hand = world.servers[chosen]
        .follow()
        .is_some_and(|follow| !follow.told_by_monitor);
    let run_id = world.servers[chosen].run_id();
    // A process that was counted and is gone meanwhile, unnoticed, is not promoted.
    let engine = world.monitor.engine.as_ref();
    let same = engine.is_some_and(|engine| {
        let mut nodes = engine.status().nodes.iter();
        nodes.any(|node| node.run_id == Some(run_id))
    });
    let in_hand = by_hand && world.plot == Plot::ByHand;
    if world.servers[chosen].up && same && !sealed && !in_hand {
        let name = world.name(chosen);
        return broken(NAME, format!("{name} was chosen and is not sealed"));
    }
    if rule == Some(Rule::F140) && same && holds_less_than_recorded(world, chosen) {
        let name = world.name(chosen);
        return broken(
            NAME,
            format!("{name} lost data, and somebody else may still hold it"),
        );
    }
    let best = world.servers[chosen].history.common(reference);
    for &run_id in &world.truth.sealed {
        let Some(node) = world.living(run_id) else {
            continue;
        };
        let server = &world.servers[node];
        if server.is_primary() {
            let name = world.name(node);
            return broken(NAME, format!("{name} was counted and is a primary"));
        }
        let sealed = server
            .follow()
            .is_some_and(|follow| follow.target.is_tombstone());
        let by_hand = server
            .follow()
            .is_some_and(|follow| !follow.told_by_monitor);
        if !sealed && !by_hand {
            let name = world.name(node);
            return broken(NAME, format!("{name} was counted and is not sealed"));
        }
        let compared = world.store.record.as_ref().is_some_and(|record| {
            let position = Position::from(&server.replication(&world.addresses));
            let votes = !record.is_strict() || record.has_vote(run_id);
            votes && record.chain.common_prefix(&position).is_some()
        });
        let eligible = compared
            && !holds_less_than_recorded(world, node)
            && server.priority > 0
            && !server.is_loading()
            && !world.robbed.contains(&node);
        let held = server.history.common(reference);
        if eligible && held > best {
            let (name, chosen) = (world.name(node), world.name(chosen));
            return broken(
                NAME,
                format!("{name} holds {held} bytes, {chosen} was chosen with {best}"),
            );
        }
    }
    Ok(())
}

/// Whether the process is another one than was recorded, and holds less than that one did.
fn holds_less_than_recorded(world: &World, node: usize) -> bool {
    let server = &world.servers[node];
    let record = world.store.record.as_ref();
    record.is_some_and(|record| {
        let position = Position::from(&server.replication(&world.addresses));
        let held = record.chain.common_prefix(&position);
        let recorded = record
            .member_at(&world.addresses[node])
            .map(|member| member.offset);
        server.up && !record.knows(server.run_id()) && held < recorded
    })
}
