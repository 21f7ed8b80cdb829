//! The promises, one file each, and when each of them is checked.
//!
//! A file says its promise in its first lines. What the core believes is never taken as truth here:
//! the truth is what the simulated nodes really hold.

mod a10_flapping;
mod a1_longest;
mod a2_one_primary;
mod a3_announced;
mod a5_loss;
mod a6_abort;
mod a8_restarted;
mod a9_roles;
mod drained;
pub(crate) mod full_sync;
mod i10_status;
mod i11_order;
mod i12_no_false_alarm;
pub(crate) mod i13_liveness;
mod i14_bounds;
mod i16_eyes;
mod i17_strangers;
mod i18_way_clear;
mod i19_membership;
mod i1_acknowledged;
mod i2_epochs;
mod i3_released;
mod i4_voters;
mod i5_fenced;
mod i6_one_open;
mod i7_edge;
mod i7_lineage;
pub(crate) mod i8_source;
mod i9_outcomes;
mod lease;
mod lossless;
pub(crate) mod prefix;
mod strict_rest;
mod truth;

use std::fmt;

use rcm_core::action::{Action, Deed};
use rcm_core::event::{Adoption, Event, Kind};
use rcm_core::id::{Epoch, RunId};
use rcm_core::record::{Phase, Record};
use rcm_core::rule::{Rule, Stage};
use rcm_core::time::Instant;

pub(crate) use truth::Truth;

use crate::monitor::Who;
use crate::strict::WriteId;
use crate::wire::Script;
use crate::world::World;

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which.
    pub invariant: &'static str,
    /// What happened instead.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// What a check comes to.
pub(crate) type Finding = Result<(), Broken>;

pub(crate) fn broken(invariant: &'static str, what: String) -> Finding {
    Err(Broken { invariant, what })
}

impl World {
    /// A record is about to be stored.
    pub(crate) fn check_stored(&mut self, record: &Record) {
        self.demand(i2_epochs::check(self, record).and_then(|()| i7_edge::check(self, record)));
        self.demand(i7_lineage::check(self.store.record.as_ref(), record));
        self.demand(i17_strangers::check_record(self, record));
        self.truth.record_stored(record);
        self.demand(i1_acknowledged::check(self, record));
    }

    /// A client believes that its write will not be lost.
    pub(crate) fn check_acknowledged(&mut self, write: WriteId) {
        let finding =
            i3_released::check(self, write).and_then(|()| i1_acknowledged::check_stored(self));
        self.demand(finding);
    }

    /// A node executes a command.
    pub(crate) fn check_executed(&mut self, node: usize, epoch: Epoch, script: &Script) {
        let mut finding = i5_fenced::check(self, node, epoch, script)
            .and_then(|()| i17_strangers::check(self, node, script));
        if let Script::SetGates(gates) = script {
            finding = finding.and_then(|()| i6_one_open::check(self, node, epoch, *gates));
        }
        self.demand(finding);
    }

    /// The engine has taken something in.
    pub(crate) fn check_published(&mut self, who: Who) {
        let finding = i10_status::check(self, who);
        self.demand(finding);
    }

    pub(crate) fn check_bounds(
        &mut self,
        who: Who,
        told_and_ordered: (usize, usize),
        due: Instant,
    ) {
        let finding = i14_bounds::check(self, who, told_and_ordered, due);
        self.demand(finding);
    }

