//! A8: a primary that restarted stays in office only if no replica that the monitor hears, and that
//! has no stream to read, holds more of the history than it still does.
//!
//! Whose stream descends from none that was committed cannot be compared. Whoever has priority zero is
//! never promoted, so that the primary may stay beside it; but not as one that holds everything.

use rcm_core::lineage::Position;
use rcm_core::record::Record;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::node::LinkState;
use crate::world::World;

const NAME: &str = "A8 a restarted primary does not outrank who holds more";

/// A record is to be written.
pub(super) fn check(world: &mut World, who: Who, record: &Record) -> Finding {
    world.truth.of(who).outranked_by = None;
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
    let mut outranked_by = None;
    for (node, server) in world.group() {
        let held = server.history.common(reference);
        let waits = server.runs(world.now) && !server.is_loading();
        let linked = server
            .follow()
            .is_none_or(|follow| follow.link != LinkState::Down);
        let position = Position::from(&server.replication(&world.addresses));
        let compared = world.truth.can_be_traced(&position) && is_heard(world, who, node);
        if !(compared && waits && !linked && held > kept) {
            continue;
        }
        outranked_by = Some(node);
        if server.priority > 0 {
            let (name, primary) = (world.name(node), world.name(restarted));
            return broken(
                NAME,
                format!("{primary} stays in office with {kept} bytes, {name} holds {held}"),
            );
        }
    }
    world.truth.of(who).outranked_by = outranked_by;
    Ok(())
}

/// It is told that the primary holds all that anybody holds.
pub(super) fn check_told(world: &mut World, who: Who) -> Finding {
    match world.truth.of(who).outranked_by {
        None => Ok(()),
        Some(node) => broken(
            NAME,
            format!(
                "it is told that nobody holds more, and {} does",
                world.name(node)
            ),
        ),
    }
}

fn is_heard(world: &World, who: Who, node: usize) -> bool {
    let run_id = world.servers[node].run_id();
    world.heard_by(who).contains(&run_id)
}
