//! The failover: claim, hold and fence, drain, seal, count, rank, intend, promote, commit.
//!
//! Decided here is the order of the steps and what each outcome leads to. Whom to promote is
//! decided in [`candidate`](crate::candidate), when to begin in [`verdict`](crate::verdict).
//!
//! Always holds: a node is touched only after the record announced it, and nobody is promoted
//! before the promotion is announced by node, process and position.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::claim::{Stored, Writing, Written};
use super::count::{self, Count};
use super::grip::{Grip, Superseded, Target};
use super::hand::Hand;
use super::{Outbox, World};
use crate::action::{Deed, Done, Outcome, Report};
use crate::candidate::Candidate;
use crate::event::Kind;
use crate::id::{ActionId, Address, Epoch, NodeId, Offset, ReplicationId};
use crate::lease::Held;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::record::{Intent, Loss, Member, Phase, Primary, Record};
use crate::rule::{Rule, Stage, TRANSITIONS};
use crate::time::Instant;
use crate::verdict::Verdict;
use crate::view::{Former, View};

/// A failover on its way.
#[derive(Clone, Debug)]
pub struct Failover {
    /// The record as it is stored now.
    stored: Stored,
    cause: Verdict,
    leased: Held,
    lost: Option<NodeId>,
    /// When the evidence against the old primary appeared.
    evidence_at: Instant,
    began: Instant,
    /// The old primary when it was last looked at.
    last_seen: Option<Former>,
    hands: BTreeMap<NodeId, Hand>,
    told_stalled: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Claiming(Writing),
    Resuming(Resuming),
    Sealing {
        since: Instant,
    },
    Intending {
        writing: Writing,
        node: NodeId,
    },
    Promoting {
        node: NodeId,
        intent: Intent,
        promote: ActionId,
    },
    Committing(Writing),
}

/// Looking at a node whose promotion had been announced.
#[derive(Clone, Debug)]
struct Resuming {
    intent: Intent,
    target: Target,
    grip: Grip,
    inspect: Option<ActionId>,
    until: Instant,
}

/// How a failover stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Running,
    /// This record is committed.
    Committed(Box<Stored>),
    /// The record is newer than the plan; it has to be read again.
    Superseded,
}

/// How long the node whose promotion had been announced is looked for before the others are asked.
const RESUME_WITHIN: Duration = Duration::from_millis(500);
/// How long a promotion may stay unanswered.
const PROMOTE_WITHIN: Duration = Duration::from_millis(500);

impl Failover {
    /// Begins by claiming the next epoch. An announced promotion in the record is continued.
    pub fn begin(
        leased: Held,
        stored: Stored,
        lost: Option<NodeId>,
        cause: Verdict,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let node = lost.and_then(|lost| world.view.get(lost));
        let evidence_at = node
            .and_then(|node| node.trouble.began_at())
            .unwrap_or(world.now);
        let recorded = stored.record.primary.run_id;
        let last_seen = node.and_then(|node| {
            let seen = [node.last_seen(), node.former].into_iter().flatten();
            seen.into_iter()
                .find(|seen| recorded.is_none_or(|run_id| seen.run_id == run_id))
        });
        let state = State::Claiming(claim(&stored, cause, world, out));
        let began = world.now;
        let hands = BTreeMap::new();
        let told_stalled = false;
        tell_start(&stored.record, cause, world, out);
        Self {
            stored,
            cause,
            leased,
            lost,
            evidence_at,
            began,
            last_seen,
            hands,
            told_stalled,
            state,
        }
    }

    /// When the evidence against the old primary appeared.
    pub const fn evidence_at(&self) -> Instant {
        self.evidence_at
    }

    /// Where the plan stands.
    pub const fn stage(&self) -> Stage {
        match self.state {
            State::Claiming(_) => Stage::Claiming,
            State::Resuming(_) => Stage::Resuming,
            State::Sealing { .. } => Stage::Sealing,
            State::Intending { .. } => Stage::Intending,
            State::Promoting { .. } => Stage::Promoting,
            State::Committing(_) => Stage::Committing,
        }
    }

