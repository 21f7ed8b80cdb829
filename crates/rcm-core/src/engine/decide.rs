//! What to do next: one thing at a time, the most urgent first.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::adopt::{accepted_by_all, has_common_ground, successor};
use super::restart::Ruling;
use super::{Engine, Plan, Reading};
use crate::action::{Deed, Pace};
use crate::candidate::{Contender, Ranking, Recorded, rank};
use crate::event::{Adoption, Halt, Kind, Obstacle};
use crate::id::{Address, Epoch, NodeId};
use crate::lease::Held;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::observation::Failure;
use crate::plan::{Failover, Incumbent};
use crate::policy::Policy;
use crate::record::{Phase, Record};
use crate::rule::Rule;
use crate::time::Instant;
use crate::verdict::{Judgement, Response, Subject, Tally, Verdict, diagnose};
use crate::view::Node;

impl Engine {
    pub(super) fn decide(&mut self) {
        self.read_again();
        if self.halted.is_some() && !self.is_ours_after_all() {
            return;
        }
        self.see_rivals();
        self.forget();
        if matches!(self.store.reading, Reading::Current) {
            self.proceed();
        }
        self.set_pace();
    }

    /// A record that had nothing in common with those who answered may know one who came later.
    fn is_ours_after_all(&mut self) -> bool {
        let ours = self.halted == Some(Halt::ForeignRecord)
            && self
                .record()
                .is_some_and(|record| has_common_ground(&self.view, record, true) == Some(true));
        if ours {
            self.halted = None;
        }
        ours
    }

    /// Reads the record if what is known of it may be old.
    fn read_again(&mut self) {
        match self.store.reading {
            Reading::Current if self.is_overtaken() => self.read_record(),
            Reading::Failed { again } if again <= self.now => self.read_record(),
            Reading::Unread | Reading::Pending(_) | Reading::Failed { .. } | Reading::Current => {}
        }
    }

    fn proceed(&mut self) {
        self.leave_forgotten();
        match self.plan.take() {
            Some(plan) => self.tick(plan),
            None if self.record().is_some() => self.judge(),
            None => self.begin_group(),
        }
        if self.plan.is_none() {
            self.do_duties();
        }
        self.consult();
    }

    fn tick(&mut self, mut plan: Plan) {
        if self.has_been_outranked(&plan) {
            return self.judge();
        }
        let (world, out) = self.split();
        match &mut plan {
            Plan::Failover(failover) => {
                // Only outcomes end a failover, and those do not come this way.
                failover.tick(world, out);
                if failover.is_blocked(self.world()) {
                    self.set_verdict(Verdict::TooFewVoters, None, None);
                }
            }
            Plan::Adoption { writing, .. }
            | Plan::Note(writing)
            | Plan::Qualifying { writing, .. } => {
                writing.tick(world, out);
            }
        }
        self.plan = Some(plan);
    }

    /// A record exists and nothing is under way: how is its primary?
    fn judge(&mut self) {
        let Some(record) = self.record() else { return };
        if !self.grounded {
            let patience_ended = self.now >= self.started + Policy::COLD_START_AFTER;
            match has_common_ground(&self.view, record, patience_ended) {
                Some(true) => self.grounded = true,
                Some(false) => return self.halt(Halt::ForeignRecord),
                None => return self.judge_silence(),
            }
        }
        let Some(node) = self.primary_node() else {
            return;
        };
        let subject = Subject {
            primary: node.id,
            run_id: self.run_id_in_office(node),
        };
        if matches!(self.record(), Some(record) if !may_be_abandoned(record)) {
            // Announced is announced: the node may have been promoted and have taken writes.
            return self.replace(subject.primary, Verdict::PrimarySuspected);
        }
        let looked = node.look.as_ref().map(|look| look.asked_at);
        if node.answers() && looked <= self.learned_at {
            // What it said before it came into office is no sign against it.
            return self.set_verdict(Verdict::PrimarySuspected, None, None);
        }
        let judgement = diagnose(&self.view, subject, &self.policy, self.now);
        self.act_on(subject.primary, judgement);
    }

    /// A primary that nobody had met when it was recorded is whoever answers at its address.
    fn run_id_in_office(&self, node: &Node) -> Option<crate::id::RunId> {
        self.record()
            .and_then(|record| record.primary.run_id)
            .or_else(|| node.run_id())
    }

