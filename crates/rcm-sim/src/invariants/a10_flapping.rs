//! A10: failovers on evidence that can be wrong keep their distance: one monitor begins none within
//! two seconds of its last one, then four, and so on, unless somebody asks for it.

use rcm_core::verdict::Verdict;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::trace::{S, Time};
use crate::world::World;

const NAME: &str = "A10 no flapping on silence";
/// From here on the distance does not grow any more.
const MOST: Time = 60 * S;

/// A failover begins.
pub(super) fn check(world: &mut World, who: Who, cause: Verdict) -> Finding {
    if !cause.is_undecidable() || world.truth.on_request {
        return Ok(());
    }
    let now = world.now;
    let begun = &mut world.truth.of(who).on_silence;
    let before = begun.last().copied();
    let doublings = u32::try_from(begun.len()).unwrap_or(u32::MAX).clamp(1, 8) - 1;
    begun.push(now);
    let distance = ((2 * S) << doublings).min(MOST);
    // By the monitor's own clock, which may be a little fast.
    let distance = distance - distance / 20;
    match before {
        Some(before) if now < before + distance => broken(
            NAME,
            format!("{cause} {} ms after the last one", (now - before) / 1_000),
        ),
        _ => Ok(()),
    }
}
