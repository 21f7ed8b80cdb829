//! What the checks remember of a run.

use std::collections::{BTreeMap, BTreeSet};

use rcm_core::action::{Done, Failed, Outcome};
use rcm_core::engine::Input;
use rcm_core::id::{ActionId, Address, Epoch, Offset, ReplicationId, RunId};
use rcm_core::lineage::{Chain, Position};
use rcm_core::record::{Phase, Record};
use rcm_core::verdict::Verdict;

use crate::history::History;
use crate::monitor::{Incarnation, Who};
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
    /// The process that was in office before.
    pub(super) office_before: Option<RunId>,
    /// Whose promotion was ever announced, by epoch.
    pub(super) announced: BTreeSet<(Epoch, Address)>,
    /// Who was ever committed, by epoch, and which stream.
    pub(super) committed: BTreeMap<Epoch, (Address, ReplicationId)>,
    /// The same, by process.
    pub(super) led: BTreeMap<Epoch, (RunId, ReplicationId)>,
    /// The streams that the agreed lineage can be traced through: what was committed since it last
    /// began anew.
    streams: BTreeSet<ReplicationId>,
    pub(super) switched: BTreeSet<Epoch>,
    /// The highest epoch that has ruled a process, by a fence or a seal.
    pub(super) ruled: BTreeMap<Process, Epoch>,
    /// When something began to go wrong last, or ended to.
    pub(crate) disturbed_at: Time,
    /// What an engine does now somebody has asked for.
    pub(crate) on_request: bool,
    /// Since when a start of a monitor has known what a process is, by a look at it.
    pub(crate) looked_at: BTreeMap<(Incarnation, Process), Time>,
    /// When a start of a monitor sent an action.
    pub(crate) sent: BTreeMap<(Incarnation, ActionId), Time>,
    own: BTreeMap<Who, Own>,
}

/// What the checks remember of one monitor.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// The seals that were ordered since the last claim. An older one says nothing: somebody else may
    /// have ruled in between, and opened or attached that node.
    seals: BTreeMap<ActionId, RunId>,
    /// Who answered to one of them.
    pub(super) sealed: BTreeSet<RunId>,
    pub(super) claimed: Option<(Epoch, Time)>,
    /// Who refused one of them: it loads.
    pub(super) refused: BTreeSet<RunId>,
    /// Who was heard when that was claimed, and still when it was taken in hand.
    pub(super) expected: BTreeSet<RunId>,
    /// A restarted primary is about to stay, and somebody who is never promoted holds more.
    pub(super) outranked_by: Option<usize>,
    pub(super) cause: Option<Verdict>,
    /// The claim found a promotion that had been announced before.
    pub(super) announced_before: bool,
    pub(super) looked_for_announced: bool,
    /// The choice is that of a switchover.
    pub(super) hands_over: bool,
    /// Whom it has promoted and not committed yet.
    pub(super) promoted: Option<(usize, Process)>,
    /// Whom it has promoted, and somebody else was committed.
    pub(super) orphan: Option<usize>,
    /// The newest epoch that it has published, through all its processes.
    pub(super) newest: Epoch,
    pub(super) same_moment: (Time, u32),
    /// When it began failovers on silence or a hang.
    pub(super) on_silence: Vec<Time>,
}

impl Own {
    fn forget_seals(&mut self) {
        self.seals.clear();
        self.sealed.clear();
        self.refused.clear();
    }
}

impl Truth {
    pub(super) fn of(&mut self, who: Who) -> &mut Own {
        self.own.entry(who).or_default()
    }

    pub(super) fn record_stored(&mut self, record: &Record) {
        match &record.phase {
            Phase::Promoting { intent, .. } => {
                self.announced
                    .insert((record.epoch, intent.address.clone()));
            }
            Phase::Committed => {
                self.trace(&record.chain);
                let committed = (record.primary.address.clone(), record.chain.head());
                self.committed.insert(record.epoch, committed);
                if let Some(run_id) = record.primary.run_id {
                    self.led.insert(record.epoch, (run_id, record.chain.head()));
                    if self.office != record.primary.run_id {
                        self.office_before = self.office;
                    }
                    self.office = record.primary.run_id;
                }
            }
            Phase::Claimed { .. } => {}
        }
    }

