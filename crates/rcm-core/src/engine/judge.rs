//! How the recorded primary is, and what that calls for.
//!
//! The diagnosis is that of [`verdict`](crate::verdict); here it meets the record, the mode of the
//! group and what other monitors say.

use core::mem;

use super::Engine;
use super::adopt::has_common_ground;
use crate::event::{Halt, Kind};
use crate::id::{NodeId, RunId};
use crate::mutant::Mutant;
use crate::observation::Failure;
use crate::policy::Policy;
use crate::record::{Phase, Record};
use crate::verdict::{Judgement, Response, Subject, Tally, Verdict, diagnose};
use crate::view::Node;

impl Engine {
    /// A record exists and nothing is under way: how is its primary?
    pub(super) fn judge(&mut self) {
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
            is_doubted: self.doubts_own_eyes(),
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
    pub(super) fn run_id_in_office(&self, node: &Node) -> Option<RunId> {
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
        if failure.is_none() {
            self.eyes.doubted = None;
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
        self.respond(primary, verdict);
    }

    fn respond(&mut self, primary: NodeId, verdict: Verdict) {
        if verdict == Verdict::Healthy {
            self.settle_office(primary);
        } else if self.is_strict()
            && matches!(verdict, Verdict::PrimaryRestarted | Verdict::ForeignLineage)
        {
            // Whatever it holds, it has no vote.
            self.replace(primary, verdict);
        } else if verdict == Verdict::PrimaryRestarted {
            self.replace_or_keep(primary);
        } else if verdict == Verdict::PrimaryClaimsReplica {
            self.replace_demoted(primary);
        } else if verdict == Verdict::NoCandidate {
            self.hope(primary);
        } else {
            if !self.merely_stutters(primary, verdict) {
                self.dispute = None;
            }
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
}

/// A promotion that was announced may have been carried out; anything before it has changed nobody.
const fn may_be_abandoned(record: &Record) -> bool {
    matches!(record.phase, Phase::Claimed { .. } | Phase::Committed)
}
