//! I10: what the doors are told never goes back to an older epoch, names one primary per epoch, is
//! what the store agreed to, and each switch is told once.

use rcm_core::id::Epoch;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I10 the status never goes back";

pub(super) fn check(world: &mut World) -> Finding {
    let Some(engine) = &world.monitor.engine else {
        return Ok(());
    };
    let status = engine.status();
    let (epoch, Some(primary)) = (status.epoch, &status.primary) else {
        return Ok(());
    };
    let published = &mut world.truth.published;
    match published.last_key_value() {
        Some((newest, named)) if *newest == epoch => {
            if named != primary {
                return broken(
                    NAME,
                    format!("epoch {epoch} names {named} and then {primary}"),
                );
            }
            return Ok(());
        }
        Some((newest, _)) if *newest > epoch => {
            return broken(NAME, format!("epoch {epoch} is published after {newest}"));
        }
        _ => {}
    }
    published.insert(epoch, primary.clone());
    let stored = world.store.record.as_ref();
    let agreed = stored.is_some_and(|record| {
        record.epoch > epoch || (record.epoch == epoch && record.primary.address == *primary)
    });
    if agreed {
        return Ok(());
    }
    broken(
        NAME,
        format!("epoch {epoch} of {primary} is published and not stored"),
    )
}

pub(super) fn check_switched(world: &mut World, epoch: Epoch) -> Finding {
    if world.truth.switched.insert(epoch) {
        return Ok(());
    }
    broken(NAME, format!("the switch of epoch {epoch} is told twice"))
}
