//! Simulated servers without a monitor, driven by hand.
//!
//! The tests do here what they do to real servers, and compare. Nothing happens by itself but what
//! servers do: no faults, no clients.

use std::time::Duration;

use rcm_core::id::{ActionId, Address, Epoch};
use rcm_core::observation::Replication;

use crate::nemesis::Disk;
use crate::trace::{MS, Time};
use crate::wire::{NOBODY, Request, Script};
use crate::world::World;

pub use crate::node::{Syncs, Version};

/// Servers to play with.
pub struct Stage {
    world: World,
    /// For each node, how far its stream was after the last write of its client.
    written: Vec<u64>,
}

/// How a server is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// `replicaof`: it follows this node whenever it starts.
    pub of: Option<usize>,
    /// `repl-backlog-size`.
    pub backlog: Option<u64>,
    /// `min-replicas-to-write`.
    pub min_replicas: u32,
    /// `repl-ping-replica-period`, in seconds; practically never without it.
    pub ping_every: Option<u64>,
}

/// Whom a server is told to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Target {
    Node(usize),
    Tombstone,
    NoOne,
}

impl Stage {
    /// As many servers as there may ever be, none of them started.
    pub fn new(version: Version, nodes: usize) -> Self {
        Self {
            world: World::bare(version, nodes),
            written: vec![0; nodes],
        }
    }

    /// Where a node is reached.
    pub fn address(&self, node: usize) -> &Address {
        &self.world.addresses[node]
    }

    /// Starts a server that has never run.
    pub fn start(&mut self, node: usize, settings: Settings) {
        let configured = settings.of.map(|of| self.address(of).clone());
        let server = &mut self.world.servers[node];
        server.configured = configured;
        server.backlog_size = settings.backlog.unwrap_or(server.backlog_size);
        server.born.min_replicas = settings.min_replicas;
        server.ping_every = settings.ping_every.unwrap_or(u64::MAX);
        self.restart(node);
    }

    /// Starts it again with the dump that is on its disk, and returns when it has loaded that.
    pub fn restart(&mut self, node: usize) {
        self.kill(node);
        self.written[node] = 0;
        let process = self.world.servers[node].process;
        self.world.restart(node, process, Disk::OlderDump);
        self.pass_until(|stage| !stage.world.servers[node].is_loading());
    }

    /// Starts it again on an empty disk, following nobody.
    pub fn restart_empty(&mut self, node: usize) {
        self.world.servers[node].configured = None;
        self.world.servers[node].dump = None;
        self.restart(node);
    }

    /// `kill -9`.
    pub fn kill(&mut self, node: usize) {
        self.world.crash(node, 0);
    }

    /// `SAVE`.
    pub fn save(&mut self, node: usize) {
        self.world.on_save(node);
    }

    /// `SIGSTOP`.
    pub fn pause(&mut self, node: usize) {
        self.world.servers[node].stopped = true;
    }

    /// `SIGCONT`.
    pub fn resume(&mut self, node: usize) {
        let process = self.world.servers[node].process;
        self.world.resume(node, process);
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.world.now + micros(time);
        self.world.run_until(until);
    }

    /// Lets time pass until it is so; false if that does not come within ten seconds.
    pub fn pass_until(&mut self, is_so: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..10_000 {
            if is_so(self) {
                return true;
            }
            self.world.run_until(self.world.now + MS);
        }
        false
    }

    /// Whether it runs and is not stopped.
    pub fn answers(&self, node: usize) -> bool {
        self.world.servers[node].runs(self.world.now)
    }

    /// `INFO replication`.
    pub fn replication(&self, node: usize) -> Replication {
        self.world.servers[node].replication(&self.world.addresses)
    }

    /// The counters of `INFO stats`.
    pub fn syncs(&self, node: usize) -> Syncs {
        self.world.servers[node].syncs
    }

    /// Whether it has any key.
    pub fn holds_keys(&self, node: usize) -> bool {
        !self.world.servers[node].condition(false).empty
    }

    /// A client writes so many bytes of stream; the error is the code of the server's answer.
    pub fn write(&mut self, node: usize, bytes: u64) -> Result<(), &'static str> {
        if let Some(code) = self.world.servers[node].refuses_writes() {
            return Err(code);
        }
        self.world.write(node, bytes);
        self.written[node] = self.world.servers[node].offset;
        Ok(())
    }

    /// A client sends a write and does not wait for the answer.
    pub fn send_write(&mut self, node: usize, bytes: u64) {
        let request = Request::Write {
            client: node,
            bytes,
        };
        self.world.arrive(node, NOBODY, request);
    }

    /// Somebody sends a primary's seal and does not wait for the answer.
    pub fn send_seal(&mut self, node: usize) {
        let seal = Script::Seal {
            evict: true,
            shut: false,
        };
        let request = Request::Act(ActionId(0), Epoch(0), seal);
        self.world.arrive(node, NOBODY, request);
    }

    /// `REPLICAOF`; the error is the code of the server's answer.
    pub fn follow(&mut self, node: usize, target: Target) -> Result<(), &'static str> {
        let accepted = match target {
            Target::NoOne => self.world.promote(node),
            Target::Tombstone => self.world.follow(node, &Address::tombstone(), false),
            Target::Node(target) => {
                let target = self.address(target).clone();
                self.world.follow(node, &target, false)
            }
        };
        if accepted { Ok(()) } else { Err("LOADING") }
    }

    /// `CLIENT KILL TYPE master`.
    pub fn cut(&mut self, node: usize) {
        self.world.cut_link(node);
    }

    /// A replica loses its connection, and its primary never hears of it.
    pub fn lose_silently(&mut self, node: usize) {
        self.world.lose_link_silently(node);
    }

    /// `WAIT replicas timeout`, on the connection that writes or on a fresh one.
    pub fn wait(&mut self, node: usize, replicas: usize, timeout: Duration, fresh: bool) -> usize {
        let offset = if fresh { 0 } else { self.written[node] };
        if self.world.count_acks(node, offset) < replicas {
            self.world.ask_for_acks(node);
            let until = self.world.now + micros(timeout);
            while self.world.count_acks(node, offset) < replicas && self.world.now < until {
                self.world.run_until(self.world.now + MS);
            }
        }
        self.world.count_acks(node, offset)
    }

    /// `WAIT` in a transaction: nothing waits there.
    pub fn count(&self, node: usize) -> usize {
        let server = &self.world.servers[node];
        let offset = if server.version.waits_for_others() {
            server.offset
        } else {
            self.written[node]
        };
        self.world.count_acks(node, offset)
    }
}

fn micros(time: Duration) -> Time {
    Time::try_from(time.as_micros()).unwrap_or(Time::MAX / 2)
}
