//! I10: what the doors of a monitor are told never goes back to an older epoch, is what the store
//! agreed to, whoever asks, and each switch is told once. At rest all monitors tell the same.

use rcm_core::engine::Engine;
use rcm_core::id::Epoch;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::world::World;

const NAME: &str = "I10 the status never goes back";

pub(super) fn check(world: &mut World, who: Who) -> Finding {
    let Some(engine) = &world.monitors[who].engine else {
        return Ok(());
    };
    let status = engine.status();
    let (epoch, Some(primary)) = (status.epoch, &status.primary) else {
        return Ok(());
    };
    let newest = &mut world.truth.of(who).newest;
    if epoch < *newest {
        return broken(NAME, format!("epoch {epoch} is published after {newest}"));
    }
    *newest = epoch;
    let stored = world.store.record.as_ref().map(|record| record.epoch);
    let agreed = world.truth.in_office(epoch);
    if stored >= Some(epoch) && agreed == Some(primary) {
        return Ok(());
    }
    broken(
        NAME,
        format!("epoch {epoch} of {primary} is published and was not stored"),
    )
}

/// Whoever runs publishes what is committed, with the lease and without.
pub(super) fn check_at_rest(world: &World) -> Finding {
    let Some(record) = &world.store.record else {
        return Ok(());
    };
    for monitor in &world.monitors {
        let Some(status) = monitor.engine.as_ref().map(Engine::status) else {
            continue;
        };
        let same = status.epoch == record.epoch
            && status.primary.as_ref() == Some(&record.primary.address);
        if !same {
            let name = &monitor.name;
            return broken(
                NAME,
                format!(
                    "{name} publishes epoch {} at rest, it is {}",
                    status.epoch, record.epoch
                ),
            );
        }
    }
    Ok(())
}

pub(super) fn check_switched(world: &mut World, epoch: Epoch) -> Finding {
    if world.truth.switched.insert(epoch) {
        return Ok(());
    }
    broken(NAME, format!("the switch of epoch {epoch} is told twice"))
}
