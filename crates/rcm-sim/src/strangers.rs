//! Servers of another group: a primary that nobody listed; one that is listed by mistake and is its
//! replica, or comes up later with data of its own; and those that get the address of a node.

use rcm_core::id::{ActionId, Address};

use crate::access::Access;
use crate::node::{Follow, Place, Process, Server};
use crate::replication::Piece;
use crate::trace::{MS, S};
use crate::wire::ConnId;
use crate::world::{Event, World};

impl World {
    /// The other group: its primary comes last among the servers.
    pub(crate) fn add_strangers(&mut self) {
        match self.rng.range(0, 2) {
            0 => {
                let listed = self.add_stranger();
                self.membership.listed.push(listed);
                let other = self.add_stranger();
                self.start_stranger(listed, Some(other));
                self.start_stranger(other, None);
            }
            1 => {
                let listed = self.add_stranger();
                self.membership.listed.push(listed);
                let other = self.add_stranger();
                self.start_stranger(other, None);
                let at = self.rng.range(S, 8 * S);
                self.schedule(at, Event::StrangerComes(listed));
            }
            _ => {
                let other = self.add_stranger();
                self.start_stranger(other, None);
            }
        }
    }

    fn add_stranger(&mut self) -> usize {
        let node = self.servers.len();
        let host = format!("10.0.9.{}", node + 1);
        self.addresses.push(Address::new(host, 6379));
        let server = Server::new(self.servers[0].version);
        self.servers.push(Server {
            stranger: true,
            ..server
        });
        node
    }

    /// A server with a history of its own starts, on an address where nobody is.
    fn start_stranger(&mut self, node: usize, follows: Option<usize>) {
        let mut server = Server::new(self.servers[node].version);
        let process = self.new_process();
        server.process = process;
        server.stranger = true;
        server.up = true;
        server.born = Access::FOREIGN;
        server.access = server.born;
        server.id = self.new_replication_id();
        server.branch = self.new_branch();
        server.begin_backlog();
        let bytes = self.rng.pick(&[40, 3_000, 80_000]);
        server.append(Piece::of_keys(server.branch, bytes));
        server.dump = Some(server.dump_now());
        server.configured = follows.map(|node| self.addresses[node].clone());
        if let Some(target) = server.configured.clone() {
            server.place = Place::Replica(Follow::configured(target, true));
        }
        self.servers[node] = server;
        self.robbed.remove(&node);
        self.coverage.count("strangers");
        self.note([82, node as u64, process], |world| {
            format!("{} is a server of another group", world.name(node))
        });
        let first = self.now + self.rng.range(0, 100 * MS);
        self.schedule(first, Event::Cron { node, process });
    }

    pub(crate) fn on_stranger_comes(&mut self, node: usize) {
        self.start_stranger(node, None);
    }

    /// Whether a stranger is about to be sealed by a monitor that had not looked at it when it sent the
    /// seal, and could not know. Nobody can tell it from a member afterwards: the run ends here.
    pub(crate) fn is_sealed_unseen(&mut self, node: usize, conn: ConnId, seal: ActionId) -> bool {
        let server = &self.servers[node];
        let Some(conn) = self.conns.get(&conn).filter(|_| server.stranger) else {
            return false;
        };
        let looked_at = self
            .truth
            .looked_at
            .get(&(conn.incarnation, server.process));
        let sent = self.truth.sent.get(&(conn.incarnation, seal));
        let unseen = looked_at.is_none_or(|at| Some(at) > sent);
        if unseen {
            self.coverage.count("strangers sealed unseen");
            self.finished = true;
        }
        unseen
    }

    /// Somebody else starts where this process was.
    pub(crate) fn on_address_taken(&mut self, node: usize, process: Process, leads: bool) {
        let server = &self.servers[node];
        if server.up || server.process != process {
            return;
        }
        let other = self.servers.len() - 1;
        if leads {
            self.start_stranger(node, None);
            let target = self.addresses[node].clone();
            self.follow(other, &target, false);
        } else {
            self.start_stranger(node, Some(other));
        }
    }
}
