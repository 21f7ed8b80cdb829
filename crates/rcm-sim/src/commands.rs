//! What a server does with what arrives in its sockets.

use rcm_core::action::{Done, Failed, Outcome};
use rcm_core::id::{Address, Epoch};
use rcm_core::observation::{Deciders, Failure, Gates, Seen};

use crate::node::Place;
use crate::wire::{Conn, ConnId, NOBODY, Reply, Request, Script};
use crate::world::World;

impl World {
    /// A request is in a server's socket: executed at once, or when the process runs again.
    pub(crate) fn arrive(&mut self, node: usize, conn: ConnId, request: Request) {
        let server = &mut self.servers[node];
        if server.runs(self.now) && server.inbox.is_empty() {
            self.execute(node, conn, request);
        } else {
            server.inbox.push_back((conn, request));
        }
    }

    /// The process runs again: what has been waiting is executed.
    pub(crate) fn wake(&mut self, node: usize) {
        if self.rng.percent(50) {
            self.apply(node);
        }
        while self.servers[node].runs(self.now) {
            let Some((conn, request)) = self.servers[node].inbox.pop_front() else {
                break;
            };
            self.execute(node, conn, request);
        }
        self.apply(node);
    }

    fn execute(&mut self, node: usize, conn: ConnId, request: Request) {
        if self.conns.get(&conn).is_some_and(|conn| conn.killed) {
            return;
        }
        let busy = self.servers[node].is_busy(self.now);
        let reply = match request {
            Request::Write { client, bytes } => {
                if !busy {
                    self.on_write(node, client, bytes);
                }
                return;
            }
            Request::Batch(write) => {
                if !busy {
                    self.on_batch_read(node, write);
                }
                return;
            }
            Request::Continue {
                replica,
                process,
                attempt,
            } => {
                return self.on_continue(node, replica, process, attempt);
            }
            Request::Act(id, ..) if busy => {
                let text = String::from("BUSY Redis is busy running a script");
                Reply::Outcome(id, Outcome::Failed(Failed::Refused(text)))
            }
            Request::Act(id, epoch, script) => {
                if matches!(script, Script::Seal { .. }) && self.is_sealed_unseen(node, conn, id) {
                    return;
                }
                Reply::Outcome(id, self.run_act(node, conn, epoch, script))
            }
            Request::Name(epoch) => {
                if let Some(conn) = self.conns.get_mut(&conn) {
                    conn.acts = Some(epoch);
                }
                Reply::Named
            }
            Request::Ping | Request::Replication | Request::Server if busy => {
                Reply::Seen(Err(Failure::Busy))
            }
            Request::Condition | Request::Clients if busy => Reply::Named,
            Request::Ping => Reply::Seen(Ok(Seen::Alive)),
            Request::Server => Reply::Seen(Ok(Seen::Identity(self.servers[node].identity()))),
            Request::Replication => {
                let replication = self.servers[node].replication(&self.addresses);
                Reply::Seen(Ok(Seen::Replication(replication)))
            }
            Request::Condition => Reply::Seen(Ok(Seen::Condition(
                self.servers[node].condition(self.ack_replicas > 0),
            ))),
            Request::Clients => {
                let process = self.servers[node].process;
                let is_hand = |conn: &Conn| {
                    conn.node == node
                        && conn.process == process
                        && conn.acts.is_some()
                        // The node knows of the end only after everything that was sent before it.
                        && (conn.closed_here.is_none() || conn.on_the_way().next().is_some())
                };
                let older_hands = self.conns.values().any(is_hand);
                Reply::Seen(Ok(Seen::Deciders(Deciders {
                    rivals: Vec::new(),
                    older_hands,
                })))
            }
        };
        self.reply(conn, reply);
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each script")]
    fn run_act(&mut self, node: usize, conn: ConnId, epoch: Epoch, script: Script) -> Outcome {
        let loading = self.servers[node].is_loading();
        let refused = || {
            let text = "LOADING Redis is loading the dataset in memory";
            Outcome::Failed(Failed::Refused(text.to_owned()))
        };
        if !loading || !script.is_refused_while_loading() {
            self.check_executed(node, epoch, &script);
        }
        match script {
            Script::Inspect => {
                Outcome::Done(Done::Inspected(self.servers[node].report(&self.addresses)))
            }
            Script::Fence(epoch) => {
                self.kill(node, |id, other| {
                    id != conn && other.acts.is_some_and(|acts| acts < epoch)
                });
                Outcome::Done(Done::Fenced)
            }
            _ if loading && script.is_refused_while_loading() => refused(),
            Script::Pause(within) => {
                self.pause_writes(node, within);
                Outcome::Done(Done::Paused(self.servers[node].report(&self.addresses)))
            }
            Script::Resume => {
                self.end_pause(node);
                Outcome::Done(Done::Accepted)
            }
            Script::Seal { evict, shut } => {
                if shut {
                    self.servers[node].access.seal();
                }
                self.follow(node, &Address::tombstone(), true);
                if shut {
                    self.drop_replicas_unsent(node);
                }
                if evict {
                    self.servers[node].pause = None;
                    // Clients that are killed are not read any more.
                    self.evict_clients(node);
                    let is_client = |request: &Request| {
                        matches!(request, Request::Write { .. } | Request::Batch(_))
                    };
                    self.servers[node]
                        .inbox
                        .retain(|(_, request)| !is_client(request));
                    self.kill(node, |id, _| id != conn);
                }
                self.note([30, node as u64, 0], |world| {
                    format!("{} is sealed", world.name(node))
                });
                Outcome::Done(Done::Sealed(self.servers[node].report(&self.addresses)))
            }
            Script::Promote => {
                self.promote(node);
                self.note([31, node as u64, 0], |world| {
                    format!("{} is promoted", world.name(node))
                });
                Outcome::Done(Done::Promoted(self.servers[node].report(&self.addresses)))
            }
            Script::Attach(target, meant) => {
                self.servers[node].access.knows_password = self.ack_replicas > 0;
                self.follow(node, &target, true);
                if let Some(follow) = self.servers[node].follow_mut() {
                    follow.meant = meant;
                }
                self.note([32, node as u64, 0], |world| {
                    format!("{} is attached to {target}", world.name(node))
                });
                Outcome::Done(Done::Accepted)
            }
            Script::SetGates(gates) => {
                self.servers[node].access.set(gates);
                self.note([35, node as u64, u64::from(gates.feeds)], |world| {
                    let what = if gates == Gates::SHUT {
                        "shut"
                    } else {
                        "opened"
                    };
                    format!("{} is {what}", world.name(node))
                });
                Outcome::Done(Done::Gated(gates))
            }
            Script::Persist(gates) => self.persist(node, gates),
            Script::Cut => {
                self.cut_link(node);
                Outcome::Done(Done::Accepted)
            }
        }
    }

    /// `CONFIG REWRITE`, with the gates shut for that moment if they are to be.
    fn persist(&mut self, node: usize, gates: Option<Gates>) -> Outcome {
        let server = &mut self.servers[node];
        server.configured = match &server.place {
            Place::Primary => None,
            Place::Replica(follow) => Some(follow.target.clone()),
        };
        if gates.is_some() {
            server.access.set(Gates::SHUT);
        }
        server.born = server.access;
        match gates {
            None => Outcome::Done(Done::Accepted),
            Some(gates) => {
                server.access.set(gates);
                Outcome::Done(Done::Gated(gates))
            }
        }
    }

    /// Ends connections at the node's side: what waits in them is not executed any more.
    pub(crate) fn kill(&mut self, node: usize, which: impl Fn(ConnId, &Conn) -> bool) {
        let process = self.servers[node].process;
        let mut killed = Vec::new();
        for (&id, other) in &mut self.conns {
            if other.node == node && other.process == process && !other.killed && which(id, other) {
                other.killed = true;
                killed.push(id);
            }
        }
        for id in killed {
            self.reply(id, Reply::End);
        }
    }

    /// A client's write is in the socket of a server.
    pub(crate) fn on_client_packet(
        &mut self,
        node: usize,
        process: u64,
        client: usize,
        bytes: u64,
    ) {
        let server = &self.servers[node];
        if server.up && server.host_up && server.process == process {
            self.arrive(node, NOBODY, Request::Write { client, bytes });
        }
    }
}
