//! A3: nobody is promoted whom the record does not announce, by address and process: otherwise a
//! plan that ends at this step could not be finished by whoever reads the record. And whoever finds an
//! announced promotion looks at that node before anybody else is chosen: it may have taken writes.

use rcm_core::record::Phase;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "A3 nobody is promoted unannounced";

pub(super) fn check(world: &World, node: usize) -> Finding {
    let announced = world
        .store
        .record
        .as_ref()
        .is_some_and(|record| match &record.phase {
            Phase::Promoting { intent, .. } => intent.address == world.addresses[node],
            Phase::Claimed { .. } | Phase::Committed => false,
        });
    if announced {
        return Ok(());
    }
    broken(
        NAME,
        format!(
            "{} is to be promoted and the record does not say so",
            world.name(node)
        ),
    )
}

pub(super) fn check_resumed(world: &World) -> Finding {
    // In strict mode nothing is rolled forward: an announced node is sealed and ranked with the others.
    let rolls_forward = !world.is_strict();
    if rolls_forward && world.truth.announced_before && !world.truth.looked_for_announced {
        return broken(
            NAME,
            "somebody else is chosen and the announced node was not looked at".to_owned(),
        );
    }
    Ok(())
}
