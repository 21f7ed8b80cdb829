//! What all connections of a door share: the groups, who may do what, who is connected.
//!
//! Always holds: one request is answered from one snapshot of each group that it names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rcm_core::id::{Address, GroupName, MonitorId};
use rcm_core::policy::Policy;
use rcm_core::status::{NodeRole, NodeStatus, Status};
use rcm_core::time::Instant;
use tokio::sync::watch;

use super::clients::{Client, Clients};
use super::complaints::Complaints;
use super::message::{Message, SWITCH};
use super::scripts::Scripts;
use super::session::Session;
use crate::clock::Clock;
use crate::config::Sentinel;
use crate::driver::{Company, Holders, Requests};
use crate::redis::Memory;

/// So many bytes may wait in all connections together: for the rest of a request, or for a client
/// to read. Without it, ten thousand clients that do not read would end the monitor.
const HELD_MOST: usize = 64 * 1024 * 1024;

/// A group as the door knows it.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// How it is failed over, now and from now on.
    pub policy: watch::Receiver<Policy>,
    /// The published snapshot.
    pub status: watch::Receiver<Arc<Status>>,
    /// What its nodes said last.
    pub memory: Memory,
    /// Where another primary can be asked for.
    pub requests: Requests,
    /// Those who are asked before a primary's writes are paused.
    pub holders: Holders,
    /// The monitors that share it.
    pub company: Company,
}

/// What all connections share.
#[derive(Debug)]
pub struct House {
    pub(super) groups: Vec<Group>,
    pub(super) settings: Sentinel,
    pub(super) clients: Clients,
    pub(super) counters: Counters,
    complaints: Complaints,
    held: AtomicUsize,
    pub(super) scripts: Scripts,
    pub(super) id: String,
    clock: Clock,
    pub(super) opened: Instant,
}

/// What `INFO stats` counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) commands: AtomicU64,
    pub(super) errors: AtomicU64,
}

impl House {
    /// A house of these groups.
    pub fn new(
        mut groups: Vec<Group>,
        settings: Sentinel,
        scripts: Scripts,
        monitor: &MonitorId,
        clock: Clock,
    ) -> Self {
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            groups,
            settings,
            clients: Clients::default(),
            counters: Counters::default(),
            complaints: Complaints::default(),
            held: AtomicUsize::new(0),
            scripts,
            id: id_of(monitor),
            clock,
            opened: clock.now(),
        }
    }

    /// A connection between these two addresses, which has just been accepted; it is in the list of
    /// clients until [`House::leave`].
    pub fn session(&self, peer: SocketAddr, local: SocketAddr) -> Session {
        Session::new(self, self.clients.enter(peer, local, self.now()))
    }

    /// The connection has ended.
    pub fn leave(&self, session: &Session) {
        self.clients.leave(&session.client);
    }

    /// A line in the log about a client, unless there were many just now.
    pub(super) fn complain(&self, client: &Client, what: &str) {
        if let Some(untold) = self.complaints.may_tell(self.now()) {
            let peer = client.peer;
            tracing::info!(%peer, untold, "a client of the Sentinel API {what}");
        }
    }

    /// A connection holds `now` bytes that it cannot use or send yet, and held `before`. Whether
    /// all of them together hold no more than they may.
    pub(super) fn hold(&self, before: usize, now: usize) -> bool {
        self.held.fetch_sub(before, Ordering::Relaxed);
        self.held.fetch_add(now, Ordering::Relaxed) + now <= HELD_MOST
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) fn group(&self, name: &[u8]) -> Option<&Group> {
        let name = str::from_utf8(name).ok()?;
        self.groups.iter().find(|group| group.name.as_str() == name)
    }

    /// The address that clients are given.
    pub(super) fn announced(&self, node: &NodeStatus) -> Address {
        if self.settings.announce_hostnames {
            node.address.clone()
        } else {
            node.endpoint()
        }
    }

    /// Where the primary of a group listens; `None` while it is not known.
    pub(super) fn primary(&self, status: &Status) -> Option<Address> {
        match status.primary_node() {
            Some(node) => Some(self.announced(node)),
            None => status.primary.clone(),
        }
    }

    /// For a new subscriber: who is primary, as if it had become so this moment.
    pub(super) fn current_primaries(&self) -> Vec<Message> {
        let current = self.groups.iter().filter_map(|group| {
            let address = self.primary(&group.snapshot())?;
            let (host, port) = (address.host(), address.port());
            let payload = format!("{} {host} {port} {host} {port}", group.name);
            Some(Message::new(SWITCH, payload))
        });
        current.collect()
    }
}

impl Group {
    pub(super) fn snapshot(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }
}

/// The nodes that are no primary in office.
pub(super) fn replicas(status: &Status) -> impl Iterator<Item = &NodeStatus> {
    let primary = status.primary_node().map(|node| &node.address);
    status
        .nodes
        .iter()
        .filter(move |node| node.role != NodeRole::Primary && Some(&node.address) != primary)
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Forty digits, as clients expect; the same after every restart.
pub(super) fn id_of(monitor: &MonitorId) -> String {
    let parts = (0..5_u8).map(|part| {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&[part]);
        sum.update(monitor.as_str().as_bytes());
        format!("{:08x}", sum.finalize())
    });
    parts.collect::<Vec<_>>().concat()
}
