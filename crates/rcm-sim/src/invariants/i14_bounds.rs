//! I14: nothing grows without bound: one input causes few actions and events, the engine never asks
//! to be woken for nothing, and few actions are outstanding.

use rcm_core::time::Instant;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::world::World;

const NAME: &str = "I14 bounded queues";
/// One input touches every node at most a few times.
const AT_ONCE: usize = 64;
/// So often in one moment may the engine be given something.
const IN_A_MOMENT: u32 = 400;
/// So many actions may wait on one node.
const OUTSTANDING: usize = 16;

pub(super) fn check(
    world: &mut World,
    who: Who,
    told_and_ordered: (usize, usize),
    due: Instant,
) -> Finding {
    let (told, ordered) = told_and_ordered;
    if told > AT_ONCE || ordered > AT_ONCE {
        return broken(
            NAME,
            format!("one input caused {told} events and {ordered} actions"),
        );
    }
    let now = world.now;
    let moment = &mut world.truth.of(who).same_moment;
    *moment = if moment.0 == now {
        (now, moment.1 + 1)
    } else {
        (now, 1)
    };
    let moment = *moment;
    if moment.1 > IN_A_MOMENT {
        return broken(NAME, "the engine runs in circles".to_owned());
    }
    if world.monitors[who].clock.when(due) <= now && moment.1 > IN_A_MOMENT / 4 {
        return broken(
            NAME,
            format!("the engine wants to be woken at {due:?}, again and again"),
        );
    }
    let most = world.monitors[who]
        .workers
        .values()
        .map(crate::hand::Worker::pending)
        .max();
    if most > Some(OUTSTANDING) {
        return broken(NAME, format!("{most:?} actions wait for one node"));
    }
    Ok(())
}
