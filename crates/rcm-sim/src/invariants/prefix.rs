//! I7: a partial resynchronisation happens only between true prefixes: what the replica holds is
//! exactly what the primary holds, up to where the replica asks to continue.

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I7 partial resync only between prefixes";

pub(crate) fn check(world: &World, primary: usize, replica: usize, missing: u64) -> Finding {
    let (holds, asks) = (
        &world.servers[primary].history,
        &world.servers[replica].history,
    );
    let fits = asks.is_prefix_of(holds) && asks.length() + missing == holds.length();
    if fits {
        return Ok(());
    }
    let (primary, replica) = (world.name(primary), world.name(replica));
    broken(
        NAME,
        format!("{replica} continues {primary} and holds something else"),
    )
}
