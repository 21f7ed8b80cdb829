//! The promises, one file each, and when each of them is checked.
//!
//! A file says its promise in its first lines. What the core believes is never taken as truth here:
//! the truth is what the simulated nodes really hold.

mod a1_longest;
mod a2_one_primary;
mod a3_announced;
mod a5_loss;
mod a6_abort;
mod drained;
pub(crate) mod full_sync;
mod i10_status;
mod i11_order;
mod i12_no_false_alarm;
pub(crate) mod i13_liveness;
mod i14_bounds;
mod i1_acknowledged;
mod i2_epochs;
mod i3_released;
mod i4_voters;
mod i5_fenced;
mod i6_one_open;
mod i7_lineage;
pub(crate) mod i8_source;
mod i9_outcomes;
pub(crate) mod prefix;
mod strict_rest;
mod truth;

use std::fmt;

use rcm_core::action::{Action, Deed};
use rcm_core::event::{Event, Kind};
use rcm_core::record::Record;
use rcm_core::time::Instant;

pub(crate) use truth::Truth;

use crate::strict::WriteId;
use crate::wire::{ConnId, Script};
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
        self.demand(i2_epochs::check(self.store.record.as_ref(), record));
        self.demand(i7_lineage::check(self.store.record.as_ref(), record));
        self.truth.record_stored(record);
        self.demand(i1_acknowledged::check(self, record));
    }

    /// A client believes that its write will not be lost.
    pub(crate) fn check_acknowledged(&mut self, write: WriteId) {
        let finding =
            i3_released::check(self, write).and_then(|()| i1_acknowledged::check_stored(self));
        self.demand(finding);
    }

    /// A node is about to obey a command that came on this connection.
    pub(crate) fn check_obeyed(&mut self, node: usize, conn: ConnId, script: &Script) {
        let epoch = self.conns.get(&conn).and_then(|conn| conn.acts);
        let Some(epoch) = epoch.filter(|_| self.is_strict()) else {
            return;
        };
        let mut finding = i5_fenced::check(self, node, epoch, script);
        if let Script::SetGates(gates) = script {
            finding = finding.and_then(|()| i6_one_open::check(self, node, epoch, *gates));
        }
        self.demand(finding);
    }

    /// The engine has taken something in.
    pub(crate) fn check_published(&mut self) {
        let finding = i10_status::check(self);
        self.demand(finding);
    }

    pub(crate) fn check_bounds(&mut self, told_and_ordered: (usize, usize), due: Instant) {
        let finding = i14_bounds::check(self, told_and_ordered, due);
        self.demand(finding);
    }

    /// The engine told an event.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most events promise nothing"
    )]
    pub(crate) fn check_told(&mut self, event: &Event) {
        let finding = match &event.kind {
            Kind::FailoverStarted { cause, .. } => {
                self.truth.failover_started(*cause);
                self.coverage.count("failovers");
                i12_no_false_alarm::check(self, *cause)
            }
            Kind::FailoverResumed { .. } => {
                self.truth.looked_for_announced = true;
                Ok(())
            }
            Kind::CandidateChosen { node, .. } => a3_announced::check_resumed(self)
                .and_then(|()| a1_longest::check(self, node, event.rule)),
            Kind::PrimarySwitched { epoch, .. } => {
                self.coverage.count("switches");
                i10_status::check_switched(self, *epoch).and_then(|()| a5_loss::check_known(self))
            }
            Kind::LossFinal {
                exact_bytes: Some(bytes),
            } => {
                self.coverage.count("exact losses");
                a5_loss::check_exact(self, *bytes)
            }
            Kind::FailoverAborted { primary } => {
                self.coverage.count("aborts");
                a6_abort::check(self, primary)
            }
            _ => Ok(()),
        };
        self.demand(finding);
    }

    /// The engine ordered an action.
    pub(crate) fn check_ordered(&mut self, action: &Action, node: Option<usize>) {
        let finding = match (&action.deed, node) {
            (Deed::Write { record, .. }, _) => {
                self.truth.write_ordered(record, self.now);
                Ok(())
            }
            (Deed::Promote { .. }, Some(node)) => {
                a3_announced::check(self, node).and_then(|()| i4_voters::check(self))
            }
            (Deed::Seal { .. }, Some(node)) => drained::check(self, node),
            _ => Ok(()),
        };
        self.demand(finding);
    }

    /// Whether the group is as it should be.
    pub(crate) fn settled(&self) -> Finding {
        i13_liveness::check(self)?;
        a2_one_primary::check(self)?;
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
