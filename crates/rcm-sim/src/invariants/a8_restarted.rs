//! A8: a primary that restarted stays in office only if no replica that the monitor hears, and that
//! has no stream to read, holds more of the history than it still does.
//!
//! Whose stream descends from none that was committed cannot be compared, and whoever has priority zero
//! is never promoted.

use rcm_core::lineage::Position;
use rcm_core::record::Record;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::node::LinkState;
use crate::world::World;

const NAME: &str = "A8 a restarted primary does not outrank who holds more";

/// A record is to be written.
pub(super) fn check(world: &World, who: Who, record: &Record) -> Finding {
    let Some(stored) = &world.store.record else {
        return Ok(());
    };
    let stays = stored.is_committed()
        && record.is_committed()
        && stored.primary.address == record.primary.address
        && stored.primary.run_id != record.primary.run_id;
    let restarted = record.primary.run_id.and_then(|it| world.living(it));
    let (true, Some(restarted), Some(reference)) = (stays, restarted, world.committed_history())
    else {
        return Ok(());
    };
    let kept = world.servers[restarted].history.common(reference);
    for (node, server) in world.servers.iter().enumerate() {
        let held = server.history.common(reference);
        let waits = server.runs(world.now) && !server.is_loading();
        let linked = server
            .follow()
            .is_none_or(|follow| follow.link != LinkState::Down);
        let position = Position::from(&server.replication(&world.addresses));
        let eligible = server.priority > 0 && stored.chain.common_prefix(&position).is_some();
        if eligible && waits && !linked && is_heard(world, who, node) && held > kept {
            let (name, primary) = (world.name(node), world.name(restarted));
            return broken(
                NAME,
                format!("{primary} stays in office with {kept} bytes, {name} holds {held}"),
            );
        }
    }
    Ok(())
}

fn is_heard(world: &World, who: Who, node: usize) -> bool {
    let run_id = world.servers[node].run_id();
    let engine = world.monitors[who].engine.as_ref();
    engine.is_some_and(|engine| {
        let mut nodes = engine.status().nodes.iter();
        nodes.any(|it| it.run_id == Some(run_id) && it.failure.is_none())
    })
}
