//! The monitors of a simulation: each the real engine, driven as the real driver drives it.

use std::collections::BTreeMap;
use std::time::Duration;

use rcm_core::action::{Action, Deed, Pace};
use rcm_core::engine::{Engine, Identity, Input};
use rcm_core::event::Event as Told;
use rcm_core::id::{NodeId, Version};
use rcm_core::policy::Policy;
use rcm_core::request::Request;
use rcm_core::verdict::Verdict;

use crate::clock::Clock;
use crate::hand::Workers;
use crate::link::Link;
use crate::nemesis::Step;
use crate::registry::Known;
use crate::store::Call;
use crate::trace::{MS, Time, word};
use crate::wire::{ConnId, Owner, Reply};
use crate::world::Event;
use crate::world::{Ours, World};

/// Names one monitor.
pub(crate) type Who = usize;
/// Names one process of one monitor.
pub(crate) type Incarnation = u64;

/// A monitor: its host, and its process with everything that ends when that ends.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) engine: Option<Engine>,
    /// Which process it is, among those of all monitors.
    pub(crate) incarnation: Incarnation,
    /// What it calls itself.
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) links: BTreeMap<usize, Link>,
    pub(crate) workers: Workers,
    pub(crate) watched: BTreeMap<NodeId, usize>,
    pub(crate) pace: Pace,
    pub(crate) policy: Policy,
    pub(crate) probe_every: Time,
    /// It is not scheduled between these.
    paused_since: Time,
    pub(crate) paused_until: Time,
    late_by: Option<Duration>,
    /// The engine was told that it holds the lease, and not that it lost it.
    pub(crate) leads: bool,
    /// By its clock it holds the lease until then.
    pub(crate) leased_until: Time,
    /// The primary that its clients are sent to.
    pub(crate) published: Option<usize>,
    /// The others, as the store tells of them.
    pub(crate) peers: BTreeMap<Who, Known>,
    /// The store's watch has been cut off and is not back.
    pub(crate) watch_broken: bool,
    /// When the last thing that it tells of the others arrives.
    pub(crate) watch_at: Time,
    /// It has given up the lease, and does not ask for it before.
    pub(crate) resigned_until: Time,
    /// The version of what it knows of who belongs to the group.
    pub(crate) membership_version: Version,
    /// It is never started again.
    pub(crate) gone: bool,
    tick_at: Time,
    pub(crate) kills: u32,
}

/// A process that was not scheduled for this long notices it.
const NOTICED: Time = 150 * MS;

impl Monitor {
    pub(crate) fn new(name: String, clock: Clock, policy: Policy) -> Self {
        Self {
            engine: None,
            incarnation: 0,
            name,
            clock,
            links: BTreeMap::new(),
            workers: Workers::new(),
            watched: BTreeMap::new(),
            pace: Pace::Calm,
            probe_every: crate::link::probe_every(&policy),
            policy,
            paused_since: 0,
            paused_until: 0,
            late_by: None,
            leads: false,
            leased_until: 0,
            published: None,
            peers: BTreeMap::new(),
            watch_broken: false,
            watch_at: 0,
            resigned_until: 0,
            membership_version: Version::default(),
            gone: false,
            tick_at: 0,
            kills: 0,
        }
    }
}

