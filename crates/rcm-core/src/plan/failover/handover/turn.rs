//! What a turn of the switchover means for the plan.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Handover;
use crate::action::{Deed, Done, Outcome, Report};
use crate::candidate::{Candidate, rank};
use crate::event::{Kind, Setback};
use crate::id::{ActionId, NodeId};
use crate::mutant::Mutant;
use crate::plan::count::{self, Sealed};
use crate::plan::failover::claiming::claim;
use crate::plan::failover::{Course, Failover, Progress, State, assert_listed};
use crate::plan::grip::{Superseded, Target};
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::rule::{Rule, Stage};
use crate::verdict::Verdict;
use crate::view::Former;

/// What follows from an outcome, or from time that has passed.
#[derive(Debug)]
pub(in crate::plan::failover) enum Turn {
    /// Nothing yet.
    Wait,
    /// The next step has begun, by this rule.
    Next(Rule),
    /// The successor holds what the sealed primary holds.
    Announce {
        sealed: Box<Report>,
        held: Box<Report>,
    },
    /// The primary is not sealed, and goes on.
    GiveUp(Setback),
    /// Whether the primary is sealed is not known.
    Doubt,
    /// The primary is sealed, and the successor cannot follow it.
    FallBack(Setback),
    /// The primary, which may be sealed, is lost.
    Lost(Verdict),
    /// The record is newer than the plan.
    Superseded(Superseded),
}

impl Turn {
    pub(super) fn announce(sealed: Report, held: Report) -> Self {
        Self::Announce {
            sealed: Box::new(sealed),
            held: Box::new(held),
        }
    }
}

impl Failover {
    /// The epoch is claimed: gets hold of the primary and of its successor.
    pub(in crate::plan::failover) fn hand_over(
        &mut self,
        successor: NodeId,
        doubted: bool,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let epoch = self.stored.record.epoch;
        let primary = Target::new(world, self.incumbent, epoch, self.leased, out);
        let successor = Target::new(world, successor, epoch, self.leased, out);
        let handover = Handover::begin(primary, successor, doubted, world, out);
        self.held = handover.nodes().to_vec();
        let rule = if doubted { Rule::S128 } else { Rule::S110 };
        self.take(rule, State::HandingOver(handover));
    }

    pub(in crate::plan::failover) fn step_handover(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let from = self.stage();
        let State::HandingOver(handover) = &mut self.state else {
            return Progress::Running;
        };
        if let Some(since) = handover.pausing_since() {
            self.evidence_at = since;
        }
        if let Outcome::Done(Done::Paused(report) | Done::Sealed(report)) = &outcome {
            self.last_seen = Some(Former {
                run_id: report.run_id,
                offset: report.replication.offset,
                at: world.now,
                rate: 0,
            });
        }
        let turn = handover.step(id, outcome, &self.stored.record, world, out);
        self.turn(from, turn, world, out)
    }

    pub(in crate::plan::failover) fn tick_handover(
        &mut self,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let from = self.stage();
        let State::HandingOver(handover) = &mut self.state else {
            return Progress::Running;
        };
        let turn = handover.tick(&self.stored.record, world, out);
        self.turn(from, turn, world, out)
    }

    fn turn(&mut self, from: Stage, turn: Turn, world: World<'_>, out: &mut Outbox) -> Progress {
        match turn {
            Turn::Wait => {}
            Turn::Next(rule) => assert_listed((rule, from, self.stage())),
            Turn::Announce { sealed, held } => self.announce_successor(&sealed, &held, world, out),
            Turn::GiveUp(why) => self.give_up(why, world, out),
            Turn::Doubt => self.doubt(world, out),
            Turn::FallBack(why) => self.fall_back(why, world, out),
            Turn::Lost(verdict) => {
                (self.cause, self.is_lost) = (verdict, true);
                self.fall_back(Setback::PrimaryLost, world, out);
            }
            Turn::Superseded(superseded) => {
                return self.superseded(Some(superseded.0), world, out);
            }
        }
        Progress::Running
    }

    /// The old primary and its successor are ranked like any others: the successor has to be as good.
    fn announce_successor(
        &mut self,
        sealed: &Report,
        held: &Report,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let State::HandingOver(handover) = &self.state else {
            return;
        };
        let [primary, successor] = handover.nodes();
        let record = &self.stored.record;
        let contenders = [(primary, sealed), (successor, held)].map(|(node, report)| {
            let sealed = Sealed {
                node,
                report,
                was_loading: None,
            };
            count::contender(sealed, record, world)
        });
        let ranking = rank(&record.chain, contenders.into_iter().flatten());
        let longest = ranking.best().map(|best| best.prefix());
        let is_good = |candidate: &Candidate| {
            let may = !record.is_strict() || record.has_vote(candidate.run_id());
            let is_longest = Some(candidate.prefix()) == longest;
            may && (is_longest || world.lacks(Mutant::HandOverUncompared))
        };
        let candidates = ranking.candidates.iter().copied();
        let mut candidates = candidates.filter(|candidate| candidate.node() == successor);
        let Some(candidate) = candidates.next().filter(is_good) else {
            return self.fall_back(Setback::SuccessorLost, world, out);
        };
        let kind = count::chosen(&ranking, candidate, Vec::new(), world);
        out.tell_rule(world.now, Rule::S140, kind);
        // What an earlier failover lost is still to be told exactly.
        let loss = self.stored.record.loss.clone();
        self.announce(Rule::S140, candidate, loss, world, out);
    }

    /// The primary is not sealed: its writes go on, and the epoch is settled.
    fn give_up(&mut self, why: Setback, world: World<'_>, out: &mut Outbox) {
        let State::HandingOver(handover) = &self.state else {
            return;
        };
        let refused = matches!(why, Setback::Refused { .. }) && self.stage() == Stage::Pausing;
        if handover.may_have_paused() && !refused {
            let [node, _] = handover.nodes();
            let epoch = self.stored.record.epoch;
            // Whatever comes of it: a pause ends by itself.
            out.act(
                world.now,
                epoch,
                Policy::ACTION_WITHIN,
                Deed::Resume { node },
            );
        }
        let primary = self.stored.record.primary.address.clone();
        let kind = Kind::SwitchoverAborted { primary, why };
        out.tell_rule(world.now, Rule::S115, kind);
        self.settle(Rule::S115, world, out);
    }

    /// A new epoch ends what was sent under the old one, so that what is seen then stays.
    fn doubt(&mut self, world: World<'_>, out: &mut Outbox) {
        if let Course::Planned { doubted, .. } = &mut self.course {
            *doubted = true;
        }
        self.may_be_sealed = true;
        let primary = self.stored.record.primary.address.clone();
        out.tell_rule(world.now, Rule::S125, Kind::SwitchoverDoubted { primary });
        let writing = claim(&self.stored, Verdict::Healthy, world, out);
        self.take(Rule::S125, State::Claiming(writing));
    }

    /// Whoever holds the most goes into office, the old primary among them.
    fn fall_back(&mut self, why: Setback, world: World<'_>, out: &mut Outbox) {
        let primary = self.stored.record.primary.address.clone();
        let kind = Kind::SwitchoverDerailed { primary, why };
        out.tell_rule(world.now, Rule::S126, kind);
        self.course = Course::Unplanned;
        self.seal_all(Rule::S126, world, out);
    }
}
