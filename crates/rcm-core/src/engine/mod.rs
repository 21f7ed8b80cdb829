//! One group's engine: inputs in, actions and events out.
//!
//! The contract: call [`Engine::handle`] with one input; then drain [`Engine::poll_action`] and
//! [`Engine::poll_event`] until they give `None`; then wait until [`Engine::next_deadline`] or the
//! next input, whichever comes first. `handle` never fails and never blocks.
//!
//! Decided here is only the order of things: what comes before what. Diagnosing is in
//! [`verdict`](crate::verdict), choosing in [`candidate`](crate::candidate), doing in
//! [`plan`](crate::plan).

mod absorb;
mod adopt;
mod belonging;
mod decide;
mod dispute;
mod duties;
mod eyes;
mod hold_off;
mod input;
mod judge;
mod leading;
mod outcome;
mod publish;
mod replace;
mod request;
mod resign;
mod restart;
mod settings;
mod stalled;
mod strict;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use self::dispute::Dispute;
use self::eyes::Eyes;
use self::hold_off::HoldOff;
use self::strict::Yardstick;
use crate::action::{Action, Outcome, Pace};
use crate::event::{Adoption, Event, Halt};
use crate::id::{ActionId, Epoch, GroupName, MonitorId, NodeId, Revision};
use crate::lease::Lease;
use crate::mutant::Defect;
use crate::plan::{Duty, Failover, Outbox, Stored, World, Writing};
use crate::policy::{Nodes, Policy};
use crate::record::Record;
use crate::rng::Rng;
use crate::rule::Rule;
use crate::status::Status;
use crate::time::Instant;
use crate::verdict::{Verdict, Warning};
use crate::view::View;

pub use input::Input;

/// Who the engine works for.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The group.
    pub group: GroupName,
    /// The monitor.
    pub monitor: MonitorId,
}

/// The engine of one group.
#[derive(Debug)]
pub struct Engine {
    me: Identity,
    policy: Policy,
    nodes: Nodes,
    rng: Rng,
    now: Instant,
    started: Instant,
    view: View,
    lease: Lease,
    store: Store,
    plan: Option<Plan>,
    duties: BTreeMap<NodeId, Duty>,
    /// Looks that began before this show a node as it was before the last work on it.
    settled: BTreeMap<NodeId, Instant>,
    /// When this process was late last: what was seen before may not be so any more.
    woke_at: Option<Instant>,
    retry_at: BTreeMap<NodeId, Instant>,
    /// How often in a row a node could not be brought back.
    failures: BTreeMap<NodeId, u32>,
    told_failed: BTreeSet<NodeId>,
    unpersisted: BTreeSet<NodeId>,
    not_persistent: BTreeSet<NodeId>,
    /// What nodes without a vote have to reach.
    yardsticks: BTreeMap<NodeId, Yardstick>,
    out: Outbox,
    verdict: Verdict,
    /// The primary in office was lost and has not been seen well since.
    primary_lost: bool,
    ripens_at: Option<Instant>,
    /// The primary answers, and is not what it should be.
    dispute: Option<Dispute>,
    warnings: Vec<Warning>,
    rivals: Vec<String>,
    told_would_act: Option<Verdict>,
    /// The epoch of the last switchover that went as planned.
    handed_over: Option<Epoch>,
    hold_off: HoldOff,
    /// A new primary is in office, and not everybody follows it yet.
    restoring: Option<Since>,
    /// Who was in office before, as long as this engine has seen the change.
    stepped_down: Option<NodeId>,
    /// Who was demoted by somebody else, and still has the clients of a primary.
    crowded: Option<NodeId>,
    pace: Pace,
    brisk_until: Instant,
    halted: Option<Halt>,
    /// The record and the nodes were seen to belong together.
    grounded: bool,
    store_failed: bool,
    /// The newest revision that the store has told of since the record was read.
    heard: Revision,
    /// When the primary in office was learned from a record that another monitor wrote. Looks that
    /// began before do not show it in office.
    learned_at: Option<Instant>,
    /// Facts that change nobody's role are not written down before.
    note_after: Instant,
    /// What the monitors see.
    eyes: Eyes,
    status: Status,
    defect: Defect,
}

/// What is known of the stored record. While it is read again the last one stays in force for the
/// doors, and nothing is done.
#[derive(Debug, Default)]
struct Store {
    stored: Option<Stored>,
    reading: Reading,
}

#[derive(Debug, Default)]
enum Reading {
    /// It has not been read yet.
    #[default]
    Unread,
    /// It is being read.
    Pending(ActionId),
    /// The last attempt to read it failed.
    Failed { again: Instant },
    /// What is known is what is stored.
    Current,
}

/// What is under way; at most one of these at a time.
#[derive(Debug)]
enum Plan {
    Failover(Box<Failover>),
    Adoption {
        writing: Writing,
        rule: Rule,
        how: Adoption,
    },
    /// Facts that change nobody's role.
    Note(Writing),
    /// These nodes get their votes (strict mode).
    Qualifying {
        writing: Writing,
        nodes: Vec<NodeId>,
    },
}

/// When a change of the primary began.
#[derive(Clone, Copy, Debug)]
struct Since {
    at: Instant,
    planned: bool,
}

