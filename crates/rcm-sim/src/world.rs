//! The world of one seed: its clock, its queue of events, and everything that lives in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use rcm_core::action::Outcome;
use rcm_core::engine::Input;
use rcm_core::id::{ActionId, Address, ReplicationId};
use rcm_core::mutant::Mutant;
use rcm_core::observation::Observation;
use rcm_core::policy::Policy;
use rcm_core::time::Instant;

use crate::client::Client;
use crate::connect::Attempt;
use crate::coverage::Coverage;
use crate::history::Branch;
use crate::invariants::{Broken, Finding, Truth, i13_liveness};
use crate::monitor::Monitor;
use crate::nemesis::{Disk, Fault, Plot, Step, When, plan};
use crate::network::Network;
use crate::node::{Follow, LinkState, Place, Process, Server, StreamId};
use crate::replication::Stream;
use crate::seed::Rng;
use crate::store::{Call, Store};
use crate::trace::{MS, S, Time, Trace};
use crate::wire::{Conn, ConnId};

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Event {
    StartMonitor,
    Tick {
        incarnation: u64,
        due: Time,
    },
    Observe {
        incarnation: u64,
        observation: Observation,
    },
    Outcome {
        incarnation: u64,
        id: ActionId,
        outcome: Outcome,
    },
    Overdue {
        incarnation: u64,
        node: usize,
        id: ActionId,
    },
    Link {
        incarnation: u64,
        node: usize,
        serial: u64,
    },
    Connect(Attempt),
    Unheard(Attempt),
    Down(ConnId),
    Up(ConnId),
    Store {
        incarnation: u64,
        id: ActionId,
        call: Call,
    },
    Cron {
        node: usize,
        process: Process,
    },
    Attempt {
        node: usize,
        process: Process,
        attempt: u64,
    },
    Continued(StreamId),
    Received(StreamId),
    Loaded {
        node: usize,
        process: Process,
    },
    Deliver(StreamId),
    Apply {
        node: usize,
        process: Process,
    },
    Save(usize),
    Client(usize),
    Packet {
        node: usize,
        process: Process,
        client: usize,
        bytes: u64,
    },
    Fault {
        place: usize,
        subject: Option<usize>,
    },
    Undo(usize, usize),
    Restart {
        node: usize,
        process: Process,
        disk: Disk,
    },
    Ended {
        node: usize,
        process: Process,
    },
    Resume {
        node: usize,
        process: Process,
    },
    Wake {
        node: usize,
        process: Process,
    },
    ScriptEnds {
        node: usize,
        process: Process,
    },
    Heal,
    Check,
}

struct Entry {
    at: Time,
    order: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// How a seed is run.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// A deliberate defect of the core.
    pub mutant: Option<Mutant>,
    /// Whether the trace is kept as text.
    pub text: bool,
    /// Only these of the seed's faults happen.
    pub only: Option<Vec<usize>>,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) now: Time,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    serial: u64,
    ids: u64,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    pub(crate) net: Network,
    pub(crate) servers: Vec<Server>,
    pub(crate) addresses: Vec<Address>,
    /// So many of them are listed.
    pub(crate) listed: usize,
    pub(crate) conns: BTreeMap<ConnId, Conn>,
    pub(crate) next_conn: ConnId,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    pub(crate) next_stream: StreamId,
    pub(crate) slow_steps: BTreeSet<usize>,
    pub(crate) robbed: BTreeSet<usize>,
    pub(crate) store: Store,
    pub(crate) monitor: Monitor,
    pub(crate) clients: Vec<Client>,
    pub(crate) writes_end: Time,
    pub(crate) plot: Plot,
    pub(crate) faults: Vec<Fault>,
    pub(crate) first_fault_at: Option<Time>,
    pub(crate) steps: BTreeMap<Step, u32>,
    pub(crate) healed: bool,
    heal_at: Time,
    settled_since: Option<Time>,
    finished: bool,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) truth: Truth,
    pub(crate) coverage: Coverage,
    pub(crate) handled: u64,
    pub(crate) broken: Option<Broken>,
}

/// After the last fault and before everything works again.
const UNREST: (Time, Time) = (2 * S, 8 * S);
/// By then the group has to be whole.
const BOUND: Time = 30 * S;
/// It has to stay so for this long.
const STEADY: Time = 2_500 * MS;

