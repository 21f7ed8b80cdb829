//! I16: where several monitors are registered, a failover begins only while a majority of them say that
//! the primary is lost, that process, in this time in office, and lately. And none begins while a
//! majority of them reach a primary that is well.
//!
//! Who is asked to replace the primary asks nobody, and an announced promotion goes on.

use rcm_core::id::Epoch;
use rcm_core::opinion::About;
use rcm_core::verdict::Verdict;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::network::Party;
use crate::trace::{MS, S, Time};
use crate::world::World;

const NAME: &str = "I16 monitors agree on a lost primary";
/// What was said counts for 2 s, by a clock that may be slow, after it was told, which takes a while;
/// who was not scheduled meanwhile may count it for one more second.
const LATELY: Time = 3_700 * MS;
/// What was seen before nothing more went wrong is told and forgotten after this.
const SETTLED: Time = 3 * S;

pub(super) fn check(world: &World, who: Who, cause: Verdict, epoch: Epoch) -> Finding {
    if world.is_alone() || world.truth.on_request {
        return Ok(());
    }
    let Some(record) = &world.store.record else {
        return Ok(());
    };
    // Somebody else's record is newer, or tells of another primary: the claim will come to nothing.
    let engine = world.monitors[who].engine.as_ref();
    let other =
        engine.is_none_or(|it| it.status().primary.as_ref() != Some(&record.primary.address));
    let outdated = other || record.epoch.next() != epoch;
    // Only what was announced is continued on no more than that; it may be committed by now.
    let announced = cause == Verdict::PrimarySuspected;
    if outdated || announced {
        return Ok(());
    }
    let about = About {
        epoch: record.epoch,
        run_id: record.primary.run_id,
    };
    let lost = world.heard(who).filter(|(heard, said_at)| {
        let opinion = heard.opinion;
        opinion.about == about && opinion.seen.is_vote() && world.now <= said_at + LATELY
    });
    let votes = lost.count() + 1;
    let registered = world.monitors.len();
    let name = &world.monitors[who].name;
    if votes <= registered / 2 {
        return broken(
            NAME,
            format!("{name} begins a failover ({cause}) on {votes} of {registered} votes"),
        );
    }
    let reached = (0..registered).filter(|&who| reaches(world, who));
    let reached = reached.count();
    if reached > registered / 2 && world.now > world.truth.disturbed_at + SETTLED {
        return broken(
            NAME,
            format!("{name} begins a failover ({cause}), and {reached} monitors reach the primary"),
        );
    }
    Ok(())
}

/// Whether the monitor could see that the primary in office is well.
fn reaches(world: &World, who: Who) -> bool {
    let Some(record) = &world.store.record else {
        return false;
    };
    let in_office = record
        .primary
        .run_id
        .and_then(|run_id| world.living(run_id));
    let monitor = &world.monitors[who];
    let looks = monitor.engine.is_some() && monitor.paused_until <= world.now;
    looks
        && in_office.is_some_and(|node| {
            let server = &world.servers[node];
            let well = server.is_primary() && server.runs(world.now) && !server.is_loading();
            let same_stream = server.id == record.chain.head();
            let joined = world.net.joins(Party::Monitor(who), Party::Node(node));
            let clear = !server.is_deaf && world.net.loss == 0 && world.net.late == 0;
            well && same_stream && joined && clear
        })
}
