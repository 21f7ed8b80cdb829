//! When enough nodes are sealed, and which of them is the best.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::action::Report;
use crate::candidate::{Candidate, Contender, Ranking, Recorded, cold_start, rank};
use crate::event::{Kind, Refused, Standing};
use crate::id::{Address, NodeId};
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::plan::World;
use crate::plan::failover::Incumbent;
use crate::plan::hand::Hand;
use crate::plan::voters::Shortage;
use crate::policy::Policy;
use crate::record::Record;
use crate::time::Instant;
use crate::view::Node;

/// What counting came to.
#[derive(Debug)]
pub(super) enum Count {
    /// Somebody is still waited for, until then.
    Waiting(Instant),
    /// Nobody is waited for, and nobody can be promoted.
    Nobody(Ranking),
    /// This is the order, and these replicas had been seen further ahead.
    Ready(Ranking, Vec<Address>),
    /// Nobody's data can be traced back; this is the node that was in office.
    ColdStart(Ranking),
    /// Strict mode: too few voters are sealed, and nobody is waited for.
    Blocked(Shortage),
}

/// Until when those who are heard are waited for.
pub(super) fn awaited(hands: &BTreeMap<NodeId, Hand>, world: World<'_>) -> Option<Instant> {
    let awaited = hands.values().filter_map(|hand| hand.awaited_until(world));
    awaited.filter(|&at| at > world.now).min()
}

/// Until when those who have let us in, and may hold more than the best, are waited for because the
/// store is slow: as long as one read may take since sealing began.
pub(super) fn awaited_of_store(
    hands: &BTreeMap<NodeId, Hand>,
    record: &Record,
    best: Candidate,
    since: Instant,
    world: World<'_>,
) -> Option<Instant> {
    let until = since + Policy::ACTION_WITHIN;
    let mut confirming = hands.values().filter(|hand| hand.awaits_store());
    let may_be_ahead = |hand: &Hand| {
        let node = world.view.get(hand.node());
        node.is_some_and(|node| record.furthest(node) > Some(best.prefix()))
    };
    (until > world.now && confirming.any(may_be_ahead)).then_some(until)
}

/// Counts and ranks the nodes in the hands of a failover that began sealing at `since`.
pub(super) fn count(
    hands: &BTreeMap<NodeId, Hand>,
    record: &Record,
    incumbent: Incumbent,
    since: Instant,
    world: World<'_>,
) -> Count {
    let lost = incumbent.is_lost.then_some(incumbent.node);
    let sealed = hands.values();
    let contenders: Vec<Contender> = sealed
        .filter_map(Hand::sealed)
        .filter_map(|sealed| contender(sealed, record, world))
        .collect();
    let mut ranking = rank(&record.chain, contenders.iter().copied());
    if world.lacks(Mutant::RawOffset) {
        let offset = |candidate: &Candidate| candidate.position().offset;
        ranking
            .candidates
            .sort_by_key(|candidate| core::cmp::Reverse(offset(candidate)));
    }
    if let Some(until) = awaited(hands, world) {
        return Count::Waiting(until);
    }
    let Some(best) = ranking.best() else {
        return without_candidate(ranking, &contenders, record, incumbent, since, world);
    };
    // A primary that is only out of office may hold more than anybody knows.
    let silent = |hand: &Hand| hand.report().is_none();
    let patience_ends = since + world.policy.hang_after(None);
    if lost.is_none() && hands.get(&incumbent.node).is_some_and(silent) && patience_ends > world.now
    {
        return Count::Waiting(patience_ends);
    }
    if let Some(until) = awaited_of_store(hands, record, best, since, world) {
        return Count::Waiting(until);
    }
    let silent = hands
        .values()
        .filter(|hand| hand.report().is_none() && Some(hand.node()) != lost);
    let missing: Vec<Address> = silent
        .filter_map(|hand| world.view.get(hand.node()))
        .filter(|node| record.furthest(node) > Some(best.prefix()))
        .map(|node| node.address.clone())
        .collect();
    let patience_ends = since + Policy::WAIT_FOR_BEST;
    if !missing.is_empty() && patience_ends > world.now {
        return Count::Waiting(patience_ends);
    }
    Count::Ready(ranking, missing)
}

