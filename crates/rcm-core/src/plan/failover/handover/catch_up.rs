//! Until the successor holds everything: wait, seal the primary, compare.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Handover, Step};
use crate::action::{Deed, Done, Failed, Outcome, Report};
use crate::candidate::{Candidate, rank};
use crate::event::{Kind, Setback};
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::plan::count::{self, Sealed};
use crate::plan::failover::{Failover, State};
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::rule::Rule;

impl Failover {
    pub(super) fn after_look(&mut self, outcome: Outcome, world: World<'_>, out: &mut Outbox) {
        let State::HandingOver(handover) = &mut self.state else {
            return;
        };
        let Step::CatchingUp { paused, look } = &mut handover.step else {
            return;
        };
        let Outcome::Done(Done::Inspected(held)) = outcome else {
            return self.give_up(Setback::SuccessorLost, world, out);
        };
        if !holds(&held, paused) {
            *look = look.again(world);
            return;
        }
        let deed = Deed::Seal {
            node: handover.primary.node,
            evict: true,
        };
        let seal = handover.act(Policy::HANDOVER_SEALED_WITHIN, deed, world, out);
        self.go_on(Rule::S130, Step::Sealing { seal, held });
    }

    pub(super) fn after_seal(&mut self, outcome: Outcome, world: World<'_>, out: &mut Outbox) {
        let State::HandingOver(handover) = &mut self.state else {
            return;
        };
        let Step::Sealing { held, .. } = &handover.step else {
            return;
        };
        let sealed = match outcome {
            Outcome::Done(Done::Sealed(sealed)) => sealed,
            Outcome::Failed(failed) => {
                let text = match failed {
                    Failed::Refused(text) => text,
                    Failed::NotReached | Failed::Conflict => String::from("not reached"),
                };
                return self.give_up(Setback::Refused { text }, world, out);
            }
            Outcome::Done(_) | Outcome::Unknown => {
                return self.fall_back(Setback::PrimaryLost, world, out);
            }
        };
        let node = self.stored.record.primary.address.clone();
        let kind = Kind::NodeSealed {
            node,
            offset: sealed.replication.offset,
            after: world.now.since(self.began),
        };
        out.tell(world.now, kind);
        let held = held.clone();
        if holds(&held, &sealed) || world.lacks(Mutant::HandOverUncompared) {
            return self.announce_successor(&sealed, &held, world, out);
        }
        // What the primary sent last may still be on its way.
        let look = handover.ask(world.now + Policy::DRAIN_WITHIN, world, out);
        handover.step = Step::Comparing { sealed, look };
    }

    pub(super) fn after_comparison(
        &mut self,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let State::HandingOver(handover) = &mut self.state else {
            return;
        };
        let Step::Comparing { sealed, look } = &mut handover.step else {
            return;
        };
        let Outcome::Done(Done::Inspected(held)) = outcome else {
            return self.fall_back(Setback::SuccessorLost, world, out);
        };
        if holds(&held, sealed) {
            let sealed = sealed.clone();
            return self.announce_successor(&sealed, &held, world, out);
        }
        if held.replication.link_up() {
            *look = look.again(world);
            return;
        }
        let bytes = sealed.replication.offset.ahead_of(held.replication.offset);
        self.fall_back(Setback::Behind { bytes }, world, out);
    }

    /// The old primary and its successor are ranked like any others: the successor has to be as good.
    fn announce_successor(
        &mut self,
        sealed: &Report,
        held: &Report,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let State::HandingOver(Handover {
            primary, successor, ..
        }) = &self.state
        else {
            return;
        };
        let (primary, successor) = (primary.node, successor.node);
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
        let is_successor = |candidate: &&Candidate| candidate.node() == successor;
        let candidate = ranking.candidates.iter().find(is_successor).copied();
        match candidate
            .filter(|it| Some(it.prefix()) == longest || world.lacks(Mutant::HandOverUncompared))
        {
            Some(candidate) => {
                let kind = count::chosen(&ranking, candidate, Vec::new(), world);
                out.tell_rule(world.now, Rule::S140, kind);
                let loss = self.stored.record.loss.clone();
                self.announce(Rule::S140, candidate, loss, world, out);
            }
            None => self.fall_back(Setback::SuccessorLost, world, out),
        }
    }
}

/// Whether a node holds all that another holds of the same stream.
fn holds(own: &Report, other: &Report) -> bool {
    let (own, other) = (
        Position::from(&own.replication),
        Position::from(&other.replication),
    );
    own.id == other.id && own.offset >= other.offset
}
