//! How processes and hosts end, stop and come back.

use crate::nemesis::Disk;
use crate::node::{BUSY_THRESHOLD, Dump, Follow, Place, Process, Syncs};
use crate::trace::{MS, Time};
use crate::world::{Event, World};

impl World {
    /// `kill -9`; a forked child may keep the connections open for a while.
    pub(crate) fn crash(&mut self, node: usize, child: Time) {
        if !self.servers[node].up {
            return;
        }
        self.end_process(node);
        let process = self.servers[node].process;
        self.schedule(self.now + child, Event::Ended { node, process });
    }

    /// The host loses its power: nothing comes from it any more.
    pub(crate) fn lose_host(&mut self, node: usize) {
        if self.servers[node].up {
            self.end_process(node);
        }
        self.servers[node].host_up = false;
    }

    fn end_process(&mut self, node: usize) {
        self.leave_office(node);
        let server = &mut self.servers[node];
        server.up = false;
        server.stopped = false;
        server.script = None;
        server.loading_until = None;
        server.settle_in();
        server.inbox.clear();
        server.pause = None;
    }

    /// The kernel closes the dead process's connections.
    pub(crate) fn on_ended(&mut self, node: usize, process: Process) {
        if self.servers[node].process != process || !self.servers[node].host_up {
            return;
        }
        self.end_connections(node, process);
        self.drop_link(node);
        self.drop_replicas(node);
    }

    /// The process starts again, with what is on its disk.
    #[expect(
        clippy::too_many_lines,
        reason = "one process has one list of things to set"
    )]
    pub(crate) fn restart(&mut self, node: usize, process: Process, disk: Disk) {
        if self.servers[node].process != process || self.servers[node].up {
            return;
        }
        if self.servers[node].host_up {
            self.on_ended(node, process);
        }
        let fresh = self.new_replication_id();
        let (next, branch) = (self.new_process(), self.new_branch());
        let loading = self.rng.pick(&[0, 0, 2 * MS, 100 * MS, 700 * MS]);
        if disk != Disk::Everything {
            self.robbed.insert(node);
        }
        let server = &mut self.servers[node];
        let found = match disk {
            Disk::Everything | Disk::OnlyData => Some(server.dump_now()),
            Disk::OlderDump => server.dump.clone(),
            Disk::Nothing => None,
        };
        server.process = next;
        server.branch = branch;
        server.up = true;
        server.host_up = true;
        server.attached.clear();
        server.access = server.born;
        server.waits.clear();
        server.cron_runs = 0;
        server.selected = false;
        server.good_replicas = 0;
        server.syncs = Syncs::default();
        server.history = found
            .as_ref()
            .map(|dump| dump.history.clone())
            .unwrap_or_default();
        let known = found.filter(|_| disk != Disk::OnlyData);
        let is_replica = server.configured.is_some();
        let known =
            known.filter(|dump| dump.tells_place && (is_replica || server.version.remembers_id()));
        // Until it has loaded its dump it does not know its place.
        server.id = fresh;
        server.previous = None;
        server.offset = 0;
        server.backlog_from = None;
        server.received = known.map(|dump| {
            if is_replica {
                return dump;
            }
            Dump {
                id: fresh,
                previous: Some((dump.id, dump.offset)),
                ..dump
            }
        });
        server.place = match server.configured.clone() {
            None => Place::Primary,
            Some(target) => Place::Replica(Follow::configured(target, server.received.is_some())),
        };
        let until = self.now + loading;
        server.loading_until = (loading > 0).then_some(until);
        if loading == 0 {
            server.settle_in();
        }
        self.note([80, node as u64, next], |world| {
            format!(
                "{} starts again with {disk:?} on its disk",
                world.name(node)
            )
        });
        self.schedule(
            until,
            Event::Loaded {
                node,
                process: next,
            },
        );
        self.schedule(
            until,
            Event::Cron {
                node,
                process: next,
            },
        );
    }

    pub(crate) fn run_script(&mut self, node: usize, time: Time) {
        let now = self.now;
        let server = &mut self.servers[node];
        if !server.up || server.script.is_some() || server.is_loading() {
            return;
        }
        server.script = Some((now, now + time));
        let process = server.process;
        self.schedule(
            now + time.min(BUSY_THRESHOLD),
            Event::Wake { node, process },
        );
        self.schedule(now + time, Event::ScriptEnds { node, process });
    }

    pub(crate) fn on_script_ends(&mut self, node: usize, process: Process) {
        let server = &mut self.servers[node];
        if server.process == process && server.up {
            server.script = None;
            self.wake(node);
        }
    }

    /// A script begins to answer `BUSY`.
    pub(crate) fn on_wake(&mut self, node: usize, process: Process) {
        if self.servers[node].process == process {
            self.wake(node);
        }
    }

    /// `SIGCONT`.
    pub(crate) fn resume(&mut self, node: usize, process: Process) {
        let now = self.now;
        let server = &mut self.servers[node];
        if server.process != process || !server.up {
            return;
        }
        let was_stopped = std::mem::replace(&mut server.stopped, false);
        if was_stopped {
            self.note([81, node as u64, 0], |world| {
                format!("{} runs again", world.name(node))
            });
            // It reads what has piled up in pieces, and answers others in between.
            let catch_up = self.rng.pick(&[0, 0, 5 * MS, 60 * MS]);
            let server = &mut self.servers[node];
            server.slow_until = server.slow_until.max(now + catch_up);
        }
        self.wake(node);
    }

    /// The dump on the disk is renewed.
    pub(crate) fn on_save(&mut self, node: usize) {
        let server = &mut self.servers[node];
        if server.up && !server.is_loading() {
            server.dump = Some(server.dump_now());
        }
    }
}