    /// The engine told an event.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most events promise nothing"
    )]
    pub(crate) fn check_told(&mut self, who: Who, event: &Event) {
        let finding = match &event.kind {
            Kind::FailoverStarted { cause, epoch, .. } => {
                self.truth.failover_started(who, *cause);
                self.coverage.count("failovers");
                i12_no_false_alarm::check(self, *cause)
                    .and_then(|()| i16_eyes::check(self, who, *cause, *epoch))
                    .and_then(|()| a10_flapping::check(self, who, *cause))
            }
            Kind::FailoverResumed { .. } => {
                self.truth.of(who).looked_for_announced = true;
                Ok(())
            }
            Kind::CandidateChosen { node, .. } => {
                self.truth.of(who).hands_over = event.rule == Some(Rule::S140);
                a3_announced::check_resumed(self, who)
                    .and_then(|()| a1_longest::check(self, who, node, event.rule))
            }
            Kind::PrimaryAdopted {
                how: Adoption::Restarted,
                ..
            } => a8_restarted::check_told(self, who),
            Kind::SwitchoverStarted { .. } => {
                self.truth.switchover_started(who);
                self.coverage.count("switchovers");
                Ok(())
            }
            Kind::PrimarySwitched { epoch, planned, .. } => {
                self.coverage.count("switches");
                let lossless = if *planned {
                    self.coverage.count("planned switches");
                    lossless::check(self)
                } else {
                    Ok(())
                };
                lossless
                    .and_then(|()| i10_status::check_switched(self, *epoch))
                    .and_then(|()| a5_loss::check_known(self))
            }
            Kind::LossFinal {
                exact_bytes: Some(bytes),
            } => {
                self.coverage.count("exact losses");
                a5_loss::check_exact(self, who, *bytes)
            }
            Kind::FailoverAborted { primary } | Kind::SwitchoverAborted { primary, .. } => {
                self.coverage.count("aborts");
                let rules = self.rules(who);
                a6_abort::check(self, primary)
                    .or_else(|broken| if rules { Err(broken) } else { Ok(()) })
            }
            Kind::Superseded { .. } => {
                self.note_orphan(who);
                Ok(())
            }
            _ => Ok(()),
        };
        self.demand(finding);
    }

    /// A plan gives way to a newer record. The node that it was about to commit is an orphan when
    /// that record names somebody else.
    fn note_orphan(&mut self, who: Who) {
        let had_promoted = matches!(self.stage_before, Stage::Promoting | Stage::Committing);
        let promoted = self.truth.of(who).promoted.filter(|_| had_promoted);
        let (Some((node, process)), Some(record)) = (promoted, &self.store.record) else {
            return;
        };
        let run_id = RunId::from_number(process);
        let is_named = match &record.phase {
            Phase::Promoting { intent, .. } => intent.run_id == run_id,
            Phase::Claimed { .. } | Phase::Committed => record.primary.run_id == Some(run_id),
        };
        if !is_named {
            self.coverage.count("orphans");
            self.truth.of(who).orphan = Some(node);
        }
    }

    /// Everything that an input called for has been ordered.
    pub(crate) fn check_obeyed(&mut self, who: Who) {
        let finding = lease::check_obeyed(self, who);
        self.demand(finding);
    }

    /// The engine ordered an action.
    pub(crate) fn check_ordered(&mut self, who: Who, action: &Action, node: Option<usize>) {
        let finding = match (&action.deed, node) {
            (Deed::Write { record, .. }, _) => {
                let heard = self.heard_by(who);
                self.truth.write_ordered(who, record, heard, self.now);
                a8_restarted::check(self, who, record)
            }
            (Deed::Open { .. } | Deed::Read, _) => {
                let heard = self.heard_by(who);
                self.truth.taken_in_hand(who, &heard);
                Ok(())
            }
            (Deed::Promote { .. }, Some(node)) => {
                let process = self.servers[node].process;
                self.truth.of(who).promoted = Some((node, process));
                a3_announced::check(self, node, action.epoch)
                    .and_then(|()| i4_voters::check(self, who, action.epoch))
            }
            (Deed::Seal { .. }, Some(node)) => {
                let sealed = self.servers[node].run_id();
                self.truth.seal_ordered(who, action.id, sealed);
                self.truth.of(who).orphan.take_if(|orphan| *orphan == node);
                drained::check(self, who, node)
                    .and_then(|()| i12_no_false_alarm::check_handover(self, node))
            }
            _ => Ok(()),
        };
        self.demand(finding.and_then(|()| lease::check(self, who, &action.deed)));
    }

    /// Everything is about to work again.
    pub(crate) fn check_before_healing(&mut self) {
        let finding = i18_way_clear::check(self);
        self.demand(finding);
    }

    /// Whether the group is as it should be.
    pub(crate) fn settled(&self) -> Finding {
        i13_liveness::check(self)?;
        a2_one_primary::check(self)?;
        i10_status::check_at_rest(self)?;
        a9_roles::check_at_rest(self)?;
        i19_membership::check_at_rest(self)?;
        strict_rest::check(self)
    }

    /// The run is over.
    pub(crate) fn finish(&mut self) {
        let finding = a5_loss::check_known(self)
            .and_then(|()| i1_acknowledged::check_stored(self))
            .and_then(|()| i9_outcomes::check(self))
            .and_then(|()| i11_order::check(self));
        self.demand(finding);
    }
}
