//! A1, the other half: when a primary has crashed, what a replica has received is not thrown away by
//! its seal as long as there is time to let the replica apply it.
//!
//! What arrives between the last two looks at a replica that had applied everything counts for
//! nothing: nobody can know how much more is still on its way from a host that has gone quiet.

use std::time::Duration;

use rcm_core::policy::Policy;
use rcm_core::verdict::Verdict;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::trace::{MS, Time};
use crate::world::World;

const NAME: &str = "A1 received bytes are applied before the seal";
/// What the claim itself takes counts for nothing.
const MARGIN: Time = 20 * MS;
/// The last two looks are so far apart.
const LOOKS_APART: Time = 5 * MS;

pub(super) fn check(world: &mut World, who: Who, node: usize) -> Finding {
    let own = world.truth.of(who);
    let (claimed, cause) = (own.claimed, own.cause);
    let Some((_, claimed_at)) = claimed else {
        return Ok(());
    };
    let within = Policy::DRAIN_WITHIN.saturating_sub(Duration::from_micros(MARGIN));
    let early = u128::from(world.now - claimed_at) < within.as_micros();
    if cause != Some(Verdict::PrimaryCrashed) || !early {
        return Ok(());
    }
    let record = world.store.record.as_ref();
    if record.is_some_and(rcm_core::record::Record::is_committed) {
        // The choice is made: nothing is compared any more.
        return Ok(());
    }
    let server = &world.servers[node];
    let runs = server.up && !server.stopped && server.script.is_none() && server.link_is_up();
    let waiting = world.received_and_not_applied(node, LOOKS_APART);
    if runs && waiting > 0 {
        let name = world.name(node);
        return broken(
            NAME,
            format!("{name} is sealed with {waiting} pieces still to be applied"),
        );
    }
    Ok(())
}
