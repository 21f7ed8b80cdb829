//! How a seed is run, and the world as it is when the run begins.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::mutant::Mutant;
use rcm_core::policy::Policy;
use rcm_core::rule::Stage;

use super::{BOUND, Event, World};
use crate::client::Client;
use crate::clock::Clock;
use crate::coverage::Coverage;
use crate::invariants::Truth;
use crate::monitor::Monitor;
use crate::nemesis::{Plot, Size, Subject, When, plan};
use crate::network::Network;
use crate::node::{Follow, Place, Server, Version};
use crate::operator::Membership;
use crate::replication::Piece;
use crate::seed::Rng;
use crate::store::Store;
use crate::strict::{self, Ledger};
use crate::trace::{MS, S, Time, Trace};

/// How a seed is run.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// A group in strict mode instead of async mode.
    pub strict: bool,
    /// A deliberate defect of the core.
    pub mutant: Option<Mutant>,
    /// Whether the trace is kept as text.
    pub text: bool,
    /// Only these of the seed's faults happen.
    pub only: Option<Vec<usize>>,
}

/// What decides whether a group has `min-replicas-to-write`, apart from everything else, and in
/// no kept seed.
const MIN_REPLICAS: u64 = 131;

/// After the last fault and before everything works again.
const UNREST: (Time, Time) = (2 * S, 8 * S);

impl World {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut rng = Rng::new(setup.seed, 1);
        let mut count = rng.pick(&[2, 3, 3, 3, 3, 4, 5]);
        let mut ack_replicas = 0;
        if setup.strict {
            (count, ack_replicas) = strict::group(setup.seed);
        }
        let size = Size {
            nodes: count,
            monitors: rng.pick(&[1, 1, 2, 3, 3]),
        };
        let (plot, mut faults) = plan(setup.seed, size, setup.strict);
        if let Some(only) = &setup.only {
            let kept = |(place, fault)| only.contains(&place).then_some(fault);
            faults = faults.into_iter().enumerate().filter_map(kept).collect();
        }
        let min_replicas = min_replicas(setup, plot);
        let policy = policy(&mut rng, plot, ack_replicas);
        let addresses = addresses(count);
        let listed = if rng.percent(10) && !setup.strict {
            vec![0]
        } else {
            (0..count).collect()
        };
        let net = Network::new(&mut rng);
        let lease_time = rng.pick(&[S, 2 * S, 3 * S]);
        let monitors = monitors(&mut rng, size.monitors, &policy);
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
            membership: Membership::of(listed),
            conns: BTreeMap::new(),
            next_conn: 0,
            streams: BTreeMap::new(),
            next_stream: 0,
            slow_steps: BTreeSet::new(),
            robbed: BTreeSet::new(),
            store: Store::of(size.monitors),
            monitors,
            incarnations: 0,
            lease_time,
            stage_before: Stage::Idle,
            clients: Vec::new(),
            strict_clients: Vec::new(),
            ledger: Ledger::default(),
            writes_end: 0,
            plot,
            faults,
            first_fault_at: None,
            steps: BTreeMap::new(),
            healed: false,
            heal_at: 0,
            settled_since: None,
            finished: false,
            ack_replicas,
            mutant: setup.mutant,
            truth: Truth::default(),
            coverage: Coverage::default(),
            handled: 0,
            broken: None,
            rng,
        };
        world.begin(min_replicas);
        world
    }

    /// Servers that have not been started, and nobody who does anything to them.
    pub(crate) fn bare(version: Version, nodes: usize) -> Self {
        let mut world = Self::new(&Setup::default());
        world.queue.clear();
        world.faults.clear();
        world.addresses = addresses(nodes);
        world.servers = (0..nodes).map(|_| Server::new(version)).collect();
        world.clients = (0..nodes).map(|_| Client::idle()).collect();
        world
    }

    fn begin(&mut self, min_replicas: u32) {
        let version = self
            .rng
            .pick(&[Version::Redis62, Version::Redis7, Version::Valkey9]);
        let id = self.new_replication_id();
        let branch = self.new_branch();
        let mut bytes = self.rng.pick(&[0, 1_000, 50_000]);
        if self.plot == Plot::Strangers {
            // An empty primary would not be adopted beside somebody else's data.
            bytes = bytes.max(1_000);
        }
        let backlog = self.rng.pick(&[1 << 20, 1 << 20, 4_000]);
        for node in 0..self.addresses.len() {
            let process = self.new_process();
            let mut server = Server::new(version);
            server.process = process;
            server.up = true;
            server.id = id;
            server.branch = if node == 0 { branch } else { 0 };
            server.backlog_size = backlog;
            server.born.min_replicas = min_replicas;
            server.access = server.born;
            server.begin_backlog();
            server.append(Piece::of_keys(branch, bytes));
            server.dump = Some(server.dump_now());
            let unwanted = node != 1 && self.rng.percent(5);
            server.priority = if unwanted { 0 } else { 100 };
            if node > 0 {
                server.configured = Some(self.addresses[0].clone());
                server.place = Place::Replica(Follow::configured(self.addresses[0].clone(), true));
            }
            self.servers.push(server);
            let first = self.rng.range(0, 100 * MS);
            self.schedule(first, Event::Cron { node, process });
            let save = self.rng.range(S, 6 * S);
            self.schedule(save, Event::Save(node));
        }
        if self.plot == Plot::Strangers {
            self.add_strangers();
        }
        if self.plot == Plot::Operated {
            self.add_spare();
        }
        for who in 0..self.monitors.len() {
            let at = 300 * MS + self.rng.range(0, 200 * MS) * u64::from(!self.is_alone());
            self.schedule(at, Event::StartMonitor(who));
        }
        let last = self.schedule_faults();
        let unrest = if self.plot == Plot::Calm {
            (6 * S, 7 * S)
        } else if self.plot == Plot::Stalled {
            (14 * S, 15 * S)
        } else {
            UNREST
        };
        self.heal_at = last.max(3 * S) + self.rng.range(unrest.0, unrest.1);
        self.writes_end = self.heal_at + BOUND + 10 * S;
        self.schedule(self.heal_at, Event::Heal);
        if self.is_strict() {
            self.prepare();
            self.add_strict_clients();
        } else {
            self.add_clients();
        }
    }

    /// Says when the last of them happens, as far as that is known.
    fn schedule_faults(&mut self) -> Time {
        let mut last = 0;
        for place in 0..self.faults.len() {
            match self.faults[place].when {
                When::At(at) => {
                    last = last.max(at);
                    self.schedule(
                        at,
                        Event::Fault {
                            place,
                            subject: Subject::default(),
                        },
                    );
                }
                When::After(..) => last = last.max(6 * S),
            }
        }
        last
    }
}

