//! Connections of the monitors to the nodes: bytes in order, or not at all.
//!
//! A connection keeps what was sent until it arrives. A partition only delays it, and closing does
//! not take back what was sent: that is how the command of a monitor that is long gone still arrives.

use std::collections::VecDeque;

use rcm_core::id::{ActionId, Address, Epoch};
use rcm_core::observation::{Failure, Gates, Seen};

use crate::monitor::{Incarnation, Who};
use crate::network::{Party, REPEATED_AFTER};
use crate::node::Process;
use crate::strict::WriteId;
use crate::trace::{S, Time};
use crate::world::{Event, World};
use rcm_core::action::Outcome;

/// Names one connection.
pub(crate) type ConnId = u64;

/// Somebody without a connection that matters.
pub(crate) const NOBODY: ConnId = 0;

/// A connection of the monitor to a node.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) node: usize,
    pub(crate) process: Process,
    pub(crate) who: Who,
    /// Which start of that monitor it belongs to.
    pub(crate) incarnation: Incarnation,
    pub(crate) owner: Owner,
    /// The client name says that it acts, under this epoch.
    pub(crate) acts: Option<Epoch>,
    pub(crate) killed: bool,
    pub(crate) closed_here: Option<Time>,
    up: Lane<Request>,
    down: Lane<Reply>,
}

/// Who reads a connection's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Link(usize),
    Fresh(usize),
    Hand(usize),
    Cut(usize),
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    last: Time,
    held_until: Time,
}

impl<T> Lane<T> {
    /// What is lost is repeated later, all of it together.
    fn hold(&mut self, now: Time) {
        if self.held_until <= now {
            self.held_until = now + REPEATED_AFTER;
        }
    }

    const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            last: 0,
            held_until: 0,
        }
    }
}

/// What a node is asked.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Ping,
    Server,
    Replication,
    Condition,
    Clients,
    Name(Epoch),
    Act(ActionId, Epoch, Script),
    /// A client writes so many bytes.
    Write {
        client: usize,
        bytes: u64,
    },
    /// A client writes and waits for replicas (strict mode).
    Batch(WriteId),
    /// A replica asks to continue.
    Continue {
        replica: usize,
        process: Process,
        attempt: u64,
    },
}

/// What is done to a node.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    Fence(Epoch),
    Inspect,
    Pause(Time),
    Resume,
    Seal {
        evict: bool,
        shut: bool,
    },
    Promote,
    /// To whom, and to which process there.
    Attach(Address, Option<Process>),
    SetGates(Gates),
    Persist(Option<Gates>),
    Cut,
}

impl Script {
    /// A node that is loading says where it is, lists its clients and writes its file, and does
    /// nothing else.
    pub(crate) const fn is_refused_while_loading(&self) -> bool {
        !matches!(self, Self::Inspect | Self::Fence(_) | Self::Persist(None))
    }
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Seen(Result<Seen, Failure>),
    Named,
    Outcome(ActionId, Outcome),
    End,
}

/// How long the kernel goes on repeating what a process that is gone has sent.
const ORPHANED: Time = 20 * S;

impl World {
    pub(crate) fn connect(
        &mut self,
        who: Who,
        node: usize,
        owner: Owner,
        acts: Option<Epoch>,
    ) -> ConnId {
        self.next_conn += 1;
        let conn = Conn {
            node,
            process: self.servers[node].process,
            who,
            incarnation: self.monitors[who].incarnation,
            owner,
            acts,
            killed: false,
            closed_here: None,
            up: Lane::new(),
            down: Lane::new(),
        };
        self.conns.insert(self.next_conn, conn);
        self.next_conn
    }

    pub(crate) fn send(&mut self, id: ConnId, request: Request) {
        let delay = self.net.delay(&mut self.rng);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let at = conn.up.last.max(self.now + delay);
        conn.up.last = at;
        conn.up.waiting.push_back(request);
        self.schedule(at, Event::Up(id));
    }

    pub(crate) fn reply(&mut self, id: ConnId, reply: Reply) {
        let delay = self.net.delay(&mut self.rng);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let at = conn.down.last.max(self.now + delay);
        conn.down.last = at;
        conn.down.waiting.push_back(reply);
        self.schedule(at, Event::Down(id));
    }

    /// The monitor closes its end; what it sent is still on its way.
    pub(crate) fn close(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.closed_here.get_or_insert(self.now);
        }
    }

    /// A packet towards a node is due.
    pub(crate) fn on_up(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let (who, node) = (conn.who, conn.node);
        let orphaned = conn.closed_here.is_some_and(|at| self.now > at + ORPHANED);
        if orphaned {
            self.conns.remove(&id);
            return;
        }
        let server = &self.servers[node];
        if !self.net.passes(Party::Monitor(who), Party::Node(node)) || !server.host_up {
            conn.up.hold(self.now);
        }
        if conn.up.held_until > self.now {
            let at = conn.up.held_until;
            self.schedule(at, Event::Up(id));
            return;
        }
        let Some(request) = conn.up.waiting.pop_front() else {
            return;
        };
        let is_dead = !server.up || server.process != conn.process || conn.killed;
        if is_dead {
            self.reply(id, Reply::End);
        } else {
            self.arrive(node, id, request);
        }
    }

    /// A packet towards the monitor is due.
    pub(crate) fn on_down(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let who = conn.who;
        if self.monitors[who].paused_until > self.now {
            let at = self.monitors[who].paused_until;
            return self.schedule(at, Event::Down(id));
        }
        let server = &self.servers[conn.node];
        let is_end = matches!(conn.down.waiting.front(), Some(Reply::End));
        if !self.net.passes(Party::Node(conn.node), Party::Monitor(who)) || !server.host_up {
            if !server.host_up && !is_end {
                // The host took it along.
                conn.down.waiting.clear();
                return;
            }
            conn.down.hold(self.now);
        }
        if conn.closed_here.is_some() {
            return;
        }
        if conn.down.held_until > self.now {
            let at = conn.down.held_until;
            self.schedule(at, Event::Down(id));
            return;
        }
        let Some(reply) = conn.down.waiting.pop_front() else {
            return;
        };
        let (owner, incarnation) = (conn.owner, conn.incarnation);
        if let Some(who) = self.running(incarnation) {
            self.hear(who, id, owner, reply);
        }
    }

    /// The monitor ended: its kernel closes its connections.
    pub(crate) fn close_all(&mut self, who: Who) {
        let own = self.conns.iter().filter(|(_, conn)| conn.who == who);
        let open: Vec<ConnId> = own.map(|(id, _)| *id).collect();
        for id in open {
            self.close(id);
        }
    }

    /// The process at the other end ended: all its connections do.
    pub(crate) fn end_connections(&mut self, node: usize, process: Process) {
        let ended: Vec<ConnId> = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.node == node && conn.process == process)
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            self.reply(id, Reply::End);
        }
        self.conns.retain(|_, conn| {
            conn.node != node || conn.process != process || conn.closed_here.is_none()
        });
    }
}

impl World {
    /// All connections of a living process end: the monitors', and those that it replicates over.
    pub(crate) fn reset_connections(&mut self, node: usize) {
        if !self.servers[node].up {
            return;
        }
        self.kill(node, |_, _| true);
        let fed = self.servers[node].attached.values();
        let fed: Vec<usize> = fed.map(|fed| fed.node).collect();
        for replica in fed.into_iter().chain([node]) {
            self.cut_link(replica);
        }
    }
}

impl Conn {
    /// What was sent and has not arrived.
    pub(crate) fn on_the_way(&self) -> impl Iterator<Item = &Request> {
        self.up.waiting.iter()
    }
}
