//! I18: a monitor that may act and cannot is not in the way of those who can: when the others reach
//! everybody, agree that the primary is lost and had long enough to get the lease, somebody is in
//! office, although nothing was repaired. Nor is a failover in the way that found nobody to promote: soon
//! after the operator let somebody be promoted, or promoted a replica by hand, that one is in office.
//!
//! In strict mode that takes as many voters as ever.

use super::{Finding, broken, i13_liveness};
use crate::nemesis::Plot;
use crate::node::Server;
use crate::world::World;

const NAME: &str = "I18 nobody who cannot act is in the way";

/// Everything is about to work again.
pub(super) fn check(world: &World) -> Finding {
    let Some(record) = world.store.record.as_ref() else {
        return Ok(());
    };
    let in_office = record.primary.run_id.and_then(|it| world.living(it));
    let leads = |node: usize| {
        let server = &world.servers[node];
        server.is_primary() && server.runs(world.now)
    };
    let is_led = record.is_committed() && in_office.is_some_and(leads);
    let may_lead = |server: &Server| server.priority > 0 || server.is_primary();
    let mut group = world.group().map(|(_, server)| server);
    let nobody_may = !group.any(|server| server.runs(world.now) && may_lead(server));
    let hopeless = nobody_may || i13_liveness::is_left_to_the_operator(world);
    if world.plot != Plot::Stalled || is_led || hopeless {
        return Ok(());
    }
    let holder = world.monitors.iter().find(|monitor| monitor.leads);
    let holder = holder.map_or("nobody", |monitor| &monitor.name);
    broken(
        NAME,
        format!("{holder} holds the lease, and nobody is in office"),
    )
}
