//! Strict mode: when enough voters are sealed, and which of them is the best.
//!
//! Only voters count: a process that was seen to hold all that the primary held still holds what it
//! has confirmed since. With one fewer than the quorum, a write that was acknowledged might be known
//! to nobody who was asked, so nothing is ever guessed here.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::candidate::{Contender, Ranking, Refusal, rank};
use crate::id::{Address, NodeId};
use crate::mutant::Mutant;
use crate::plan::World;
use crate::plan::count::{Count, awaited, awaited_of_store, contender};
use crate::plan::hand::Hand;
use crate::policy::Policy;
use crate::quorum::Quorum;
use crate::record::Record;
use crate::time::Instant;

/// What is missing to promote anybody.
#[derive(Debug)]
pub(super) struct Shortage {
    /// How many voters are sealed.
    pub(super) voters: usize,
    /// How many are needed.
    pub(super) needed: usize,
    /// Members whose vote is missing.
    pub(super) missing: Vec<Address>,
    /// Everybody who is sealed.
    pub(super) ranking: Ranking,
}

/// Counts and ranks the voters in the hands of a failover that began sealing at `since`.
pub(super) fn count(
    hands: &BTreeMap<NodeId, Hand>,
    record: &Record,
    since: Instant,
    world: World<'_>,
) -> Count {
    let sealed = hands
        .values()
        .filter_map(Hand::sealed)
        .filter_map(|sealed| contender(sealed, record, world));
    let ranking = rank_voters(record, sealed, world);
    if let Some(until) = awaited(hands, world) {
        return Count::Waiting(until);
    }
    let voters = ranking.candidates.len();
    let needed = needed(record, world);
    if needed.is_some_and(|needed| voters >= needed) {
        let slow = |best| awaited_of_store(hands, record, best, since, world);
        if let Some(until) = ranking.best().and_then(slow) {
            return Count::Waiting(until);
        }
        return Count::Ready(ranking, Vec::new());
    }
    if since + Policy::SEAL_WITHIN > world.now {
        return Count::Waiting(since + Policy::SEAL_WITHIN);
    }
    Count::Blocked(Shortage {
        voters,
        needed: needed.unwrap_or(record.members.len()),
        missing: missing(record, &ranking, world),
        ranking,
    })
}

fn needed(record: &Record, world: World<'_>) -> Option<usize> {
    let needed = record.quorum().map(Quorum::to_seal)?;
    let fewer = usize::from(world.lacks(Mutant::SmallQuorum) && needed > 1);
    Some(needed - fewer)
}

/// Ranks those who have a vote; of two that hold the same, the one that holds nothing else besides
/// is better.
fn rank_voters(
    record: &Record,
    sealed: impl Iterator<Item = Contender>,
    world: World<'_>,
) -> Ranking {
    let has_vote = |contender: &Contender| {
        let amnesic = || {
            let node = world.view.get(contender.node);
            let member = node.and_then(|node| record.member_at(&node.address));
            world.lacks(Mutant::AmnesiaVotes) && member.is_some_and(|member| member.seat.is_some())
        };
        record.has_vote(contender.run_id) || amnesic()
    };
    let (voters, others): (Vec<_>, Vec<_>) = sealed.partition(has_vote);
    let mut ranking = rank(&record.chain, voters);
    if world.lacks(Mutant::RawOffset) {
        let offset = |candidate: &crate::candidate::Candidate| candidate.position().offset;
        ranking
            .candidates
            .sort_by_key(|candidate| Reverse(offset(candidate)));
    } else {
        ranking.candidates.sort_by_key(|candidate| {
            let beside = candidate.position().offset.ahead_of(candidate.prefix());
            (Reverse(candidate.prefix()), beside > 0)
        });
    }
    let others = others.iter().map(|other| (other.node, Refusal::NoVote));
    ranking.refused.extend(others);
    ranking
}

fn missing(record: &Record, ranking: &Ranking, world: World<'_>) -> Vec<Address> {
    let counted = |address: &Address| {
        let node = world.view.at_address(address);
        let counts = |id| ranking.candidates.iter().any(|it| it.node() == id);
        node.is_some_and(|node| counts(node.id))
    };
    let seated = record.seated().map(|(member, _)| &member.address);
    seated
        .filter(|address| !counted(address))
        .cloned()
        .collect()
}
