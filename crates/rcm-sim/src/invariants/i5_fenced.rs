//! I5: once a node is sealed for an epoch, no command of an older one takes effect on it (strict mode).

use rcm_core::id::Epoch;

use super::{Finding, broken};
use crate::wire::Script;
use crate::world::World;

const NAME: &str = "I5 a sealed node obeys no older epoch";

pub(super) fn check(world: &mut World, node: usize, epoch: Epoch, script: &Script) -> Finding {
    let process = world.servers[node].process;
    let sealed_for = world.truth.sealed_for.get(&process).copied();
    let changes = match script {
        Script::Seal { .. }
        | Script::Promote
        | Script::Attach(_)
        | Script::SetGates(_)
        | Script::Persist(_) => true,
        Script::Inspect | Script::Fence(_) | Script::Cut => false,
    };
    if changes && sealed_for > Some(epoch) {
        let name = world.name(node);
        return broken(NAME, format!("{name} obeys epoch {epoch}: {script:?}"));
    }
    if matches!(script, Script::Seal { .. }) {
        world.truth.sealed_for.insert(process, epoch);
    }
    Ok(())
}