    fn judge_silence(&mut self) {
        let failure = self.primary_node().and_then(|node| node.trouble.failure());
        self.set_verdict(Verdict::ColdStart, failure, None);
    }

    fn act_on(&mut self, primary: NodeId, judgement: Judgement) {
        let (mut verdict, failure) = (judgement.verdict, judgement.failure);
        let vetoed = verdict == Verdict::PrimaryUnreachableButReplicating;
        if vetoed && self.defect.is(Mutant::IgnoreVetoes) {
            verdict = Verdict::PrimarySilent;
        }
        self.ripens_at = judgement.ripens_at;
        if let Some(replica) = judgement.wants_witness {
            self.ask_witness(replica);
        }
        let strict = self.is_strict();
        if strict && verdict == Verdict::Healthy && self.was_renamed(primary) {
            // Whoever follows it confirms what no later failover would find.
            verdict = Verdict::ForeignLineage;
        }
        self.form_opinion(verdict, &judgement);
        let replaces = verdict.calls_for() == Response::FailOver
            || (strict && verdict == Verdict::ForeignLineage);
        if replaces && !self.may_be_replaced(primary) {
            verdict = if strict {
                Verdict::TooFewVoters
            } else {
                Verdict::NoCandidate
            };
        }
        self.set_verdict(self.besides(verdict), failure, judgement.tally);
        if verdict == Verdict::Healthy {
            self.settle_office(primary);
        } else if strict && matches!(verdict, Verdict::PrimaryRestarted | Verdict::ForeignLineage) {
            // Whatever it holds, it has no vote.
            self.replace(primary, verdict);
        } else if verdict == Verdict::PrimaryRestarted {
            self.replace_or_keep(primary);
        } else if verdict == Verdict::PrimaryClaimsReplica {
            self.replace_demoted(primary);
        } else if verdict == Verdict::NoCandidate {
            self.hope(primary);
        } else {
            self.disputed_since = None;
            if verdict.calls_for() == Response::FailOver {
                self.replace(primary, verdict);
            }
        }
    }

    /// A healthy primary is not the whole story.
    fn besides(&self, verdict: Verdict) -> Verdict {
        if verdict != Verdict::Healthy {
            verdict
        } else if !self.rivals.is_empty() {
            Verdict::RivalController
        } else if self.store_failed {
            Verdict::StoreUnwritable
        } else if self.lacks_monitors() {
            Verdict::MonitorsWithoutQuorum
        } else {
            Verdict::Healthy
        }
    }

    /// The primary is well. A claim that nobody carried out, or a first meeting, is written down.
    fn settle_office(&mut self, primary: NodeId) {
        self.disputed_since = None;
        self.told_would_act = None;
        let Some(record) = self.record() else { return };
        let Some(node) = self.view.get(primary) else {
            return;
        };
        let unfinished = !matches!(record.phase, Phase::Committed);
        let met = record.primary.run_id.is_some();
        let id = node.replication().map(|seen| seen.id);
        if unfinished {
            self.adopt(primary, Rule::R260, Adoption::Kept);
        } else if !met && node.run_id().is_some() {
            self.adopt(primary, Rule::R230, Adoption::Met);
        } else if id.is_some_and(|id| id != record.chain.head()) {
            // Its stream got a new name without a restart: no replica for an hour, or a command.
            self.adopt(primary, Rule::R255, Adoption::Renamed);
        }
    }

    fn replace_or_keep(&mut self, primary: NodeId) {
        self.disputed_since.get_or_insert(self.now);
        match self.rule_on_restart() {
            Ruling::Keep => self.adopt(primary, Rule::R250, Adoption::Restarted),
            Ruling::KeepUntraced => {
                self.adopt(primary, Rule::R250, Adoption::RestartedWithoutLineage);
            }
            // Without a candidate there is nothing to claim for.
            Ruling::Replace if self.verdict == Verdict::NoCandidate => {}
            Ruling::Replace => self.replace(primary, Verdict::PrimaryRestarted),
            Ruling::Wait => {
                self.ripens_at = self.disputed_since.map(|s| s + Policy::COLD_START_AFTER);
            }
        }
    }