fn without_candidate(
    ranking: Ranking,
    contenders: &[Contender],
    record: &Record,
    incumbent: Incumbent,
    since: Instant,
    world: World<'_>,
) -> Count {
    if since + Policy::SEAL_WITHIN > world.now {
        return Count::Waiting(since + Policy::SEAL_WITHIN);
    }
    // Once everybody is sealed and counted, nobody can come who holds more.
    let is_in = |node: &Node| contenders.iter().any(|it| it.node == node.id);
    let all_are_in = record.remaining(world.nodes).all(|member| {
        let node = world.view.at_address(&member.address);
        node.is_some_and(is_in)
    });
    if let Some(best) = best_of_those_that_lost(contenders, record).filter(|_| all_are_in) {
        let patience_ends = since + Policy::COLD_START_AFTER;
        if patience_ends > world.now {
            return Count::Waiting(patience_ends);
        }
        return cold_start_with(best, ranking);
    }
    let in_office = cold_start(&record.chain, contenders, incumbent.node);
    let empty = |node: NodeId| {
        let condition = world.view.get(node).and_then(|node| node.condition);
        condition.map(|condition| condition.empty)
    };
    // A group without persistence has nothing left to lose.
    let all_empty = all_are_in && contenders.iter().all(|it| empty(it.node) == Some(true));
    let usable = |kept: &Candidate| empty(kept.node()) == Some(false) || all_empty;
    let Some(kept) = in_office.filter(usable) else {
        return Count::Nobody(ranking);
    };
    // Somebody who is still away may be traceable.
    let patience_ends = since + Policy::COLD_START_AFTER;
    if !all_are_in && patience_ends > world.now {
        return Count::Waiting(patience_ends);
    }
    cold_start_with(kept, ranking)
}

fn cold_start_with(kept: Candidate, ranking: Ranking) -> Count {
    let mut refused = ranking.refused;
    refused.retain(|(node, _)| *node != kept.node());
    Count::ColdStart(Ranking {
        candidates: alloc::vec![kept],
        refused,
    })
}

/// The node that holds the most of the history, although it once held more.
fn best_of_those_that_lost(contenders: &[Contender], record: &Record) -> Option<Candidate> {
    let forgiven = contenders.iter().map(|contender| Contender {
        recorded: Recorded::SameProcess,
        ..*contender
    });
    rank(&record.chain, forgiven).best()
}

/// The event that tells who was picked among whom.
pub(super) fn chosen(
    ranking: &Ranking,
    best: Candidate,
    missing: Vec<Address>,
    world: World<'_>,
) -> Kind {
    let among = ranking.candidates.iter().map(|candidate| Standing {
        node: address(candidate.node(), world),
        offset: candidate.prefix(),
    });
    Kind::CandidateChosen {
        node: address(best.node(), world),
        offset: best.prefix(),
        among: among.collect(),
        refused: refused(ranking, world),
        missing,
    }
}

/// Who may not be promoted, and why.
pub(super) fn refused(ranking: &Ranking, world: World<'_>) -> Vec<Refused> {
    let refused = ranking.refused.iter();
    refused
        .map(|&(node, why)| Refused {
            node: address(node, world),
            why,
        })
        .collect()
}

fn address(node: NodeId, world: World<'_>) -> Address {
    let known = world.view.get(node);
    known.map_or_else(Address::tombstone, |node| node.address.clone())
}

/// A node in our hands, and what it said when it was sealed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed<'a> {
    pub(super) node: NodeId,
    pub(super) report: &'a Report,
    /// Where it stood while it was loading a whole data set.
    pub(super) was_loading: Option<Position>,
}

/// What the ranking has to know of a sealed node.
pub(super) fn contender(
    sealed: Sealed<'_>,
    record: &Record,
    world: World<'_>,
) -> Option<Contender> {
    let Sealed {
        node,
        report,
        was_loading,
    } = sealed;
    let node = world.view.get(node)?;
    let recorded = if record.knows(report.run_id) || world.lacks(Mutant::AmnesiaVotes) {
        Recorded::SameProcess
    } else {
        let member = record.member_at(&node.address);
        member.map_or(Recorded::Unknown, |member| {
            Recorded::OtherProcess(member.offset)
        })
    };
    // A seal in time ends a full synchronisation, and what the node held is kept. If it began to
    // load, it takes its place in the new stream only at the end of that.
    let failed_to_load = was_loading == Some(Position::from(&report.replication));
    Some(Contender {
        node: node.id,
        run_id: report.run_id,
        position: Position::from(&report.replication),
        priority: record.priority(report.run_id, &report.replication),
        incomplete: report.replication.loading || failed_to_load,
        recorded,
    })
}
