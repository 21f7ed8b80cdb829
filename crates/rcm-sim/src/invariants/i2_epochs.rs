//! I2: epochs only grow, and in one epoch at most one primary with one lineage is committed.

use rcm_core::record::Record;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I2 one primary per epoch, epochs grow";

pub(super) fn check(world: &World, after: &Record) -> Finding {
    let committed = world.truth.committed.get(&after.epoch);
    let (primary, head) = (&after.primary.address, after.chain.head());
    if let Some((other, stream)) = committed.filter(|_| after.is_committed())
        && (other != primary || *stream != head)
    {
        let epoch = after.epoch;
        return broken(
            NAME,
            format!("epoch {epoch} was {other}'s and is {primary}'s"),
        );
    }
    let Some(before) = &world.store.record else {
        return Ok(());
    };
    if after.epoch < before.epoch {
        return broken(
            NAME,
            format!("epoch {} after {}", after.epoch, before.epoch),
        );
    }
    let other = after.primary != before.primary || after.chain.head() != before.chain.head();
    if after.epoch == before.epoch && before.is_committed() && (other || !after.is_committed()) {
        let (from, to) = (&before.primary.address, &after.primary.address);
        return broken(
            NAME,
            format!("epoch {} was {from}'s and becomes {to}'s", after.epoch),
        );
    }
    Ok(())
}
