//! How a replica gets to its primary: its attempts to connect, and the cron that makes new ones.

use super::{LATER, PING};
use crate::network::Party;
use crate::node::{Follow, LinkState, Process};
use crate::trace::S;
use crate::wire::{NOBODY, Request};
use crate::world::{Event, World};

impl World {
    pub(super) fn attempt(&mut self, node: usize) {
        let delay = 3 * self.net.delay(&mut self.rng);
        let process = self.servers[node].process;
        if self.servers[node].is_loading() {
            return;
        }
        let Some(follow) = self.servers[node].follow_mut() else {
            return;
        };
        follow.attempt += 1;
        follow.asked = None;
        follow.link = LinkState::Connecting;
        let attempt = follow.attempt;
        self.schedule(
            self.now + delay,
            Event::Attempt {
                node,
                process,
                attempt,
            },
        );
    }

    pub(super) fn is_attempting(&self, node: usize, process: Process, attempt: u64) -> bool {
        let server = &self.servers[node];
        let connecting =
            |follow: &Follow| follow.attempt == attempt && follow.link == LinkState::Connecting;
        server.up && server.process == process && server.follow().is_some_and(connecting)
    }

    pub(crate) fn on_attempt(&mut self, node: usize, process: Process, attempt: u64) {
        if !self.is_attempting(node, process, attempt) {
            return;
        }
        let again = Event::Attempt {
            node,
            process,
            attempt,
        };
        if !self.servers[node].runs(self.now) {
            return self.schedule(self.now + LATER, again);
        }
        let target = self.servers[node]
            .follow()
            .and_then(|follow| self.at(&follow.target));
        let Some(target) = target else {
            return self.attempt_failed(node);
        };
        let joined = self.net.joins(Party::Node(node), Party::Node(target));
        if !joined || !self.servers[target].host_up || self.servers[target].is_deaf {
            return self.schedule(self.now + S, again);
        }
        if !self.servers[target].up {
            return self.attempt_failed(node);
        }
        let request = Request::Continue {
            replica: node,
            process,
            attempt,
        };
        let asked = self.servers[target].process;
        if let Some(follow) = self.servers[node].follow_mut() {
            follow.asked = Some(asked);
        }
        self.arrive(target, NOBODY, request);
    }

    /// Tried again by the next cron.
    pub(super) fn attempt_failed(&mut self, node: usize) {
        if let Some(follow) = self.servers[node].follow_mut() {
            follow.link = LinkState::Down;
        }
    }

    /// Once a second.
    pub(crate) fn on_cron(&mut self, node: usize, process: Process) {
        let server = &self.servers[node];
        if !server.up || server.process != process {
            return;
        }
        self.schedule(self.now + S, Event::Cron { node, process });
        let server = &self.servers[node];
        if !server.runs(self.now) || server.is_loading() {
            return;
        }
        let replicates = server.follow().is_some() || server.backlog_from.is_some();
        let runs = u64::from(replicates || server.version.always_runs_cron());
        match server.follow().map(|follow| follow.link) {
            Some(LinkState::Down) => self.attempt(node),
            Some(link @ (LinkState::Up(id) | LinkState::Syncing(id))) => {
                let reset = self.streams.get(&id).is_none_or(|stream| {
                    let primary = &self.servers[stream.primary];
                    let joined = self
                        .net
                        .joins(Party::Node(node), Party::Node(stream.primary));
                    joined
                        && primary.host_up
                        && primary.process != stream.primary_process
                        && stream.wire.is_empty()
                });
                if reset {
                    self.link_lost(node);
                } else if link == LinkState::Up(id) {
                    self.acknowledge(node);
                }
            }
            Some(LinkState::Connecting) => {
                // Whoever was asked is gone: the connection ends.
                let asked = server.follow().and_then(|follow| follow.asked);
                let lives = |process| self.servers.iter().any(|it| it.up && it.process == process);
                if asked.is_some_and(|process| !lives(process)) {
                    self.attempt(node);
                }
            }
            None => {
                let due = server.cron_runs.is_multiple_of(server.ping_every);
                if due && !server.attached.is_empty() {
                    self.talk(node, PING);
                }
                self.count_good_replicas(node);
            }
        }
        self.servers[node].cron_runs += runs;
    }
}