    /// When the plan wants to be woken although nothing happens.
    pub fn next_deadline(&self, world: World<'_>) -> Option<Instant> {
        match &self.state {
            State::Claiming(writing) | State::Committing(writing) => writing.next_deadline(),
            State::Intending { writing, .. } => writing.next_deadline(),
            State::Resuming(resuming) => Some(resuming.until),
            State::Promoting { .. } => None,
            State::Sealing { since } => {
                let hands = self.hands.values().filter_map(Hand::next_deadline).min();
                match self.count(*since, world) {
                    Count::Waiting(until) => Some(hands.map_or(until, |at| at.min(until))),
                    Count::Nobody(_) | Count::Ready(..) | Count::ColdStart(_) => hands,
                }
            }
        }
    }

    /// Takes the outcome of an action in. Outcomes that nobody here waits for change nothing.
    pub fn step(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let progress = match &mut self.state {
            State::Claiming(writing) => {
                let written = writing.step(id, outcome, world, out);
                self.after_claim(written, world, out)
            }
            State::Resuming(_) => self.resume(id, outcome, world, out),
            State::Sealing { .. } => self.step_hand(id, outcome, world, out),
            State::Intending { writing, node } => {
                let node = *node;
                let written = writing.step(id, outcome, world, out);
                self.after_intent(node, written, world, out)
            }
            State::Promoting { promote, .. } if *promote == id => {
                self.after_promote(outcome, world, out)
            }
            State::Committing(writing) => {
                let written = writing.step(id, outcome, world, out);
                self.after_commit(written, world, out)
            }
            State::Promoting { .. } => Progress::Running,
        };
        match progress {
            Progress::Running => self.tick(world, out),
            Progress::Committed(_) | Progress::Superseded => progress,
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, world: World<'_>, out: &mut Outbox) -> Progress {
        match &mut self.state {
            State::Claiming(writing) | State::Committing(writing) => writing.tick(world, out),
            State::Intending { writing, .. } => writing.tick(world, out),
            State::Promoting { .. } => {}
            State::Resuming(resuming) => {
                if resuming.until <= world.now {
                    self.seal_all(Rule::F126, world, out);
                }
            }
            State::Sealing { since } => {
                let since = *since;
                self.hands
                    .values_mut()
                    .for_each(|hand| hand.tick(world, out));
                if self.may_abort(world) {
                    self.abort(world, out);
                } else {
                    self.choose(since, world, out);
                }
            }
        }
        Progress::Running
    }

    fn after_claim(&mut self, written: Written, world: World<'_>, out: &mut Outbox) -> Progress {
        match written {
            Written::Pending => return Progress::Running,
            Written::Conflict(found) => return self.superseded(epoch_of(found), world, out),
            Written::Done(stored) => self.stored = stored,
        }
        let announced = match &self.stored.record.phase {
            Phase::Promoting { .. } if world.lacks(Mutant::ForgetIntent) => None,
            Phase::Promoting { intent, .. } => Some(intent.clone()),
            Phase::Claimed { .. } | Phase::Committed => None,
        };
        let node = announced.and_then(|intent| {
            let node = world.view.at_address(&intent.address)?;
            Some((node.id, intent))
        });
        match node {
            Some((node, intent)) => self.look_at_announced(node, intent, world, out),
            None => self.seal_all(Rule::F110, world, out),
        }
        Progress::Running
    }

    fn look_at_announced(
        &mut self,
        node: NodeId,
        intent: Intent,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let epoch = self.stored.record.epoch;
        let kind = Kind::FailoverResumed {
            epoch,
            candidate: intent.address.clone(),
        };
        out.tell_rule(world.now, Rule::F120, kind);
        let target = Target::new(world, node, epoch, self.leased);
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

    fn resume(
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
                Grip::Slipped => self.seal_all(Rule::F126, world, out),
                Grip::Opening(_) | Grip::Confirming(_) | Grip::Fencing(_) => {}
            }
            return Progress::Running;
        }
        if resuming.inspect != Some(id) {
            return Progress::Running;
        }
        let (node, intent) = (resuming.target.node, resuming.intent.clone());
        match outcome {
            Outcome::Done(Done::Inspected(report)) => {
                self.judge_announced(node, intent, &report, world, out);
            }
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                self.seal_all(Rule::F126, world, out);
            }
        }
        Progress::Running
    }

    /// In async mode a node that was promoted and not committed has taken writes: roll forward.
    fn judge_announced(
        &mut self,
        node: NodeId,
        intent: Intent,
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
        let unchanged = replication.id == intent.parent && replication.offset == intent.fork;
        if *run_id == intent.run_id && replication.is_primary() && continues {
            self.commit(Rule::F122, node, &intent, report, world, out);
        } else if *run_id == intent.run_id && !replication.is_primary() && unchanged {
            self.promote(Rule::F124, node, intent, world, out);
        } else {
            self.seal_all(Rule::F126, world, out);
        }
    }

    fn seal_all(&mut self, rule: Rule, world: World<'_>, out: &mut Outbox) {
        let epoch = self.stored.record.epoch;
        // What a crashed primary sent is all there; what a living one sends has no end.
        let drain = self.lost.filter(|_| self.cause == Verdict::PrimaryCrashed);
        let leased = self.leased;
        self.hands = world
            .view
            .nodes()
            .filter(|node| is_ours(node, &self.stored.record))
            .map(|node| {
                (
                    node.id,
                    Hand::begin(node.id, epoch, leased, drain, world, out),
                )
            })
            .collect();
        self.take(rule, State::Sealing { since: world.now });
    }

    fn step_hand(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let Some(hand) = self
            .hands
            .values_mut()
            .find(|hand| hand.awaits() == Some(id))
        else {
            return Progress::Running;
        };
        if let Err(Superseded(epoch)) = hand.step(outcome, world, out) {
            return self.superseded(Some(epoch), world, out);
        }
        let sealed = hand.report().zip(world.view.get(hand.node()));
        if let Some((report, node)) = sealed {
            let (node, offset) = (node.address.clone(), report.replication.offset);
            let after = world.now.since(self.began);
            out.tell_rule(
                world.now,
                Rule::F130,
                Kind::NodeSealed {
                    node,
                    offset,
                    after,
                },
            );
        }
        Progress::Running
    }

    fn count(&self, since: Instant, world: World<'_>) -> Count {
        count::count(&self.hands, &self.stored.record, self.lost, since, world)
    }

    fn choose(&mut self, since: Instant, world: World<'_>, out: &mut Outbox) {
        let (rule, ranking, missing) = match self.count(since, world) {
            Count::Waiting(_) => return,
            Count::Nobody(ranking) => {
                if !core::mem::replace(&mut self.told_stalled, true) {
                    let refused = count::refused(&ranking, world);
                    out.tell_rule(world.now, Rule::F145, Kind::FailoverStalled { refused });
                }
                return;
            }
            Count::Ready(ranking, missing) => (Rule::F140, ranking, missing),
            Count::ColdStart(ranking) => (Rule::F142, ranking, Vec::new()),
        };
        let Some(best) = ranking.best() else { return };
        let Some(node) = world.view.get(best.node()) else {
            return;
        };
        if let Some(kind) = count::chosen(&ranking, missing, world) {
            out.tell_rule(world.now, rule, kind);
        }
        let Position { id, offset, .. } = best.position();
        let intent = Intent {
            address: node.address.clone(),
            run_id: best.run_id(),
            parent: id,
            fork: offset,
        };
        let loss = self.loss(best, world, out);
        if world.lacks(Mutant::PromoteBeforeIntend) {
            let deed = Deed::Promote { node: best.node() };
            out.act(world.now, self.stored.record.epoch, PROMOTE_WITHIN, deed);
        }
        let by = world.me.clone();
        let phase = Phase::Promoting { by, intent };
        let record = Record {
            phase,
            loss,
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        self.take(
            rule,
            State::Intending {
                writing,
                node: best.node(),
            },
        );
    }

    /// What choosing this node loses, as far as the last look at the old primary tells.
    fn loss(&self, best: Candidate, world: World<'_>, out: &mut Outbox) -> Option<Loss> {
        let seen = self.last_seen.filter(|seen| seen.run_id != best.run_id())?;
        let look_age = self.evidence_at.since(seen.at);
        let known_bytes = seen.offset.ahead_of(best.prefix());
        let since = u128::from(seen.rate) * look_age.as_micros() / 1_000_000;
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        let probable = Offset(seen.offset.0.saturating_add(since));
        let estimated_bytes = probable.ahead_of(best.prefix()).max(known_bytes);
        let known_bytes = match world.lacks(Mutant::GuessedLoss) {
            true => estimated_bytes,
            false => known_bytes,
        };
        out.tell(
            world.now,
            Kind::LossAccounted {
                known_bytes,
                estimated_bytes,
                look_age,
            },
        );
        Some(Loss {
            old_address: self.stored.record.primary.address.clone(),
            old_primary: Some(seen.run_id),
            epoch: self.stored.record.epoch,
            survived: best.prefix(),
            known_bytes,
            estimated_bytes,
            look_age_ms: u64::try_from(look_age.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn after_intent(
        &mut self,
        node: NodeId,
        written: Written,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        match written {
            Written::Pending => return Progress::Running,
            Written::Conflict(found) => return self.superseded(epoch_of(found), world, out),
            Written::Done(stored) => self.stored = stored,
        }
        if let Phase::Promoting { intent, .. } = &self.stored.record.phase {
            let intent = intent.clone();
            self.promote(Rule::F150, node, intent, world, out);
        }
        Progress::Running
    }

    fn promote(
        &mut self,
        rule: Rule,
        node: NodeId,
        intent: Intent,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let deed = Deed::Promote { node };
        let promote = out.act(world.now, self.stored.record.epoch, PROMOTE_WITHIN, deed);
        self.take(
            rule,
            State::Promoting {
                node,
                intent,
                promote,
            },
        );
    }

    fn after_promote(&mut self, outcome: Outcome, world: World<'_>, out: &mut Outbox) -> Progress {
        let State::Promoting { node, intent, .. } = &self.state else {
            return Progress::Running;
        };
        let (node, intent) = (*node, intent.clone());
        match outcome {
            Outcome::Done(Done::Promoted(report))
                if report.run_id == intent.run_id && report.replication.is_primary() =>
            {
                self.commit(Rule::F160, node, &intent, &report, world, out);
            }
            // It may have been promoted or not. The record announces it, so whoever claims next,
            // this monitor or another, looks at it first.
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                let writing = claim(&self.stored, self.cause, world, out);
                self.take(Rule::F155, State::Claiming(writing));
            }
        }
        Progress::Running
    }

    fn commit(
        &mut self,
        rule: Rule,
        node: NodeId,
        intent: &Intent,
        report: &Report,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let after = world.now.since(self.began);
        let kind = Kind::NodePromoted {
            node: intent.address.clone(),
            after,
        };
        out.tell_rule(world.now, rule, kind);
        let forked = report
            .replication
            .previous
            .filter(|(parent, _)| *parent == intent.parent);
        let fork = forked.map_or(intent.fork, |(_, fork)| fork);
        let chain = chain_to(&self.stored.record, intent, world.view, node).extended(
            report.replication.id,
            intent.parent,
            fork,
        );
        let record = Record {
            phase: Phase::Committed,
            primary: Primary {
                address: intent.address.clone(),
                run_id: Some(intent.run_id),
            },
            members: self.members(world),
            chain,
            roles_persisted: false,
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        self.take(rule, State::Committing(writing));
    }

    fn members(&self, world: World<'_>) -> Vec<Member> {
        let record = &self.stored.record;
        let sealed = |node: NodeId| self.hands.get(&node).and_then(Hand::report);
        let ours = world.view.nodes().filter(|node| is_ours(node, record));
        ours.map(|node| {
            let known = record.member_at(&node.address);
            let position = sealed(node.id)
                .map(|report| Position::from(&report.replication))
                .or_else(|| node.replication().map(Position::from));
            let prefix = position.and_then(|position| record.chain.common_prefix(&position));
            Member {
                address: node.address.clone(),
                run_id: node
                    .run_id()
                    .or_else(|| known.and_then(|member| member.run_id)),
                offset: prefix
                    .or_else(|| known.map(|member| member.offset))
                    .unwrap_or_default(),
                upstream: None,
            }
        })
        .collect()
    }

    fn after_commit(&mut self, written: Written, world: World<'_>, out: &mut Outbox) -> Progress {
        match written {
            Written::Pending => Progress::Running,
            Written::Conflict(found) => self.superseded(epoch_of(found), world, out),
            Written::Done(stored) => {
                for hand in self.hands.values().filter(|hand| !hand.may_be_sealed()) {
                    out.order(stored.record.epoch, Deed::Close { node: hand.node() });
                }
                Progress::Committed(Box::new(stored))
            }
        }
    }

    /// Abandoning is allowed only before anything is announced, and only when no seal to the
    /// recorded primary is outstanding: one that was sent may be executed at any later time.
    fn may_abort(&self, world: World<'_>) -> bool {
        let Some(lost) = self.lost else { return false };
        let recorded = &self.stored.record.primary;
        let untouched = self
            .hands
            .get(&lost)
            .is_none_or(|hand| !hand.may_be_sealed())
            || world.lacks(Mutant::AbortAfterSeal);
        let well = world.view.get(lost).is_some_and(|node| {
            node.is_primary() && recorded.run_id.is_some() && node.run_id() == recorded.run_id
        });
        untouched && well && matches!(self.stored.record.phase, Phase::Claimed { .. })
    }

    fn abort(&mut self, world: World<'_>, out: &mut Outbox) {
        if let Some(lost) = self.lost {
            self.hands.remove(&lost);
            out.order(self.stored.record.epoch, Deed::Close { node: lost });
        }
        let primary = self.stored.record.primary.address.clone();
        out.tell_rule(world.now, Rule::F115, Kind::FailoverAborted { primary });
        let record = Record {
            phase: Phase::Committed,
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        self.take(Rule::F115, State::Committing(writing));
    }

    fn superseded(&self, by: Option<Epoch>, world: World<'_>, out: &mut Outbox) -> Progress {
        let epoch = by.unwrap_or_default();
        out.tell_rule(world.now, Rule::F105, Kind::Superseded { epoch });
        for node in self.hands.keys() {
            out.order(self.stored.record.epoch, Deed::Close { node: *node });
        }
        Progress::Superseded
    }

    fn take(&mut self, rule: Rule, state: State) {
        let from = self.stage();
        self.state = state;
        let edge = (rule, from, self.stage());
        assert!(
            TRANSITIONS.contains(&edge),
            "a failover took an edge that is not listed: {edge:?}"
        );
    }
}

/// Claims the next epoch; an announced promotion stays announced.
fn claim(stored: &Stored, cause: Verdict, world: World<'_>, out: &mut Outbox) -> Writing {
    let by = world.me.clone();
    let phase = match &stored.record.phase {
        Phase::Promoting { intent, .. } => Phase::Promoting {
            by,
            intent: intent.clone(),
        },
        Phase::Claimed { .. } | Phase::Committed => Phase::Claimed { by, cause },
    };
    let mut record = stored.record.next(phase);
    if world.lacks(Mutant::SameEpoch) {
        record.epoch = stored.record.epoch;
    }
    Writing::begin(record, stored.revision, world, out)
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

fn epoch_of(found: Option<Stored>) -> Option<Epoch> {
    found.map(|stored| stored.record.epoch)
}

/// Whether a node belongs to the group as far as anybody can tell: it was recorded, its data
/// descends from the group's, or it has not said anything yet.
fn is_ours(node: &crate::view::Node, record: &Record) -> bool {
    let recorded = record.member_at(&node.address).is_some()
        || node.run_id().is_some_and(|run_id| record.knows(run_id));
    let descends = |replication: &crate::observation::Replication| {
        record
            .chain
            .common_prefix(&Position::from(replication))
            .is_some()
    };
    recorded || node.replication().is_some_and(descends)
}

/// The committed chain, with the edge to an uncommitted stream that the chosen node continues.
fn chain_to(record: &Record, intent: &Intent, view: &View, node: NodeId) -> crate::lineage::Chain {
    let uncommitted = |id: ReplicationId| !record.chain.contains(id);
    let position = view
        .get(node)
        .and_then(|node| node.replication())
        .map(Position::from);
    match position.and_then(|position| position.previous) {
        Some((parent, fork)) if uncommitted(intent.parent) && parent != intent.parent => {
            record.chain.extended(intent.parent, parent, fork)
        }
        _ => record.chain.clone(),
    }
}