impl World {
    /// The process starts, on whatever the one before it left behind.
    pub(crate) fn start_monitor(&mut self, who: Who) {
        if self.monitors[who].engine.is_some() || self.monitors[who].gone {
            return;
        }
        self.incarnations += 1;
        // Some come back as somebody else.
        let renamed = self.monitors[who].kills > 0 && !self.is_alone() && self.rng.percent(30);
        let monitor = &mut self.monitors[who];
        monitor.incarnation = self.incarnations;
        if renamed {
            monitor.name = format!("m{}-{}", who + 1, monitor.kills);
        }
        monitor.paused_until = 0;
        monitor.resigned_until = 0;
        monitor.late_by = None;
        monitor.leads = false;
        monitor.pace = Pace::Calm;
        let (name, incarnation) = (monitor.name.clone(), monitor.incarnation);
        self.note([50, incarnation, 0], |_| format!("{name} starts"));
        let nodes = self.read_membership(who);
        let (Ok(nodes), Ok(group), Ok(monitor)) = (nodes, "mymaster".parse(), name.parse()) else {
            return;
        };
        let seed = self.rng.next_u64();
        let me = Identity { group, monitor };
        let policy = self.monitors[who].policy.clone();
        let now = self.monitors[who].clock.read(self.now);
        let engine = Engine::new(me, &nodes, policy, seed, now).with_mutant(self.mutant);
        self.monitors[who].engine = Some(engine);
        self.drain(who);
        self.begin_lease(who);
    }

    /// The process is killed: its connections close, its work is forgotten.
    pub(crate) fn kill_monitor(&mut self, who: Who) {
        if self.monitors[who].engine.take().is_none() {
            return;
        }
        self.monitors[who].kills += 1;
        self.note([51, who as u64, 0], |world| {
            format!("{} is killed", world.monitors[who].name)
        });
        self.monitors[who].links.clear();
        self.monitors[who].workers.clear();
        self.monitors[who].watched.clear();
        self.close_all(who);
        self.truth.forget_plan(who);
    }

    pub(crate) fn pause_monitor(&mut self, who: Who, time: Time) {
        if self.monitors[who].engine.is_none() {
            return;
        }
        let now = self.now;
        let monitor = &mut self.monitors[who];
        if monitor.paused_until <= now {
            monitor.paused_since = now;
        }
        monitor.paused_until = monitor.paused_until.max(now + time);
        let late_by = monitor.paused_until - monitor.paused_since;
        if late_by >= NOTICED {
            monitor.late_by = Some(Duration::from_micros(late_by));
        }
    }

    pub(crate) fn hear(&mut self, who: Who, conn: ConnId, owner: Owner, reply: Reply) {
        match owner {
            Owner::Link(node) | Owner::Fresh(node) => self.hear_look(who, node, conn, reply),
            Owner::Hand(node) => self.hear_hand(who, node, conn, reply),
            Owner::Cut(_) => self.hear_cut(who, conn, reply),
        }
    }

    pub(crate) fn input(&mut self, who: Who, input: Input) {
        self.tell_late(who);
        self.handle(who, input);
    }

    pub(crate) fn tell_late(&mut self, who: Who) {
        if let Some(by) = self.monitors[who].late_by.take() {
            self.handle(who, Input::Late { by });
        }
    }

    fn handle(&mut self, who: Who, input: Input) {
        let now = self.monitors[who].clock.read(self.now);
        let Some(engine) = &mut self.monitors[who].engine else {
            return;
        };
        let before = engine.status().stage;
        self.truth.before_input(who, &input);
        engine.handle(now, input);
        self.handled += 1;
        let after = engine.status().stage;
        self.coverage.staged(before, after);
        self.stage_before = before;
        self.drain(who);
    }

    /// Somebody asks a monitor for something; one that is not scheduled answers later.
    pub(crate) fn request(&mut self, who: Who, request: Request) {
        if self.monitors[who].paused_until > self.now {
            let at = self.monitors[who].paused_until;
            return self.schedule(at, Event::Request { who, request });
        }
        self.tell_late(who);
        let now = self.monitors[who].clock.read(self.now);
        let Some(engine) = &mut self.monitors[who].engine else {
            return;
        };
        let before = engine.status().stage;
        let begun = engine.request(now, &request);
        let after = engine.status().stage;
        self.coverage.staged(before, after);
        self.coverage.count(match begun {
            Ok(()) => "requests begun",
            Err(_) => "requests refused",
        });
        self.stage_before = before;
        self.truth.on_request = true;
        self.drain(who);
        self.truth.on_request = false;
    }