    /// The recorded primary says that it is a replica: we sealed it, or somebody demoted it.
    fn replace_demoted(&mut self, primary: NodeId) {
        let since = *self.disputed_since.get_or_insert(self.now);
        let Some(following) = self.view.get(primary).and_then(Node::following) else {
            return;
        };
        if following.primary.is_tombstone() {
            self.replace(primary, Verdict::PrimaryClaimsReplica);
            return;
        }
        let outside = self.view.at_address(&following.primary).is_none();
        let settled = since + Policy::ADOPT_AFTER;
        if settled > self.now {
            self.ripens_at = Some(settled);
        } else if let Some(node) = self.successor() {
            self.adopt(node, Rule::R240, Adoption::ChangedByHand);
        } else if !outside {
            self.replace(primary, Verdict::PrimaryClaimsReplica);
        }
        // Following somebody outside is an operator's migration: left alone, and named.
    }

    /// The primary is lost and no replica may take over; perhaps the primary itself may stay.
    fn hope(&mut self, primary: NodeId) {
        let Some(node) = self.view.get(primary).filter(|node| node.answers()) else {
            return;
        };
        if node.run_id() == self.run_id_in_office(node) {
            return self.replace_demoted(primary);
        }
        let since = *self.disputed_since.get_or_insert(self.now);
        let record = self.record();
        let accepted = record.and_then(|record| accepted_by_all(&self.view, record));
        let accepted = accepted.map(|node| node.id);
        let waited = self.now >= since + Policy::COLD_START_AFTER;
        // Nobody can come any more who holds more.
        let all_are_in = waited && record.is_some_and(|record| self.all_answer(record));
        let is_ours = record.is_some_and(|record| record.includes(node));
        let holds_data = node.condition.is_some_and(|it| !it.empty);
        let keeps_data = is_ours && node.is_primary() && holds_data;
        let ruling = self.rule_on_restart();
        if ruling == Ruling::Keep {
            self.adopt(primary, Rule::R250, Adoption::Restarted);
        } else if ruling == Ruling::KeepUntraced || (all_are_in && keeps_data) {
            self.adopt(primary, Rule::R250, Adoption::RestartedWithoutLineage);
        } else if let Some(node) = accepted.filter(|_| waited) {
            self.adopt(node, Rule::R240, Adoption::ChangedByHand);
        } else if all_are_in && self.somebody_descends() {
            self.replace(primary, Verdict::PrimaryRestarted);
        } else {
            self.ripens_at = Some(since + Policy::COLD_START_AFTER);
        }
    }

    fn somebody_descends(&self) -> bool {
        let record = self.record();
        let mut nodes = self.view.nodes();
        record.is_some_and(|record| nodes.any(|node| record.is_ancestor_of(node)))
    }

    fn all_answer(&self, record: &Record) -> bool {
        let members = record.members.iter();
        members
            .map(|member| self.view.at_address(&member.address))
            .all(|node| node.is_some_and(Node::answers))
    }

