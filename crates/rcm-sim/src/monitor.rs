//! The monitor of a simulation: the real engine, driven as the real driver drives it.

use std::collections::BTreeMap;
use std::time::Duration;

use rcm_core::action::{Action, Deed, Pace};
use rcm_core::engine::{Engine, Identity, Input};
use rcm_core::event::Event as Told;
use rcm_core::id::NodeId;
use rcm_core::lease::Lease;
use rcm_core::policy::{Nodes, Policy};
use rcm_core::verdict::Verdict;

use crate::hand::Workers;
use crate::link::Link;
use crate::nemesis::Step;
use crate::store::Call;
use crate::trace::{MS, Time, word};
use crate::wire::{ConnId, Owner, Reply};
use crate::world::{Event, World, instant};

/// One process of ours, with everything that ends when it ends.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) engine: Option<Engine>,
    /// Counts starts.
    pub(crate) incarnation: u64,
    pub(crate) links: BTreeMap<usize, Link>,
    pub(crate) workers: Workers,
    pub(crate) watched: BTreeMap<NodeId, usize>,
    pub(crate) pace: Pace,
    pub(crate) policy: Policy,
    pub(crate) probe_every: Time,
    /// It is not scheduled until then.
    pub(crate) paused_until: Time,
    late_by: Option<Duration>,
    /// The primary that clients are sent to.
    pub(crate) published: Option<usize>,
    tick_at: Time,
    pub(crate) kills: u32,
}

/// A process that was not scheduled for this long notices it.
const NOTICED: Time = 150 * MS;

impl Monitor {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            engine: None,
            incarnation: 0,
            links: BTreeMap::new(),
            workers: Workers::new(),
            watched: BTreeMap::new(),
            pace: Pace::Calm,
            probe_every: crate::link::probe_every(&policy),
            policy,
            paused_until: 0,
            late_by: None,
            published: None,
            tick_at: 0,
            kills: 0,
        }
    }
}

impl World {
    /// The process starts, on whatever the one before it left behind.
    pub(crate) fn start_monitor(&mut self) {
        if self.monitor.engine.is_some() {
            return;
        }
        self.monitor.incarnation += 1;
        self.monitor.paused_until = 0;
        self.monitor.late_by = None;
        self.monitor.pace = Pace::Calm;
        self.note([50, self.monitor.incarnation, 0], |_| {
            String::from("the monitor starts")
        });
        let listed = self.addresses[..self.listed].to_vec();
        let (Ok(nodes), Ok(group), Ok(monitor)) =
            (Nodes::new(listed), "mymaster".parse(), "m1".parse())
        else {
            return;
        };
        let seed = self.rng.next_u64();
        let me = Identity { group, monitor };
        let policy = self.monitor.policy.clone();
        let now = instant(self.now);
        let engine = Engine::new(me, &nodes, policy, seed, now).with_mutant(self.mutant);
        self.monitor.engine = Some(engine);
        self.drain();
        self.input(Input::Lease(Lease::HeldSince(now)));
    }

    /// The process is killed: its connections close, its work is forgotten.
    pub(crate) fn kill_monitor(&mut self) {
        if self.monitor.engine.take().is_none() {
            return;
        }
        self.monitor.kills += 1;
        self.note([51, 0, 0], |_| String::from("the monitor is killed"));
        self.monitor.links.clear();
        self.monitor.workers.clear();
        self.monitor.watched.clear();
        self.close_all();
        self.truth.forget_plan();
    }

    pub(crate) fn pause_monitor(&mut self, time: Time) {
        if self.monitor.engine.is_none() {
            return;
        }
        self.monitor.paused_until = self.now + time;
        if time >= NOTICED {
            self.monitor.late_by = Some(Duration::from_micros(time));
        }
    }

