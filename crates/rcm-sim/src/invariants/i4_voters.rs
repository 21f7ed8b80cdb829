//! I4: nobody is promoted before so many voters are sealed that one of them holds any acknowledged
//! write; a process that was not recorded as caught up is no voter, nor is one that may never be
//! promoted (strict mode). In a switchover the primary itself is sealed, and its successor holds as much.

use rcm_core::id::Epoch;
use rcm_core::quorum::Quorum;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::world::World;

const NAME: &str = "I4 a quorum of voters is sealed before a promotion";

pub(super) fn check(world: &mut World, who: Who, epoch: Epoch) -> Finding {
    let own = world.truth.of(who);
    let (answered, hands_over) = (own.sealed.clone(), own.hands_over);
    // What is promoted under another epoch is not going to be committed.
    let record = world.store.record.as_ref();
    let Some(record) = record.filter(|it| it.is_strict() && it.epoch == epoch) else {
        return Ok(());
    };
    if hands_over {
        // Whoever holds as much as the sealed primary holds whatever was acknowledged.
        let sealed = record
            .primary
            .run_id
            .is_some_and(|it| answered.contains(&it));
        return if sealed {
            Ok(())
        } else {
            broken(NAME, "the primary that hands over is not sealed".to_owned())
        };
    }
    let may_lead = |run_id| {
        let node = world.living(run_id);
        let wanted = node.is_none_or(|node| world.servers[node].priority > 0);
        // Zero bars nobody from the office that it holds.
        wanted || record.primary.run_id == Some(run_id)
    };
    let voters = answered
        .iter()
        .filter(|&&run_id| record.has_vote(run_id) && may_lead(run_id))
        .count();
    let needed = record.quorum().map_or(usize::MAX, Quorum::to_seal);
    if voters >= needed {
        return Ok(());
    }
    broken(NAME, format!("{voters} of {needed} voters are sealed"))
}