    fn replace(&mut self, primary: NodeId, cause: Verdict) {
        if let Some(node) = self.successor() {
            return self.adopt(node, Rule::R240, Adoption::ChangedByHand);
        }
        let held = self.lease.held();
        let hold_off = if cause.is_undecidable() {
            self.hold_off.until(self.now)
        } else {
            None
        };
        let obstacle = match (self.policy.observe, self.rivals.is_empty(), hold_off) {
            (true, _, _) => Some(Obstacle::Observing),
            (false, false, _) => Some(Obstacle::RivalController),
            (false, true, Some(_)) => Some(Obstacle::HoldOff),
            (false, true, None) if held.is_none() => Some(Obstacle::NoLease),
            (false, true, None) => self.objection(),
        };
        if let Some(obstacle) = obstacle {
            self.ripens_at = hold_off;
            if matches!(obstacle, Obstacle::NotAgreed | Obstacle::NoLease)
                && let Some(until) = self.agreement_awaited_until()
                && until > self.now
            {
                self.ripens_at = Some(until);
                return;
            }
            return self.tell_would_act(primary, cause, obstacle);
        }
        if let Some(held) = held {
            let incumbent = Incumbent {
                node: primary,
                is_lost: cause.is_loss(),
            };
            self.begin_failover(held, incumbent, cause);
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

    /// A change made by hand that may be taken over. In strict mode none: only those who are sealed
    /// and counted can say what was acknowledged.
    fn successor(&self) -> Option<NodeId> {
        let record = self.record().filter(|record| !record.is_strict())?;
        successor(&self.view, record).map(|node| node.id)
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
        let Some(record) = self.record() else {
            return Ranking::default();
        };
        let may_answer = |node: &&Node| {
            let failure = node.trouble.failure();
            let hopeful = matches!(failure, None | Some(Failure::Mute));
            let seen = node.look_is_current || failure == Some(Failure::Mute);
            let eligible = seen && (node.id != lost || node.following().is_some());
            eligible && hopeful && node.refuses_us.is_none()
        };
        let contenders = self.view.nodes().filter(may_answer);
        let contenders = contenders.filter_map(|node| contender(node, record));
        let votes = |it: &Contender| !record.is_strict() || record.has_vote(it.run_id);
        rank(&record.chain, contenders.filter(votes))
    }

    pub(super) fn set_verdict(
        &mut self,
        to: Verdict,
        failure: Option<Failure>,
        tally: Option<Tally>,
    ) {
        // A lost primary that is merely suspected again is no better than before.
        let still = self.primary_lost && to == Verdict::PrimarySuspected;
        // What one monitor sees is a suspicion until enough of them agree.
        let agreed = self.primary_lost || self.objection().is_none();
        self.primary_lost = (to.means_lost() && agreed) || still;
        let from = mem::replace(&mut self.verdict, to);
        if from != to {
            let primary = self.record().map(|record| record.primary.address.clone());
            let kind = Kind::VerdictChanged {
                primary,
                from,
                to,
                failure,
                tally,
            };
            self.out.tell(self.now, kind);
        }
    }

    fn see_rivals(&mut self) {
        let mut names: Vec<String> = Vec::new();
        for (deciders, _) in self.view.nodes().filter_map(|node| node.deciders.as_ref()) {
            for name in &deciders.rivals {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names.sort_unstable();
        let before = mem::replace(&mut self.rivals, names.clone());
        match (before.is_empty(), names.is_empty()) {
            (true, false) if !self.policy.observe => {
                self.abandon_duties();
                self.out.tell(self.now, Kind::RivalControllers { names });
            }
            (false, true) if !self.policy.observe => {
                self.told_would_act = None;
                self.out.tell(self.now, Kind::RivalControllersGone);
                // What was only assumed while observing is not what is stored.
                if self.plan.is_none() {
                    self.read_record();
                }
            }
            _ => {}
        }
    }

    fn set_pace(&mut self) {
        let uneasy = self.verdict.calls_for() != Response::LeaveAlone;
        let busy = self.plan.is_some() || !self.duties.is_empty();
        let uneasy = uneasy || busy || self.now < self.brisk_until;
        let pace = if uneasy { Pace::Suspicion } else { Pace::Calm };
        if pace != self.pace {
            self.pace = pace;
            self.out.order(Epoch(0), Deed::Pace(pace));
        }
    }

    /// Looks more often for a moment.
    pub(super) fn look_closer(&mut self, until: Instant) {
        self.brisk_until = self.brisk_until.max(until);
    }
}

fn contender(node: &Node, record: &Record) -> Option<Contender> {
    let seen = node.replication()?;
    Some(Contender {
        node: node.id,
        run_id: node.run_id()?,
        position: Position::from(seen),
        priority: record.priority(node.run_id()?, seen),
        // A seal in time ends a full synchronisation, and what the replica held is kept.
        incomplete: seen.loading,
        recorded: recorded(node, record),
    })
}

fn recorded(node: &Node, record: &Record) -> Recorded {
    if node.run_id().is_some_and(|run_id| record.knows(run_id)) {
        return Recorded::SameProcess;
    }
    let at = |address: &Address| record.member_at(address).map(|member| member.offset);
    match at(&node.address).filter(|_| record.includes(node)) {
        Some(offset) => Recorded::OtherProcess(offset),
        None => Recorded::Unknown,
    }
}

/// A promotion that was announced may have been carried out; anything before it has changed nobody.
const fn may_be_abandoned(record: &Record) -> bool {
    matches!(record.phase, Phase::Claimed { .. } | Phase::Committed)
}
