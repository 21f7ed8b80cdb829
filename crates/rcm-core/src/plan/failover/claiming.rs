//! Claiming the next epoch: what the record says before anybody is touched.

use super::is_ours;
use crate::event::Kind;
use crate::id::Address;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::plan::{Outbox, Stored, World, Writing};
use crate::record::{Member, Phase, Record};
use crate::rule::Rule;
use crate::verdict::Verdict;
use crate::view::Node;

/// Claims the next epoch; an announced promotion stays announced.
pub(super) fn claim(
    stored: &Stored,
    cause: Verdict,
    world: World<'_>,
    out: &mut Outbox,
) -> Writing {
    let by = world.me.clone();
    let phase = match &stored.record.phase {
        Phase::Promoting { intent, .. } => Phase::Promoting {
            by,
            intent: intent.clone(),
        },
        Phase::Claimed { .. } | Phase::Committed => Phase::Claimed { by, cause },
    };
    let mut record = stored.record.next(phase);
    record.members.extend(newcomers(&stored.record, world));
    if world.lacks(Mutant::SameEpoch) {
        record.epoch = stored.record.epoch;
    }
    Writing::begin(record, stored.revision, world, out)
}

/// Nodes that were met since the last commit. They are going to be sealed, so whoever continues has
/// to know of them.
fn newcomers(record: &Record, world: World<'_>) -> impl Iterator<Item = Member> {
    let unknown = |node: &&Node| {
        let known = record.member_at(&node.address).is_some()
            || node.run_id().is_some_and(|run_id| record.knows(run_id));
        !known && is_ours(node, record)
    };
    world.view.nodes().filter(unknown).map(|node| Member {
        address: node.address.clone(),
        run_id: node.run_id(),
        offset: node
            .replication()
            .and_then(|seen| record.chain.common_prefix(&Position::from(seen)))
            .unwrap_or_default(),
        upstream: None,
        seat: None,
    })
}

pub(super) fn tell_start(record: &Record, cause: Verdict, world: World<'_>, out: &mut Outbox) {
    let primary: Address = record.primary.address.clone();
    let epoch = record.epoch.next();
    let kind = Kind::FailoverStarted {
        primary,
        cause,
        epoch,
    };
    out.tell_rule(world.now, Rule::F100, kind);
}
