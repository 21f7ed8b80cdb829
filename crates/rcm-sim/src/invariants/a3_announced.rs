//! A3: nobody is promoted whom the record does not announce, by address and process: otherwise a
//! plan that ends at this step could not be finished by whoever reads the record. And whoever finds an
//! announced promotion looks at that node before anybody else is chosen: it may have taken writes.

use rcm_core::id::Epoch;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::world::World;

const NAME: &str = "A3 nobody is promoted unannounced";

pub(super) fn check(world: &World, node: usize, epoch: Epoch) -> Finding {
    let promise = (epoch, world.addresses[node].clone());
    if world.truth.announced.contains(&promise) {
        return Ok(());
    }
    broken(
        NAME,
        format!(
            "{} is to be promoted and no record says so",
            world.name(node)
        ),
    )
}

pub(super) fn check_resumed(world: &mut World, who: Who) -> Finding {
    // In strict mode nothing is rolled forward: an announced node is sealed and ranked with the others.
    let rolls_forward = !world.is_strict();
    let own = world.truth.of(who);
    if rolls_forward && own.announced_before && !own.looked_for_announced {
        return broken(
            NAME,
            "somebody else is chosen and the announced node was not looked at".to_owned(),
        );
    }
    Ok(())
}
