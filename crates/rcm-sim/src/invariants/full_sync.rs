//! A4: no full resynchronisation away from the longest surviving history by our own action: a node
//! that we attached never gives up more of the committed history than its new primary holds. What a
//! primary that restarts later does to its replicas is not our action.

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "A4 no full resync away from the longest history";

pub(crate) fn check(world: &World, primary: usize, replica: usize) -> Finding {
    let told = world.servers[replica].follow().is_some_and(|follow| {
        follow.told_by_monitor && follow.meant == Some(world.servers[primary].process)
    });
    let Some(reference) = world.committed_history().filter(|_| told) else {
        return Ok(());
    };
    let kept = world.servers[primary].history.common(reference);
    let given_up = world.servers[replica].history.common(reference);
    if given_up > kept {
        let (replica, primary) = (world.name(replica), world.name(primary));
        return broken(
            NAME,
            format!("{replica} gives up {given_up} bytes for {kept} of {primary}"),
        );
    }
    Ok(())
}
