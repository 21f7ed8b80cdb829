//! Only the holder of the lease acts: who was told that it lost it, or never had it, writes nothing and
//! touches no node. And who meets a newer record when it commits does not leave the node that it has
//! promoted a primary beside another one.

use rcm_core::action::Deed;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::world::World;

const NAME: &str = "I5 only the holder of the lease acts";

pub(super) fn check(world: &World, who: Who, deed: &Deed) -> Finding {
    let harmless = matches!(
        deed,
        Deed::Watch { .. }
            | Deed::Unwatch { .. }
            | Deed::Pace(_)
            | Deed::Read
            | Deed::Close { .. }
            | Deed::Tell(_)
            | Deed::Resign { .. }
    );
    if harmless || world.monitors[who].leads {
        return Ok(());
    }
    let name = &world.monitors[who].name;
    broken(NAME, format!("{name} orders {deed:?} without it"))
}

/// Everything that a newer record called for has been ordered.
pub(super) fn check_obeyed(world: &mut World, who: Who) -> Finding {
    let orphan = world.truth.of(who).orphan.take();
    let Some(node) = orphan else { return Ok(()) };
    let (name, node) = (&world.monitors[who].name, world.name(node));
    broken(
        NAME,
        format!("{name} obeys and leaves {node}, which it has promoted, as it is"),
    )
}
