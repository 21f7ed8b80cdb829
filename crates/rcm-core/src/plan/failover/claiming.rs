//! Beginning: the next epoch is claimed in the record before anybody is touched.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::leaving::epoch_of;
use super::{Course, Failover, Incumbent, Progress, State, is_ours};
use crate::event::Kind;
use crate::id::{Address, NodeId};
use crate::lease::Held;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::plan::{Outbox, Stored, World, Writing, Written};
use crate::record::{Member, Phase, Record};
use crate::rule::Rule;
use crate::verdict::Verdict;
use crate::view::Node;

impl Failover {
    /// Begins by claiming the next epoch. An announced promotion in the record is continued.
    pub fn begin(
        leased: Held,
        stored: Stored,
        incumbent: Incumbent,
        cause: Verdict,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let claiming = claim(&stored, cause, world, out);
        tell_start(&stored.record, cause, world, out);
        Self::claiming(leased, stored, incumbent, cause, claiming, world)
    }

    /// Begins a switchover from a primary that is well.
    pub fn begin_switchover(
        leased: Held,
        stored: Stored,
        (primary, successor): (NodeId, NodeId),
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let cause = Verdict::Healthy;
        let claiming = claim(&stored, cause, world, out);
        let address = |node| world.view.get(node).map(|node| node.address.clone());
        if let (Some(primary), Some(to)) = (address(primary), address(successor)) {
            let epoch = stored.record.epoch.next();
            let kind = Kind::SwitchoverStarted { primary, to, epoch };
            out.tell_rule(world.now, Rule::S100, kind);
        }
        let incumbent = Incumbent {
            node: primary,
            is_lost: false,
        };
        let course = Course::Planned {
            successor,
            doubted: false,
        };
        Self {
            course,
            ..Self::claiming(leased, stored, incumbent, cause, claiming, world)
        }
    }

    fn claiming(
        leased: Held,
        stored: Stored,
        incumbent: Incumbent,
        cause: Verdict,
        claiming: Writing,
        world: World<'_>,
    ) -> Self {
        let node = world.view.get(incumbent.node);
        let evidence_at = node
            .and_then(|node| node.trouble.began_at())
            .unwrap_or(world.now);
        let recorded = stored.record.primary.run_id;
        let last_seen = node.and_then(|node| {
            let seen = [node.last_seen(), node.former].into_iter().flatten();
            seen.into_iter()
                .find(|seen| recorded.is_none_or(|run_id| seen.run_id == run_id))
        });
        Self {
            may_be_sealed: !stored.record.is_committed(),
            stored,
            cause,
            leased,
            incumbent: incumbent.node,
            is_lost: incumbent.is_lost,
            course: Course::Unplanned,
            held: Vec::new(),
            evidence_at,
            began: world.now,
            last_seen,
            hands: BTreeMap::new(),
            told_stalled: false,
            state: State::Claiming(claiming),
        }
    }

    pub(super) fn after_claim(
        &mut self,
        written: Written,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        match written {
            Written::Pending => return Progress::Running,
            Written::Conflict(found) => return self.superseded(epoch_of(found), world, out),
            Written::Done(stored) => self.stored = stored,
        }
        let announced = match &self.stored.record.phase {
            Phase::Promoting { .. } if world.lacks(Mutant::ForgetIntent) => None,
            // A node that was promoted and not committed has acknowledged nothing in strict mode, and
            // those who were sealed for it may be sealed no more: all are sealed and ranked again.
            Phase::Promoting { .. } if self.stored.record.is_strict() => None,
            Phase::Promoting { intent, .. } => Some(intent.clone()),
            Phase::Claimed { .. } | Phase::Committed => None,
        };
        let is_announced = matches!(self.stored.record.phase, Phase::Promoting { .. });
        let node = announced.and_then(|intent| {
            let node = world.view.at_address(&intent.address)?;
            Some((node.id, intent))
        });
        match (node, self.course) {
            (Some((node, intent)), _) => self.look_at_announced(node, intent, world, out),
            (None, Course::Planned { successor, doubted }) if !is_announced => {
                self.hand_over(successor, doubted, world, out);
            }
            (None, Course::Planned { .. } | Course::Unplanned) => {
                self.course = Course::Unplanned;
                self.seal_all(Rule::F110, world, out);
            }
        }
        Progress::Running
    }
}

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
    let unknown = move |node: &&Node| {
        let known = record.member_at(&node.address).is_some()
            || node.run_id().is_some_and(|run_id| record.knows(run_id));
        !known && is_ours(node, record, world)
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

fn tell_start(record: &Record, cause: Verdict, world: World<'_>, out: &mut Outbox) {
    let primary: Address = record.primary.address.clone();
    let epoch = record.epoch.next();
    let kind = Kind::FailoverStarted {
        primary,
        cause,
        epoch,
    };
    out.tell_rule(world.now, Rule::F100, kind);
}
