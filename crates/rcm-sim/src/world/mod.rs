//! The world of one seed: its clock, its queue of events, and everything that lives in it.

mod end;
mod event;
mod happen;
mod setup;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rcm_core::id::{Address, ReplicationId};
use rcm_core::mutant::Mutant;
use rcm_core::rule::Stage;

use crate::client::Client;
use crate::coverage::Coverage;
use crate::history::Branch;
use crate::invariants::{Broken, Finding, Truth};
use crate::monitor::{Incarnation, Monitor, Who};
use crate::nemesis::{Fault, Plot, Step};
use crate::network::Network;
use crate::node::{Process, Server, StreamId};
use crate::operator::Membership;
use crate::replication::Stream;
use crate::seed::Rng;
use crate::store::Store;
use crate::strict::{self, Ledger};
use crate::trace::{S, Time, Trace};
use crate::wire::{Conn, ConnId};

use event::Entry;

pub(crate) use event::{Event, Ours};
pub use setup::Setup;

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
    /// Which of them belong to the group, as the operator says.
    pub(crate) membership: Membership,
    pub(crate) conns: BTreeMap<ConnId, Conn>,
    pub(crate) next_conn: ConnId,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    pub(crate) next_stream: StreamId,
    pub(crate) slow_steps: BTreeSet<usize>,
    pub(crate) robbed: BTreeSet<usize>,
    pub(crate) store: Store,
    pub(crate) monitors: Vec<Monitor>,
    /// Counts starts of monitors.
    pub(crate) incarnations: Incarnation,
    /// For so long the store grants the lease.
    pub(crate) lease_time: Time,
    /// Where the failover of the engine that is at work stood before its last input.
    pub(crate) stage_before: Stage,
    pub(crate) clients: Vec<Client>,
    pub(crate) strict_clients: Vec<strict::Client>,
    pub(crate) ledger: Ledger,
    pub(crate) writes_end: Time,
    pub(crate) plot: Plot,
    pub(crate) faults: Vec<Fault>,
    pub(crate) first_fault_at: Option<Time>,
    pub(crate) steps: BTreeMap<Step, u32>,
    pub(crate) healed: bool,
    heal_at: Time,
    settled_since: Option<Time>,
    pub(crate) finished: bool,
    /// How many replicas have to confirm a write; zero in async mode.
    pub(crate) ack_replicas: u32,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) truth: Truth,
    pub(crate) coverage: Coverage,
    pub(crate) handled: u64,
    pub(crate) broken: Option<Broken>,
}

/// By then the group has to be whole.
const BOUND: Time = 30 * S;

impl World {
    pub(crate) fn schedule(&mut self, at: Time, event: Event) {
        self.order += 1;
        let entry = Entry {
            at: at.max(self.now),
            order: self.order,
            event,
        };
        self.queue.push(Reverse(entry));
    }

    /// Only this process of the monitor will see to it.
    pub(crate) fn schedule_for(&mut self, who: Who, at: Time, ours: Ours) {
        let incarnation = self.monitors[who].incarnation;
        self.schedule(at, Event::Ours(incarnation, ours));
    }

    /// The monitor whose process this is, if it still runs.
    pub(crate) fn running(&self, incarnation: Incarnation) -> Option<Who> {
        self.monitors
            .iter()
            .position(|it| it.incarnation == incarnation && it.engine.is_some())
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

    /// Lets everything happen that is due by then.
    pub(crate) fn run_until(&mut self, until: Time) {
        while let Some(Reverse(entry)) = self.queue.peek()
            && entry.at <= until
            && let Some(Reverse(Entry { at, event, .. })) = self.queue.pop()
        {
            self.now = at;
            self.happen(event);
        }
        self.now = until;
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

    /// The servers of the group.
    pub(crate) fn group(&self) -> impl Iterator<Item = (usize, &Server)> {
        let servers = self.servers.iter().enumerate();
        servers.filter(|&(node, _)| self.belongs(node))
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
