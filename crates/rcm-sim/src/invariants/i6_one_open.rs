//! I6: only a committed primary is opened for writes, so at most one node for each committed epoch
//! (strict mode).

use rcm_core::id::Epoch;
use rcm_core::observation::Gates;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I6 only the committed primary is opened";

pub(super) fn check(world: &World, node: usize, epoch: Epoch, gates: Gates) -> Finding {
    let run_id = world.servers[node].run_id();
    let in_office = world.truth.led.get(&epoch).map(|it| it.0);
    if gates.min_replicas >= Gates::SHUT.min_replicas || in_office == Some(run_id) {
        return Ok(());
    }
    let name = world.name(node);
    broken(NAME, format!("{name} is opened for epoch {epoch}"))
}