impl World {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut rng = Rng::new(setup.seed, 1);
        let count = rng.pick(&[2, 3, 3, 3, 3, 4, 5]);
        let (plot, mut faults) = plan(setup.seed, count);
        if let Some(only) = &setup.only {
            let kept = |(place, fault)| only.contains(&place).then_some(fault);
            faults = faults.into_iter().enumerate().filter_map(kept).collect();
        }
        let policy = policy(&mut rng, plot);
        let addresses: Vec<Address> = (1..=count)
            .map(|node| Address::new(format!("10.0.0.{node}"), 6379))
            .collect();
        let listed = if rng.percent(10) { 1 } else { count };
        let net = Network::new(&mut rng);
        let mut world = Self {
            now: 0,
            queue: BinaryHeap::new(),
            order: 0,
            serial: 0,
            ids: 0,
            trace: Trace::new(setup.text),
            net,
            servers: Vec::new(),
            addresses,
            listed,
            conns: BTreeMap::new(),
            next_conn: 0,
            streams: BTreeMap::new(),
            next_stream: 0,
            slow_steps: BTreeSet::new(),
            robbed: BTreeSet::new(),
            store: Store::default(),
            monitor: Monitor::new(policy),
            clients: Vec::new(),
            writes_end: 0,
            plot,
            faults,
            first_fault_at: None,
            steps: BTreeMap::new(),
            healed: false,
            heal_at: 0,
            settled_since: None,
            finished: false,
            mutant: setup.mutant,
            truth: Truth::default(),
            coverage: Coverage::default(),
            handled: 0,
            broken: None,
            rng,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let remembers_id = self.rng.percent(70);
        let id = self.new_replication_id();
        let branch = self.new_branch();
        let bytes = self.rng.pick(&[0, 1_000, 50_000]);
        let backlog = self.rng.pick(&[1 << 20, 1 << 20, 4_000]);
        for node in 0..self.addresses.len() {
            let process = self.new_process();
            let mut server = Server::new(remembers_id);
            server.process = process;
            server.up = true;
            server.id = id;
            server.branch = if node == 0 { branch } else { 0 };
            server.backlog_size = backlog;
            server.append(branch, bytes);
            server.dump = Some(server.dump_now());
            if node > 0 {
                server.configured = Some(self.addresses[0].clone());
                server.priority = if node > 1 && self.rng.percent(5) {
                    0
                } else {
                    100
                };
                server.place = Place::Replica(Follow {
                    target: self.addresses[0].clone(),
                    told_by_monitor: false,
                    meant: None,
                    asked: None,
                    link: LinkState::Down,
                    attempt: 0,
                });
            }
            self.servers.push(server);
            let first = self.rng.range(0, 100 * MS);
            self.schedule(first, Event::Cron { node, process });
            let save = self.rng.range(S, 6 * S);
            self.schedule(save, Event::Save(node));
        }
        self.schedule(300 * MS, Event::StartMonitor);
        let mut last = 0;
        for place in 0..self.faults.len() {
            match self.faults[place].when {
                When::At(at) => {
                    last = last.max(at);
                    self.schedule(
                        at,
                        Event::Fault {
                            place,
                            subject: None,
                        },
                    );
                }
                When::After(..) => last = last.max(6 * S),
            }
        }
        let unrest = if self.plot == Plot::Calm {
            (6 * S, 7 * S)
        } else {
            UNREST
        };
        self.heal_at = last.max(3 * S) + self.rng.range(unrest.0, unrest.1);
        self.writes_end = self.heal_at + BOUND + 10 * S;
        self.schedule(self.heal_at, Event::Heal);
        self.add_clients();
    }

    pub(crate) fn schedule(&mut self, at: Time, event: Event) {
        self.order += 1;
        let entry = Entry {
            at: at.max(self.now),
            order: self.order,
            event,
        };
        self.queue.push(Reverse(entry));
    }

