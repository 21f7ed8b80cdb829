//! I11: the history that survives holds the acknowledged writes of each client in the order in which
//! they were acknowledged (strict mode).

use std::collections::BTreeMap;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I11 acknowledged writes keep their order";

pub(super) fn check(world: &World) -> Finding {
    let mut last: BTreeMap<usize, u64> = BTreeMap::new();
    let mut sent: Vec<_> = world.ledger.acknowledged.clone();
    sent.sort_unstable();
    for id in sent {
        let write = world.ledger.writes[id];
        let Some((_, end)) = write.place else {
            continue;
        };
        let before = last.insert(write.client, end);
        if before >= Some(end) {
            return broken(NAME, format!("write {id} stands before an earlier one"));
        }
    }
    Ok(())
}
