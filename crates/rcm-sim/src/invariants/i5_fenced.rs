//! I5: once a node was sealed, or anything else was done to it, for an epoch, no command of a lower epoch
//! changes it any more, however late it comes. The node knows of no epochs: connections that are killed
//! have to do.
//!
//! What still comes between the fence of an epoch and its first command is undone by that command.
//!
//! A witness's link may be cut late: that costs a partial resynchronisation and nothing else.

use rcm_core::id::Epoch;

use super::{Finding, broken};
use crate::wire::Script;
use crate::world::World;

const NAME: &str = "I5 no deposed monitor changes a node";

/// A command is executed.
pub(super) fn check(world: &mut World, node: usize, epoch: Epoch, script: &Script) -> Finding {
    let process = world.servers[node].process;
    let highest = world.truth.ruled.entry(process).or_default();
    let changes = match script {
        Script::Seal { .. }
        | Script::Promote
        | Script::Attach(..)
        | Script::SetGates(_)
        | Script::Persist(_) => true,
        Script::Fence(_) | Script::Inspect | Script::Pause(_) | Script::Resume | Script::Cut => {
            false
        }
    };
    if changes && epoch < *highest {
        let (by, name) = (*highest, world.name(node));
        return broken(
            NAME,
            format!("{script:?} of epoch {epoch} changes {name}, which is ruled by {by}"),
        );
    }
    if changes {
        *highest = epoch.max(*highest);
    }
    Ok(())
}