    /// Lets everything happen until the end, or until a promise is broken.
    pub(crate) fn run(&mut self) {
        while !self.finished && self.broken.is_none() {
            let Some(Reverse(Entry { at, event, .. })) = self.queue.pop() else {
                break;
            };
            self.now = at;
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        if let Some(incarnation) = event.is_for_monitor() {
            if incarnation != self.monitor.incarnation || self.monitor.engine.is_none() {
                return;
            }
            if self.monitor.paused_until > self.now {
                let at = self.monitor.paused_until;
                return self.schedule_late(at, event);
            }
        }
        match event {
            Event::StartMonitor => self.start_monitor(),
            Event::Tick { due, .. } => self.on_tick(due),
            Event::Observe { observation, .. } => self.input(Input::Observation(observation)),
            Event::Outcome { id, outcome, .. } => self.input(Input::Outcome { id, outcome }),
            Event::Overdue { node, id, .. } => self.on_overdue(node, id),
            Event::Link { node, serial, .. } => self.on_link(node, serial),
            Event::Connect(attempt) => self.on_connect(attempt),
            Event::Unheard(attempt) => self.on_unheard(attempt),
            Event::Down(id) => self.on_down(id),
            Event::Up(id) => self.on_up(id),
            Event::Store {
                incarnation,
                id,
                call,
            } => self.on_store(incarnation, id, call),
            Event::Cron { node, process } => self.on_cron(node, process),
            Event::Attempt {
                node,
                process,
                attempt,
            } => self.on_attempt(node, process, attempt),
            Event::Continued(id) => self.on_continued(id),
            Event::Received(id) => self.on_received(id),
            Event::Loaded { node, process } => self.on_loaded(node, process),
            Event::Deliver(id) => self.on_deliver(id),
            Event::Apply { node, process } => self.on_apply(node, process),
            Event::Save(node) => self.on_save(node),
            Event::Client(client) => self.on_client(client),
            Event::Packet {
                node,
                process,
                client,
                bytes,
            } => {
                self.on_client_packet(node, process, client, bytes);
            }
            Event::Fault { place, subject } => self.on_fault(place, subject),
            Event::Undo(place, node) => self.on_undo(place, node),
            Event::Restart {
                node,
                process,
                disk,
            } => self.restart(node, process, disk),
            Event::Ended { node, process } => self.on_ended(node, process),
            Event::Resume { node, process } => self.resume(node, process),
            Event::Wake { node, process } => self.on_wake(node, process),
            Event::ScriptEnds { node, process } => self.on_script_ends(node, process),
            Event::Heal => {
                self.heal();
                self.schedule(self.now + S, Event::Check);
            }
            Event::Check => self.on_check(),
        }
    }

    /// What the monitor could not see to while it was not scheduled.
    fn schedule_late(&mut self, at: Time, event: Event) {
        // A timer knows its time by its event, so it has to be told the new one.
        if let Event::Link { node, serial, .. } = event {
            self.link_late(node, serial, at);
        }
        self.schedule(at, event);
    }

    fn on_check(&mut self) {
        match self.settled() {
            Ok(()) => {
                let since = *self.settled_since.get_or_insert(self.now);
                if self.now >= since + STEADY {
                    self.finished = true;
                    self.finish();
                    return;
                }
            }
            Err(broken) => {
                self.settled_since = None;
                if self.now >= self.heal_at + BOUND {
                    if i13_liveness::is_left_to_the_operator(self) {
                        self.coverage.count("left to the operator");
                        self.finished = true;
                        return;
                    }
                    return self.demand(Err(broken));
                }
            }
        }
        self.schedule(self.now + 500 * MS, Event::Check);
    }

    pub(crate) fn demand(&mut self, finding: Finding) {
        if let Err(broken) = finding
            && self.broken.is_none()
        {
            let text = broken.to_string();
            self.note([99, 0, 0], |_| format!("BROKEN {text}"));
            self.broken = Some(broken);
        }
    }

    pub(crate) fn note(&mut self, words: [u64; 3], text: impl FnOnce(&Self) -> String) {
        let mut trace = std::mem::replace(&mut self.trace, Trace::new(false));
        trace.note(self.now, words, || text(self));
        self.trace = trace;
    }

    pub(crate) fn at(&self, address: &Address) -> Option<usize> {
        self.addresses.iter().position(|known| known == address)
    }

    pub(crate) fn name(&self, node: usize) -> String {
        let letter = char::from(b'a' + u8::try_from(node).unwrap_or(25));
        format!("{letter}({})", self.addresses[node].host())
    }

    pub(crate) const fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) const fn new_branch(&mut self) -> Branch {
        self.ids += 1;
        self.ids
    }

    pub(crate) const fn new_process(&mut self) -> Process {
        self.ids += 1;
        self.ids
    }

    pub(crate) const fn new_replication_id(&mut self) -> ReplicationId {
        self.ids += 1;
        // The first digits are what people see.
        ReplicationId::from_number(self.ids << 32)
    }
}

impl Event {
    /// Whether only a process of ours that runs can see to it, and which one.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "everything else happens by itself"
    )]
    const fn is_for_monitor(&self) -> Option<u64> {
        match self {
            Self::Tick { incarnation, .. }
            | Self::Observe { incarnation, .. }
            | Self::Outcome { incarnation, .. }
            | Self::Overdue { incarnation, .. }
            | Self::Link { incarnation, .. } => Some(*incarnation),
            Self::Connect(attempt) | Self::Unheard(attempt) => Some(attempt.incarnation),
            _ => None,
        }
    }
}

fn policy(rng: &mut Rng, plot: Plot) -> Policy {
    let mut policy = Policy {
        persist_roles: rng.percent(70),
        ..Policy::default()
    };
    if plot != Plot::Calm {
        policy.crash_after = Duration::from_millis(rng.pick(&[0, 0, 0, 400]));
        let hang_after = rng.pick(&[None, Some(500), Some(1_000)]);
        policy.hang_after = hang_after.map(Duration::from_millis);
    }
    policy
}

/// The time as the core counts it.
pub(crate) const fn instant(now: Time) -> Instant {
    Instant::after_start(Duration::from_micros(now))
}