    pub(crate) fn hear(&mut self, conn: ConnId, owner: Owner, reply: Reply) {
        match owner {
            Owner::Link(node) | Owner::Fresh(node) => self.hear_look(node, conn, reply),
            Owner::Hand(node) => self.hear_hand(node, conn, reply),
            Owner::Cut(_) => self.hear_cut(conn, reply),
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        if let Some(by) = self.monitor.late_by.take() {
            self.handle(Input::Late { by });
        }
        self.handle(input);
    }

    fn handle(&mut self, input: Input) {
        let now = instant(self.now);
        let Some(engine) = &mut self.monitor.engine else {
            return;
        };
        let before = engine.status().stage;
        self.truth.before_input(&input);
        engine.handle(now, input);
        self.handled += 1;
        let after = engine.status().stage;
        self.coverage.staged(before, after);
        self.drain();
    }

    fn drain(&mut self) {
        let mut told = Vec::new();
        let mut actions = Vec::new();
        let Some(engine) = &mut self.monitor.engine else {
            return;
        };
        while let Some(event) = engine.poll_event() {
            told.push(event);
        }
        while let Some(action) = engine.poll_action() {
            actions.push(action);
        }
        let due = engine.next_deadline();
        let status = engine.status();
        let published = status.primary.clone();
        let warnings = status.warnings.iter().map(|warning| warning.verdict);
        let trouble = (!status.store_writable).then_some(Verdict::StoreUnwritable);
        let seen = [status.verdict].into_iter().chain(warnings).chain(trouble);
        self.coverage.verdicts(seen);
        let counts = (told.len(), actions.len());
        self.check_published();
        self.check_bounds(counts, due);
        self.monitor.published = published.and_then(|address| self.at(&address));
        let stage = self
            .monitor
            .engine
            .as_ref()
            .map(|engine| engine.status().stage);
        for event in told {
            self.hear_told(&event, stage);
        }
        for action in actions {
            self.carry_out(action);
        }
        let due = Time::try_from(due.since_start().as_micros()).unwrap_or(Time::MAX);
        if due != self.monitor.tick_at || due <= self.now {
            self.monitor.tick_at = due;
            let incarnation = self.monitor.incarnation;
            self.schedule(due.max(self.now), Event::Tick { incarnation, due });
        }
    }

    pub(crate) fn on_tick(&mut self, due: Time) {
        if due == self.monitor.tick_at {
            self.input(Input::Tick);
        }
    }

    fn hear_told(&mut self, event: &Told, stage: Option<rcm_core::rule::Stage>) {
        let rule = event.rule.map_or(0, |rule| rule as u64 + 1);
        self.note([60, word(event.kind.code()), rule], |_| {
            let rule = event.rule.map_or(String::new(), |rule| format!("{rule} "));
            format!("* {rule}{}: {}", event.kind.code(), event.kind)
        });
        if event.kind.code() == Verdict::ObserverLate.code() {
            self.coverage.verdicts([Verdict::ObserverLate]);
        }
        if let Some(rule) = event.rule {
            self.coverage.rule(rule, stage);
        }
        self.check_told(event);
    }

    fn carry_out(&mut self, action: Action) {
        let node = action
            .deed
            .node()
            .and_then(|id| self.monitor.watched.get(&id).copied());
        let step = Step::of(&action.deed);
        if let Some(step) = step {
            let place = node.map_or(99, |node| node as u64);
            self.note([61, step as u64, place], |world| {
                let whom = node.map_or(String::new(), |node| format!(" {}", world.name(node)));
                format!("> {step:?}{whom} (epoch {})", action.epoch)
            });
        }
        self.check_ordered(&action, node);
        match action.deed {
            Deed::Watch {
                node: id,
                ref address,
            } => {
                if let Some(node) = self.at(address) {
                    self.monitor.watched.insert(id, node);
                    self.watch(id, node);
                }
            }
            Deed::Unwatch { .. } => {
                if let Some(node) = node {
                    self.unwatch(node);
                }
            }
            Deed::Pace(pace) => self.change_pace(pace),
            Deed::Read => self.call_store(action.id, Call::Read),
            Deed::Write { record, expect } => {
                self.call_store(action.id, Call::Write(record, expect));
            }
            Deed::Open { .. }
            | Deed::Close { .. }
            | Deed::Fence { .. }
            | Deed::Inspect { .. }
            | Deed::Seal { .. }
            | Deed::Promote { .. }
            | Deed::Attach { .. }
            | Deed::SetGates { .. }
            | Deed::Persist { .. }
            | Deed::CutLink { .. } => {
                if let Some(node) = node {
                    self.submit(node, action);
                }
            }
        }
        if let Some(step) = step {
            self.step_taken(step, node);
        }
    }
}
