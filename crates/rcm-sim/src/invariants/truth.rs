//! What the checks remember of a run.

use std::collections::{BTreeMap, BTreeSet};

use rcm_core::action::{Done, Outcome};
use rcm_core::engine::Input;
use rcm_core::id::{Address, Epoch, ReplicationId, RunId};
use rcm_core::record::{Phase, Record};
use rcm_core::verdict::Verdict;

use crate::history::History;
use crate::node::Process;
use crate::trace::Time;
use crate::world::World;

/// What the checks remember.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// What processes held when they left office.
    pub(super) left: BTreeMap<Process, History>,
    /// The process that was committed last, and what it held when its predecessor's time ended.
    pub(super) office: Option<RunId>,
    /// Who answered to a seal since the last claim.
    pub(super) sealed: BTreeSet<RunId>,
    pub(super) claimed: Option<(Epoch, Time)>,
    pub(super) cause: Option<Verdict>,
    /// What is stored now was written by a monitor that is gone, after the next one had started.
    pub(crate) stray_write: bool,
    /// The claim found a promotion that had been announced before.
    pub(super) announced_before: bool,
    pub(super) looked_for_announced: bool,
    pub(super) published: BTreeMap<Epoch, Address>,
    pub(super) switched: BTreeSet<Epoch>,
    /// Who was committed, with which stream.
    pub(super) committed: BTreeMap<Epoch, (RunId, ReplicationId)>,
    /// The newest epoch for which a process was sealed.
    pub(super) sealed_for: BTreeMap<Process, Epoch>,
    pub(super) same_moment: (Time, u32),
}

impl Truth {
    pub(super) fn record_stored(&mut self, record: &Record) {
        if matches!(record.phase, Phase::Committed) && record.primary.run_id.is_some() {
            self.office = record.primary.run_id;
        }
        if let (true, Some(run_id)) = (record.is_committed(), record.primary.run_id) {
            let committed = (run_id, record.chain.head());
            self.committed.insert(record.epoch, committed);
        }
    }

    pub(super) fn failover_started(&mut self, cause: Verdict) {
        self.cause = Some(cause);
        self.sealed.clear();
    }

    pub(super) fn write_ordered(&mut self, record: &Record, now: Time) {
        let newer = self.claimed.is_none_or(|(epoch, _)| record.epoch > epoch);
        if newer && !matches!(record.phase, Phase::Committed) {
            self.claimed = Some((record.epoch, now));
            self.sealed.clear();
            self.announced_before = matches!(record.phase, Phase::Promoting { .. });
            self.looked_for_announced = false;
        }
    }

    pub(crate) fn forget_plan(&mut self) {
        self.sealed.clear();
        self.claimed = None;
        self.cause = None;
    }

    pub(crate) fn before_input(&mut self, input: &Input) {
        if let Input::Outcome {
            outcome: Outcome::Done(Done::Sealed(report)),
            ..
        } = input
        {
            self.sealed.insert(report.run_id);
        }
    }
}

impl World {
    /// A primary stops being one: what it holds now is what it had in office.
    pub(crate) fn leave_office(&mut self, node: usize) {
        let server = &self.servers[node];
        if server.is_primary() && server.up {
            self.truth
                .left
                .insert(server.process, server.history.clone());
        }
    }

    /// The node whose process this is, if it lives.
    pub(super) fn living(&self, run_id: RunId) -> Option<usize> {
        self.servers
            .iter()
            .position(|server| server.up && server.run_id() == run_id)
    }

    /// What a process holds as a primary, or held when it left that office.
    pub(super) fn held_in_office(&self, run_id: RunId) -> Option<&History> {
        let serving = self
            .servers
            .iter()
            .find(|server| server.up && server.run_id() == run_id && server.is_primary());
        serving.map(|server| &server.history).or_else(|| {
            let left = self.truth.left.iter();
            left.into_iter()
                .find(|(process, _)| RunId::from_number(**process) == run_id)
                .map(|(_, history)| history)
        })
    }

    /// The committed history, as long as it ever was.
    pub(super) fn committed_history(&self) -> Option<&History> {
        self.truth
            .office
            .and_then(|run_id| self.held_in_office(run_id))
    }
}
