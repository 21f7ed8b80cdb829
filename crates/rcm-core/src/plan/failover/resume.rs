//! Continuing a promotion that was announced and perhaps carried out, by whoever finds it.

use core::time::Duration;

use super::{Course, Failover, PROMOTE_WITHIN, Progress, State, Superseded};
use crate::action::{Deed, Done, Outcome, Report};
use crate::event::Kind;
use crate::id::{ActionId, NodeId};
use crate::plan::grip::{Grip, Target};
use crate::plan::{Outbox, World};
use crate::record::Intent;
use crate::rule::Rule;
use crate::time::Instant;

/// Looking at a node whose promotion had been announced.
#[derive(Clone, Debug)]
pub(super) struct Resuming {
    intent: Intent,
    target: Target,
    grip: Grip,
    inspect: Option<ActionId>,
    pub(super) until: Instant,
}

/// How long the node whose promotion had been announced is looked for before the others are asked.
const RESUME_WITHIN: Duration = Duration::from_millis(500);

impl Resuming {
    pub(super) const fn node(&self) -> NodeId {
        self.target.node
    }

    pub(super) fn postpone(&mut self, by: Duration) {
        self.until = self.until + by;
    }
}

impl Failover {
    pub(super) fn look_at_announced(
        &mut self,
        node: NodeId,
        intent: Intent,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        // An earlier hand on it is of another epoch.
        self.hands.remove(&node);
        let epoch = self.stored.record.epoch;
        let kind = Kind::FailoverResumed {
            epoch,
            candidate: intent.address.clone(),
        };
        out.tell_rule(world.now, Rule::F120, kind);
        let target = Target::new(world, node, epoch, self.leased, out);
        let grip = Grip::begin(target, world, out);
        let until = world.now + RESUME_WITHIN;
        let resuming = Resuming {
            intent,
            target,
            grip,
            inspect: None,
            until,
        };
        self.take(Rule::F120, State::Resuming(resuming));
    }

    pub(super) fn resume(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let State::Resuming(resuming) = &mut self.state else {
            return Progress::Running;
        };
        if resuming.grip.awaits() == Some(id) {
            match resuming.grip.step(resuming.target, &outcome, world, out) {
                Err(Superseded(epoch)) => return self.superseded(Some(epoch), world, out),
                Ok(grip) => resuming.grip = grip,
            }
            let Target { node, epoch, .. } = resuming.target;
            match resuming.grip {
                Grip::Firm => {
                    let deed = Deed::Inspect { node };
                    resuming.inspect = Some(out.act(world.now, epoch, PROMOTE_WITHIN, deed));
                }
                Grip::Slipped => self.give_announced_up(world, out),
                Grip::Opening(_) | Grip::Confirming(_) | Grip::Fencing(_) => {}
            }
            return Progress::Running;
        }
        if resuming.inspect != Some(id) {
            return Progress::Running;
        }
        let intent = resuming.intent.clone();
        match outcome {
            Outcome::Done(Done::Inspected(report)) => {
                self.judge_announced(&intent, &report, world, out);
            }
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                self.give_announced_up(world, out);
            }
        }
        Progress::Running
    }

    /// In async mode a node that was promoted and not committed has taken writes: roll forward.
    fn judge_announced(
        &mut self,
        intent: &Intent,
        report: &Report,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let Report {
            run_id,
            replication,
        } = report;
        let continues = replication
            .previous
            .is_some_and(|(parent, _)| parent == intent.parent);
        if *run_id == intent.run_id && replication.is_primary() && continues {
            self.commit(Rule::F122, intent, report, world, out);
        } else {
            // Not promoted: it is ranked again with the others, and the old primary sealed again.
            self.give_announced_up(world, out);
        }
    }

    /// A primary that handed over is sealed and not lost, and what was planned has come to nothing.
    pub(super) fn give_announced_up(&mut self, world: World<'_>, out: &mut Outbox) {
        self.course = Course::Unplanned;
        self.seal_all(Rule::F126, world, out);
    }
}
