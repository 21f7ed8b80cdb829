//! Replacing the primary: whether anything stands against it, and who would be promoted.

use alloc::boxed::Box;

use super::{Engine, Plan};
use crate::candidate::{Contender, Ranking, Recorded, rank};
use crate::event::{Adoption, Kind, Obstacle};
use crate::id::{Address, NodeId};
use crate::lease::Held;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::observation::Failure;
use crate::plan::{Failover, Incumbent, World};
use crate::record::Record;
use crate::rule::Rule;
use crate::time::Instant;
use crate::verdict::Verdict;
use crate::view::Node;

impl Engine {
    pub(super) fn replace(&mut self, primary: NodeId, cause: Verdict) {
        if let Some(node) = self.record().and_then(|it| self.successor(it)) {
            return self.adopt(node, Rule::R240, Adoption::ChangedByHand);
        }
        let hold_off = if cause.is_undecidable() && !self.defect.is(Mutant::NoHoldOff) {
            self.hold_off.until(self.now)
        } else {
            None
        };
        if let Some(obstacle) = self.obstacle(hold_off) {
            self.ripens_at = hold_off;
            if matches!(obstacle, Obstacle::NotAgreed | Obstacle::NoLease)
                && let Some(until) = self.agreement_awaited_until()
                && until > self.now
            {
                self.ripens_at = Some(until);
                return;
            }
            if obstacle == Obstacle::NotAgreed && cause == Verdict::PrimarySilent {
                self.doubt_own_eyes();
            }
            return self.tell_would_act(primary, cause, obstacle);
        }
        if let Some(held) = self.lease.held() {
            let incumbent = Incumbent {
                node: primary,
                is_lost: cause.is_loss(),
            };
            self.begin_failover(held, incumbent, cause);
        }
    }

    /// Why nothing is done although something should be.
    fn obstacle(&self, hold_off: Option<Instant>) -> Option<Obstacle> {
        match (self.policy.observe, self.rivals.is_empty(), hold_off) {
            (true, _, _) => Some(Obstacle::Observing),
            (false, false, _) => Some(Obstacle::RivalController),
            (false, true, Some(_)) => Some(Obstacle::HoldOff),
            (false, true, None) if self.lease.held().is_none() => Some(Obstacle::NoLease),
            (false, true, None) => self.objection(),
        }
    }

    pub(super) fn begin_failover(&mut self, held: Held, primary: Incumbent, cause: Verdict) {
        let Some(stored) = self.store.stored.clone() else {
            return;
        };
        if cause.is_undecidable() {
            self.hold_off.note(self.now);
        }
        self.abandon_duties();
        let (world, out) = self.split();
        let plan = Failover::begin(held, stored, primary, cause, world, out);
        self.plan = Some(Plan::Failover(Box::new(plan)));
    }

    fn tell_would_act(&mut self, primary: NodeId, verdict: Verdict, obstacle: Obstacle) {
        if self.told_would_act.replace(verdict) == Some(verdict) {
            return;
        }
        let candidate = self
            .preview(primary)
            .best()
            .and_then(|best| self.address_of(best.node()));
        let Some(primary) = self.address_of(primary) else {
            return;
        };
        self.out.tell(
            self.now,
            Kind::WouldAct {
                verdict,
                primary,
                candidate,
                obstacle,
            },
        );
    }

    /// The ranking by what is known without touching anybody.
    pub(super) fn preview(&self, lost: NodeId) -> Ranking {
        let record = self.record();
        record.map_or_else(Ranking::default, |record| self.preview_by(record, lost))
    }

    /// The same by another record.
    pub(super) fn preview_by(&self, record: &Record, lost: NodeId) -> Ranking {
        let may_answer = |node: &&Node| {
            let failure = node.trouble.failure();
            let hopeful = matches!(failure, None | Some(Failure::Mute));
            let seen = node.look_is_current || failure == Some(Failure::Mute);
            let eligible = seen && (node.id != lost || node.following().is_some());
            eligible && hopeful && node.refuses_us.is_none()
        };
        let contenders = self.view.nodes().filter(may_answer);
        let contenders = contenders.filter_map(|node| contender(node, record, self.world()));
        let votes = |it: &Contender| !record.is_strict() || record.has_vote(it.run_id);
        rank(&record.chain, contenders.filter(votes))
    }
}

fn contender(node: &Node, record: &Record, world: World<'_>) -> Option<Contender> {
    let seen = node.replication()?;
    Some(Contender {
        node: node.id,
        run_id: node.run_id()?,
        position: Position::from(seen),
        priority: record.priority(node.run_id()?, seen),
        // A seal in time ends a full synchronisation, and what the replica held is kept.
        incomplete: seen.loading,
        recorded: recorded(node, record, world),
    })
}

fn recorded(node: &Node, record: &Record, world: World<'_>) -> Recorded {
    if node.run_id().is_some_and(|run_id| record.knows(run_id)) {
        return Recorded::SameProcess;
    }
    let at = |address: &Address| record.member_at(address).map(|member| member.offset);
    match at(&node.address).filter(|_| record.includes(node, world.view, world.nodes)) {
        Some(offset) => Recorded::OtherProcess(offset),
        None => Recorded::Unknown,
    }
}
