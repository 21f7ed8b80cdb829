//! I17: data of others is not touched: nothing that is done to a server of another group changes it, be
//! it listed, or at the address where a node of the group was. Nor is one of them given office, or a
//! node of the group to follow, which would lose what that node holds.
//!
//! A seal that is sent to an address before whoever answers there was looked at hits a stranger, too; that
//! is a window that stays.

use rcm_core::record::{Phase, Record};

use super::{Finding, broken};
use crate::wire::Script;
use crate::world::World;

const NAME: &str = "I17 data of others is not touched";

/// A node executes a command.
pub(super) fn check(world: &World, node: usize, script: &Script) -> Finding {
    let is_stranger = |node: usize| world.servers[node].stranger;
    // Our own hands are all that a fence ends.
    let looks = matches!(script, Script::Inspect | Script::Fence(_));
    if is_stranger(node) && !looks {
        let name = world.name(node);
        return broken(NAME, format!("{script:?} is done to {name}"));
    }
    if let Script::Attach(target, _) = script
        && let Some(target) = world.at(target).filter(|&target| is_stranger(target))
    {
        let (name, target) = (world.name(node), world.name(target));
        return broken(NAME, format!("{name} is attached to {target}"));
    }
    Ok(())
}

/// A record is about to be stored.
pub(super) fn check_record(world: &World, record: &Record) -> Finding {
    let named = match &record.phase {
        Phase::Promoting { intent, .. } => Some(intent.run_id),
        Phase::Committed => record.primary.run_id,
        Phase::Claimed { .. } => None,
    };
    let living = named.and_then(|run_id| world.living(run_id));
    match living.filter(|&node| world.servers[node].stranger) {
        None => Ok(()),
        Some(node) => broken(NAME, format!("{} is given office", world.name(node))),
    }
}
