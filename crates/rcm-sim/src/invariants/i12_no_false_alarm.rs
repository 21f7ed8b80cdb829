//! I12: no failover without evidence: as long as every delay stays below the detector's bound, none
//! begins.

use rcm_core::verdict::Verdict;

use super::{Finding, broken};
use crate::nemesis::Plot;
use crate::world::World;

const NAME: &str = "I12 no failover without evidence";

pub(super) fn check(world: &World, cause: Verdict) -> Finding {
    if world.plot != Plot::Calm {
        return Ok(());
    }
    broken(
        NAME,
        format!("a failover began although nothing was lost: {cause}"),
    )
}