    fn drain(&mut self, who: Who) {
        let mut told = Vec::new();
        let mut actions = Vec::new();
        let Some(engine) = &mut self.monitors[who].engine else {
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
        self.check_published(who);
        self.check_bounds(who, counts, due);
        self.monitors[who].published = published.and_then(|address| self.at(&address));
        for event in told {
            self.hear_told(who, &event);
        }
        for action in actions {
            self.carry_out(who, action);
        }
        self.check_obeyed(who);
        let due = self.monitors[who].clock.when(due);
        if due != self.monitors[who].tick_at || due <= self.now {
            self.monitors[who].tick_at = due;
            self.schedule_for(who, due.max(self.now), Ours::Tick { due });
        }
    }

    pub(crate) fn on_tick(&mut self, who: Who, due: Time) {
        if due == self.monitors[who].tick_at {
            self.input(who, Input::Tick);
        }
    }

    /// How a trace begins a line about a monitor, when there are several.
    fn sign(&self, who: Who) -> String {
        if self.is_alone() {
            return String::new();
        }
        format!("{} ", self.monitors[who].name)
    }

    fn hear_told(&mut self, who: Who, event: &Told) {
        let rule = event.rule.map_or(0, |rule| rule as u64 + 1);
        self.note(
            [60 + 100 * who as u64, word(event.kind.code()), rule],
            |world| {
                let rule = event.rule.map_or(String::new(), |rule| format!("{rule} "));
                format!(
                    "* {}{rule}{}: {}",
                    world.sign(who),
                    event.kind.code(),
                    event.kind
                )
            },
        );
        if event.kind.code() == Verdict::ObserverLate.code() {
            self.coverage.verdicts([Verdict::ObserverLate]);
        }
        if let Some(rule) = event.rule {
            self.coverage.rule(rule, self.stage_before);
        }
        self.check_told(who, event);
    }

    fn carry_out(&mut self, who: Who, action: Action) {
        let node = action
            .deed
            .node()
            .and_then(|id| self.monitors[who].watched.get(&id).copied());
        let step = Step::of(&action.deed);
        if let Some(step) = step {
            let place = node.map_or(99, |node| node as u64);
            self.note([61 + 100 * who as u64, step as u64, place], |world| {
                let whom = node.map_or(String::new(), |node| format!(" {}", world.name(node)));
                let sign = world.sign(who);
                format!("> {sign}{step:?}{whom} (epoch {})", action.epoch)
            });
        }
        self.check_ordered(who, &action, node);
        match action.deed {
            Deed::Watch {
                node: id,
                ref address,
            } => {
                if let Some(node) = self.at(address) {
                    self.monitors[who].watched.insert(id, node);
                    self.watch(who, id, node);
                }
            }
            Deed::Unwatch { .. } => {
                if let Some(node) = node {
                    self.unwatch(who, node);
                }
            }
            Deed::Pace(pace) => self.change_pace(who, pace),
            Deed::Read => self.call_store(who, Call::Read(action.id)),
            Deed::Write { record, expect } => {
                self.call_store(who, Call::Write(action.id, record, expect));
            }
            Deed::Tell(opinion) => self.call_store(who, Call::Tell(opinion)),
            Deed::Resign { pause } => {
                let pause = Time::try_from(pause.as_micros()).unwrap_or(Time::MAX / 2);
                self.resign(who, pause);
            }
            Deed::Open { .. }
            | Deed::Close { .. }
            | Deed::Fence { .. }
            | Deed::Inspect { .. }
            | Deed::Pause { .. }
            | Deed::Resume { .. }
            | Deed::Seal { .. }
            | Deed::Promote { .. }
            | Deed::Attach { .. }
            | Deed::SetGates { .. }
            | Deed::Persist { .. }
            | Deed::CutLink { .. } => {
                if let Some(node) = node {
                    self.submit(who, node, action);
                }
            }
        }
        if let Some(step) = step {
            self.step_taken(who, step, node);
        }
    }
}
