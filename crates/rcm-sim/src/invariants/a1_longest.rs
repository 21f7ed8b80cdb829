//! A1: the node that is promoted holds the longest part of the committed history among the nodes
//! that were sealed, and every node that was counted is really sealed. A member that answered when the
//! epoch was claimed, or is heard again before the choice, and lives, is waited for.
//!
//! Nodes that may not be promoted do not count: priority zero, processes that lost data or the name
//! of their lineage, and those that load.

use std::collections::BTreeSet;

use rcm_core::id::{Address, RunId};
use rcm_core::lineage::Position;
use rcm_core::policy::Policy;
use rcm_core::rule::Rule;

use super::{Finding, broken};
use crate::monitor::Who;
use crate::nemesis::Plot;
use crate::network::Party;
use crate::trace::Time;
use crate::world::World;

const NAME: &str = "A1 promoted is the longest of the sealed";

pub(super) fn check(world: &mut World, who: Who, chosen: &Address, rule: Option<Rule>) -> Finding {
    let Some(chosen) = world.at(chosen).filter(|_| world.rules(who)) else {
        // What is announced by somebody else is not going to be stored.
        return Ok(());
    };
    let sealed = world.truth.of(who).sealed.clone();
    check_chosen(world, who, chosen, rule)?;
    if rule != Some(Rule::S140) && !sealed.contains(&world.servers[chosen].run_id()) {
        // The process that was counted died at the last moment. Its successor is not promoted.
        return Ok(());
    }
    if rule == Some(Rule::F140) {
        check_awaited(world, who, &sealed)?;
    }
    check_sealed(world, &sealed, chosen)
}

/// Who was not waited for.
fn check_awaited(world: &mut World, who: Who, sealed: &BTreeSet<RunId>) -> Finding {
    let heard = world.heard_by(who);
    let own = world.truth.of(who);
    let claimed = own.claimed;
    let mut awaited = own.expected.clone();
    awaited.extend(heard);
    awaited.retain(|run_id| !sealed.contains(run_id) && !own.refused.contains(run_id));
    let within = Time::try_from(Policy::SEAL_WITHIN.as_micros()).unwrap_or(Time::MAX);
    // By the monitor's own clock, which may be a little fast.
    let within = within - within / 20;
    if claimed.is_none_or(|(_, at)| world.now > at + within) {
        return Ok(());
    }
    for run_id in awaited {
        let Some(node) = world.living(run_id) else {
            continue;
        };
        let server = &world.servers[node];
        let record = world.store.record.as_ref();
        let position = Position::from(&server.replication(&world.addresses));
        let is_member = record.is_some_and(|record| record.knows(run_id));
        let counts = is_member && world.truth.can_be_traced(&position);
        let joined = world.net.joins(Party::Monitor(who), Party::Node(node));
        let reached = joined && !server.is_deaf;
        if counts && reached && server.runs(world.now) && !server.is_loading() {
            let name = world.name(node);
            return broken(NAME, format!("{name} answers and was not waited for"));
        }
    }
    Ok(())
}

/// Whom was chosen.
fn check_chosen(world: &World, who: Who, chosen: usize, rule: Option<Rule>) -> Finding {
    let same = is_known(world, who, chosen);
    if same && rule != Some(Rule::S140) && !is_sealed(world, chosen) {
        let name = world.name(chosen);
        return broken(NAME, format!("{name} was chosen and is not sealed"));
    }
    if rule == Some(Rule::F140) && same && holds_less_than_recorded(world, chosen) {
        let name = world.name(chosen);
        return broken(
            NAME,
            format!("{name} lost data, and somebody else may still hold it"),
        );
    }
    Ok(())
}

/// And among whom.
fn check_sealed(world: &World, sealed: &BTreeSet<RunId>, chosen: usize) -> Finding {
    let Some(reference) = world.committed_history() else {
        return Ok(());
    };
    let best = world.servers[chosen].history.common(reference);
    for &run_id in sealed {
        let Some(node) = world.living(run_id) else {
            continue;
        };
        let server = &world.servers[node];
        if server.is_primary() {
            let name = world.name(node);
            return broken(NAME, format!("{name} was counted and is a primary"));
        }
        let sealed = server
            .follow()
            .is_some_and(|follow| follow.target.is_tombstone());
        let by_hand = server
            .follow()
            .is_some_and(|follow| !follow.told_by_monitor);
        if !sealed && !by_hand {
            let name = world.name(node);
            return broken(NAME, format!("{name} was counted and is not sealed"));
        }
        let compared = world.store.record.as_ref().is_some_and(|record| {
            let position = Position::from(&server.replication(&world.addresses));
            let votes = !record.is_strict() || record.has_vote(run_id);
            votes && world.truth.can_be_traced(&position)
        });
        let eligible = compared
            && !holds_less_than_recorded(world, node)
            && server.priority > 0
            && !server.is_loading();
        let held = server.history.common(reference);
        if eligible && held > best {
            let (name, chosen) = (world.name(node), world.name(chosen));
            return broken(
                NAME,
                format!("{name} holds {held} bytes, {chosen} was chosen with {best}"),
            );
        }
    }
    Ok(())
}

/// Whether the monitor has met the process. One that was counted and is gone meanwhile, unnoticed, is
/// not promoted.
fn is_known(world: &World, who: Who, node: usize) -> bool {
    let run_id = world.servers[node].run_id();
    let engine = world.monitors[who].engine.as_ref();
    engine.is_some_and(|engine| {
        let mut nodes = engine.status().nodes.iter();
        nodes.any(|node| node.run_id == Some(run_id))
    })
}

/// Whether a node is sealed, or was moved by somebody else. In a switchover it is the primary above it
/// that is sealed.
fn is_sealed(world: &World, node: usize) -> bool {
    let server = &world.servers[node];
    let follow = server.follow();
    let sealed = follow.is_some_and(|follow| follow.target.is_tombstone());
    let by_hand = follow.is_some_and(|follow| !follow.told_by_monitor);
    !server.up || sealed || (by_hand && world.plot == Plot::ByHand)
}

/// Whether the process is another one than was recorded, and holds less than that one did.
fn holds_less_than_recorded(world: &World, node: usize) -> bool {
    let server = &world.servers[node];
    let record = world.store.record.as_ref();
    record.is_some_and(|record| {
        let position = Position::from(&server.replication(&world.addresses));
        let held = record.chain.common_prefix(&position);
        let recorded = record
            .member_at(&world.addresses[node])
            .map(|member| member.offset);
        server.up && !record.knows(server.run_id()) && held < recorded
    })
}
