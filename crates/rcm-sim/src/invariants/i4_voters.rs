//! I4: nobody is promoted before so many voters are sealed that one of them holds any acknowledged
//! write; a process that was not recorded as caught up is no voter, nor is one that may never be
//! promoted (strict mode).

use rcm_core::quorum::Quorum;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I4 a quorum of voters is sealed before a promotion";

pub(super) fn check(world: &World) -> Finding {
    let Some(record) = world.store.record.as_ref().filter(|it| it.is_strict()) else {
        return Ok(());
    };
    let may_lead = |run_id| {
        let node = world.living(run_id);
        node.is_none_or(|node| world.servers[node].priority > 0)
    };
    let sealed = world.truth.sealed.iter();
    let voters = sealed
        .filter(|&&run_id| record.has_vote(run_id) && may_lead(run_id))
        .count();
    let needed = record.quorum().map_or(usize::MAX, Quorum::to_seal);
    if voters >= needed {
        return Ok(());
    }
    broken(NAME, format!("{voters} of {needed} voters are sealed"))
}
