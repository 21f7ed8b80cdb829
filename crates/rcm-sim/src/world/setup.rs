//! How a seed is run, and the world as it is when the run begins.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::mutant::Mutant;
use rcm_core::policy::Policy;

use super::{BOUND, Event, World};
use crate::coverage::Coverage;
use crate::invariants::Truth;
use crate::monitor::Monitor;
use crate::nemesis::{Plot, When, plan};
use crate::network::Network;
use crate::node::{Follow, LinkState, Place, Server};
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
        let (plot, mut faults) = plan(setup.seed, count, setup.strict);
        if let Some(only) = &setup.only {
            let kept = |(place, fault)| only.contains(&place).then_some(fault);
            faults = faults.into_iter().enumerate().filter_map(kept).collect();
        }
        let mut policy = Policy {
            ack_replicas,
            ..policy(&mut rng, plot)
        };
        if setup.strict && plot == Plot::Calm {
            // Otherwise a long script is a hang.
            policy.hang_after = Some(Duration::from_secs(6));
        }
        let addresses: Vec<Address> = (1..=count)
            .map(|node| Address::new(format!("10.0.0.{node}"), 6379))
            .collect();
        let listed = if rng.percent(10) && !setup.strict {
            1
        } else {
            count
        };
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
        if self.is_strict() {
            self.prepare();
            self.add_strict_clients();
        } else {
            self.add_clients();
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
