//! I12: no failover without evidence: as long as every delay stays below the detector's bound, none
//! begins, and none because one monitor of several sees less than the others. And a handover by hand is not fought.

use rcm_core::verdict::Verdict;

use super::{Finding, broken};
use crate::nemesis::{Plot, What};
use crate::world::World;

const NAME: &str = "I12 no failover without evidence";

/// A node is to be sealed. Where nothing else happens than a handover by hand, nobody is but the node
/// that handed over, once that is adopted, to disconnect its clients. In strict mode nothing is adopted
/// that was not counted.
pub(super) fn check_handover(world: &World, node: usize) -> Finding {
    let only = world
        .faults
        .iter()
        .all(|fault| fault.what == What::HandedOver);
    let server = &world.servers[node];
    let stepped_down = !server.is_primary() && world.truth.office_before == Some(server.run_id());
    if world.plot == Plot::ByHand && only && !world.is_strict() && !stepped_down {
        let name = world.name(node);
        return broken(
            NAME,
            format!("{name} is sealed, and all that happened was a handover"),
        );
    }
    Ok(())
}

pub(super) fn check(world: &World, cause: Verdict) -> Finding {
    if !matches!(world.plot, Plot::Calm | Plot::OneEye) {
        return Ok(());
    }
    broken(
        NAME,
        format!("a failover began although nothing was lost: {cause}"),
    )
}