/// `min-replicas-to-write` of a group that has it in its files. In strict mode that is a gate, and where
/// addresses go to strangers, or replicas are forgotten, there may be none left in the end.
fn min_replicas(setup: &Setup, plot: Plot) -> u32 {
    let mut rng = Rng::new(setup.seed, MIN_REPLICAS);
    let may_have = !setup.strict && !matches!(plot, Plot::Strangers | Plot::Operated);
    u32::from(may_have && rng.percent(8))
}

fn monitors(rng: &mut Rng, count: usize, policy: &Policy) -> Vec<Monitor> {
    (1..=count)
        .map(|number| {
            let clock = if count > 1 {
                Clock::draw(rng)
            } else {
                Clock::default()
            };
            Monitor::new(format!("m{number}"), clock, policy.clone())
        })
        .collect()
}

fn addresses(count: usize) -> Vec<Address> {
    (1..=count)
        .map(|node| Address::new(format!("10.0.0.{node}"), 6379))
        .collect()
}

fn policy(rng: &mut Rng, plot: Plot, ack_replicas: u32) -> Policy {
    let mut policy = Policy {
        ack_replicas,
        persist_roles: rng.percent(70),
        ..Policy::default()
    };
    if plot != Plot::Calm {
        policy.crash_after = Duration::from_millis(rng.pick(&[0, 0, 0, 400]));
        let hang_after = rng.pick(&[None, Some(500), Some(1_000)]);
        policy.hang_after = hang_after.map(Duration::from_millis);
    } else if ack_replicas > 0 {
        // Otherwise a long script is a hang.
        policy.hang_after = Some(Duration::from_secs(6));
    }
    policy
}