/// The engine wants to see the time at least this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl Engine {
    /// An engine that watches `nodes`. `seed` spreads its retries.
    pub fn new(me: Identity, nodes: &Nodes, policy: Policy, seed: u64, now: Instant) -> Self {
        let mut engine = Self {
            status: Status::unknown(me.group.clone()),
            me,
            policy,
            nodes: nodes.clone(),
            rng: Rng::new(seed),
            now,
            started: now,
            view: View::default(),
            lease: Lease::NotHeld,
            store: Store::default(),
            plan: None,
            duties: BTreeMap::new(),
            settled: BTreeMap::new(),
            woke_at: None,
            retry_at: BTreeMap::new(),
            failures: BTreeMap::new(),
            told_failed: BTreeSet::new(),
            unpersisted: BTreeSet::new(),
            not_persistent: BTreeSet::new(),
            yardsticks: BTreeMap::new(),
            out: Outbox::default(),
            verdict: Verdict::ColdStart,
            primary_lost: false,
            ripens_at: None,
            dispute: None,
            warnings: Vec::new(),
            rivals: Vec::new(),
            told_would_act: None,
            handed_over: None,
            hold_off: HoldOff::default(),
            restoring: None,
            stepped_down: None,
            crowded: None,
            pace: Pace::Calm,
            brisk_until: now,
            halted: None,
            grounded: false,
            store_failed: false,
            heard: Revision::default(),
            learned_at: None,
            note_after: now,
            eyes: Eyes::default(),
            defect: Defect::default(),
        };
        for address in nodes.addresses() {
            engine.watch(address.clone(), true);
        }
        engine.read_record();
        engine.publish();
        engine
    }

    /// The same engine without one of its rules, to see whether a simulation notices.
    #[cfg(feature = "mutants")]
    #[must_use]
    pub const fn with_mutant(mut self, mutant: Option<crate::mutant::Mutant>) -> Self {
        self.defect = Defect::of(mutant);
        self
    }

    /// Takes one input in. `now` must not go backwards.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => {}
            Input::Observation(observation) => self.absorb(observation),
            Input::Outcome { id, outcome } => {
                if let Some(node) = self.out.settle(id, &outcome) {
                    self.learn(node, &outcome);
                    self.route(id, outcome);
                }
            }
            Input::Lease(lease) => self.take_lease(lease),
            Input::Stored { revision } => self.hear(revision),
            Input::Store { trouble } => self.see_store(trouble),
            Input::Monitors(peers) => self.meet_monitors(peers),
            Input::Settings { version, settings } => self.take_settings(version, *settings),
            Input::Late { by } => self.was_late(by),
        }
        while let Some(id) = self.out.overdue(self.now) {
            self.route(id, Outcome::Unknown);
        }
        self.decide();
        self.publish();
    }

    /// The next action to be executed.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.pop_action()
    }

    /// The next event to be told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.pop_event()
    }

    /// When [`Input::Tick`] is due, if nothing else comes before.
    pub fn next_deadline(&self) -> Instant {
        if self.halted.is_some() {
            return self.now + HEARTBEAT;
        }
        let plan = match &self.plan {
            Some(Plan::Failover(failover)) => failover.next_deadline(self.world()),
            Some(
                Plan::Adoption { writing, .. }
                | Plan::Note(writing)
                | Plan::Qualifying { writing, .. },
            ) => writing.next_deadline(),
            None => None,
        };
        let reading = match self.store.reading {
            Reading::Failed { again } => Some(again),
            Reading::Unread | Reading::Pending(_) | Reading::Current => None,
        };
        let retry = self
            .retry_at
            .values()
            .copied()
            .filter(|&at| at > self.now)
            .min();
        let due = [
            self.out.next_deadline(),
            // While the record is read again a plan waits for that.
            plan.filter(|&at| at > self.now),
            reading,
            retry,
            self.eyes_deadline(),
            // What is ripe already waits for something else to happen.
            self.ripens_at.filter(|&at| at > self.now),
        ];
        let heartbeat = self.now + HEARTBEAT;
        due.into_iter().flatten().fold(heartbeat, Instant::min)
    }

    /// The published snapshot.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    const fn world(&self) -> World<'_> {
        World {
            now: self.now,
            view: &self.view,
            policy: &self.policy,
            nodes: &self.nodes,
            me: &self.me.monitor,
            defect: self.defect,
        }
    }

    /// What plans read and what they write, apart.
    const fn split(&mut self) -> (World<'_>, &mut Outbox) {
        let me = &self.me.monitor;
        (
            World {
                now: self.now,
                view: &self.view,
                policy: &self.policy,
                nodes: &self.nodes,
                me,
                defect: self.defect,
            },
            &mut self.out,
        )
    }

    fn record(&self) -> Option<&Record> {
        self.store.stored.as_ref().map(|stored| &stored.record)
    }

    fn epoch(&self) -> Epoch {
        self.record().map_or(Epoch(0), |record| record.epoch)
    }

    fn revision(&self) -> Revision {
        self.store
            .stored
            .as_ref()
            .map_or(Revision(0), |stored| stored.revision)
    }

    const fn observing(&self) -> bool {
        self.policy.observe || !self.rivals.is_empty()
    }
}
