//! I7, the other half: a committed lineage says where it comes from: up to where it left its parent
//! both are one, and that is recorded.

use rcm_core::lineage::Position;
use rcm_core::record::{Phase, Record};

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I7 a committed lineage has its parent";

/// A record is about to be stored.
pub(super) fn check(world: &World, after: &Record) -> Finding {
    let Some(before) = &world.store.record else {
        return Ok(());
    };
    let Phase::Promoting { intent, .. } = &before.phase else {
        return Ok(());
    };
    if !after.is_committed() || after.primary.run_id != Some(intent.run_id) {
        return Ok(());
    }
    let parent = Position {
        id: intent.parent,
        previous: None,
        offset: intent.fork,
    };
    if after.chain.common_prefix(&parent) == Some(intent.fork) {
        return Ok(());
    }
    let address = &after.primary.address;
    broken(
        NAME,
        format!(
            "{address} is committed and its parent {} is not known",
            intent.parent
        ),
    )
}