    /// A lineage is committed: it goes on, or begins anew.
    fn trace(&mut self, chain: &Chain) {
        let before = self.committed.values().next_back().map(|(_, head)| *head);
        let goes_on = before.is_some_and(|head| {
            let everything = Position {
                id: head,
                previous: None,
                offset: Offset(u64::MAX),
            };
            chain.common_prefix(&everything).is_some()
        });
        if !goes_on {
            self.streams.clear();
        }
        self.streams.insert(chain.head());
    }

    /// Whether a server says enough for the core to tell how much of the history it holds.
    pub(crate) fn can_be_traced(&self, position: &Position) -> bool {
        let previous = position.previous.map(|(id, _)| id);
        let mut named = [Some(position.id), previous].into_iter().flatten();
        named.any(|id| self.streams.contains(&id))
    }

    /// Who was committed last, up to this epoch.
    pub(crate) fn in_office(&self, epoch: Epoch) -> Option<&Address> {
        let (_, (address, _)) = self.committed.range(..=epoch).next_back()?;
        Some(address)
    }

    pub(super) fn switchover_started(&mut self, who: Who) {
        let own = self.of(who);
        own.cause = None;
        own.claimed = None;
        own.forget_seals();
    }

    pub(super) fn failover_started(&mut self, who: Who, cause: Verdict) {
        let own = self.of(who);
        own.cause = Some(cause);
        own.claimed = None;
        own.forget_seals();
    }

    pub(super) fn write_ordered(
        &mut self,
        who: Who,
        record: &Record,
        heard: BTreeSet<RunId>,
        now: Time,
    ) {
        let own = self.of(who);
        let newer = own.claimed.is_none_or(|(epoch, _)| record.epoch > epoch);
        if newer && !matches!(record.phase, Phase::Committed) {
            own.claimed = Some((record.epoch, now));
            own.expected = heard;
            own.forget_seals();
            own.announced_before = matches!(record.phase, Phase::Promoting { .. });
            own.looked_for_announced = false;
            own.promoted = None;
        }
    }

    pub(crate) fn forget_plan(&mut self, who: Who) {
        let own = self.of(who);
        let (newest, same_moment) = (own.newest, own.same_moment);
        *own = Own {
            newest,
            same_moment,
            ..Own::default()
        };
    }

    pub(crate) fn before_input(&mut self, who: Who, input: &Input) {
        let own = self.of(who);
        let Input::Outcome { id, outcome } = input else {
            return;
        };
        let Some(sealed) = own.seals.get(id) else {
            return;
        };
        match outcome {
            Outcome::Done(Done::Sealed(report)) => _ = own.sealed.insert(report.run_id),
            Outcome::Failed(Failed::Refused(_)) => _ = own.refused.insert(*sealed),
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {}
        }
    }

    pub(super) fn taken_in_hand(&mut self, who: Who, heard: &BTreeSet<RunId>) {
        let own = self.of(who);
        if own.seals.is_empty() {
            own.expected.retain(|run_id| heard.contains(run_id));
        }
    }

    pub(super) fn seal_ordered(&mut self, who: Who, id: ActionId, node: RunId) {
        self.of(who).seals.insert(id, node);
    }
}

impl World {
    /// The primary that was published last by anybody, the nemesis's favourite.
    pub(crate) fn last_published(&self) -> Option<usize> {
        let newest = self.truth.own.values().map(|own| own.newest).max()?;
        self.at(self.truth.in_office(newest)?)
    }

    /// Whether the plan of this monitor is the one that the record tells of.
    pub(super) fn rules(&mut self, who: Who) -> bool {
        let claimed = self.truth.of(who).claimed.map(|(epoch, _)| epoch);
        let stored = self.store.record.as_ref().map(|record| record.epoch);
        claimed.is_some() && claimed == stored
    }

    /// A primary stops being one: what it holds now is what it had in office.
    pub(crate) fn leave_office(&mut self, node: usize) {
        let server = &self.servers[node];
        if server.is_primary() && server.up {
            self.truth
                .left
                .insert(server.process, server.history.clone());
        }
    }

    /// The processes that a monitor hears.
    pub(super) fn heard_by(&self, who: Who) -> BTreeSet<RunId> {
        let engine = self.monitors[who].engine.as_ref();
        let nodes = engine.iter().flat_map(|engine| &engine.status().nodes);
        let heard = nodes.filter(|node| node.failure.is_none());
        heard.filter_map(|node| node.run_id).collect()
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
