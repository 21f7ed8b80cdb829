//! A simulated server: its process, its data and its place in the replication.
//!
//! Here is its state and what each command changes in it. How streams run between servers is in
//! [`replication`](crate::replication).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rcm_core::action::Report;
use rcm_core::id::{Address, Offset, ReplicationId, RunId};
use rcm_core::observation::{Attached, Condition, Following, Identity, Replication, Role};

use crate::access::Access;
use crate::history::{Branch, History};
use crate::strict::{Confirmation, Wait};
use crate::trace::{S, Time};
use crate::wire::{ConnId, Request};

/// Names one incarnation of one server.
pub(crate) type Process = u64;
/// Names one replication connection.
pub(crate) type StreamId = u64;

/// A server and its host.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) up: bool,
    pub(crate) host_up: bool,
    /// `SIGSTOP`.
    pub(crate) stopped: bool,
    /// A script runs, since when and until when.
    pub(crate) script: Option<(Time, Time)>,
    pub(crate) loading_until: Option<Time>,
    /// Until then it applies its stream slowly.
    pub(crate) slow_until: Time,
    pub(crate) id: ReplicationId,
    pub(crate) previous: Option<(ReplicationId, u64)>,
    pub(crate) offset: u64,
    /// The first offset that can still be sent to a replica.
    pub(crate) backlog_from: u64,
    pub(crate) backlog_size: u64,
    pub(crate) place: Place,
    pub(crate) history: History,
    pub(crate) branch: Branch,
    /// What waits in its sockets.
    pub(crate) inbox: VecDeque<(ConnId, Request)>,
    pub(crate) attached: BTreeMap<usize, StreamId>,
    pub(crate) priority: u32,
    /// `replicaof` in its configuration file.
    pub(crate) configured: Option<Address>,
    /// As of 7.0: a primary finds its replication id in its dump.
    pub(crate) remembers_id: bool,
    /// What it is loading; its place in the replication changes at the end of that.
    pub(crate) received: Option<Dump>,
    /// The dump on its disk.
    pub(crate) dump: Option<Dump>,
    pub(crate) last_ping: Time,
    /// What it lets through now.
    pub(crate) access: Access,
    /// What its configuration file says of that.
    pub(crate) born: Access,
    /// What it believes that its replicas hold, by connection.
    pub(crate) confirmed: BTreeMap<StreamId, Confirmation>,
    /// Connections of replicas that it knows to have ended.
    pub(crate) closed_streams: BTreeSet<StreamId>,
    /// Clients that wait for replicas.
    pub(crate) waits: Vec<Wait>,
    /// How often all its clients were sent away.
    pub(crate) evictions: u64,
}

/// Primary or replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Primary,
    Replica(Follow),
}

/// Whom a replica follows, and how far it is with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Follow {
    pub(crate) target: Address,
    /// The monitor told it to.
    pub(crate) told_by_monitor: bool,
    /// The process that was asked to let it continue and has not answered.
    pub(crate) asked: Option<Process>,
    /// The process that was meant.
    pub(crate) meant: Option<Process>,
    pub(crate) link: LinkState,
    /// Counts attempts, so that late answers to older ones are known.
    pub(crate) attempt: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Down,
    Connecting,
    Syncing(StreamId),
    Up(StreamId),
}

/// A data set with its place in the replication.
#[derive(Clone, Debug)]
pub(crate) struct Dump {
    pub(crate) id: ReplicationId,
    pub(crate) previous: Option<(ReplicationId, u64)>,
    pub(crate) offset: u64,
    pub(crate) history: History,
}

/// `busy-reply-threshold`.
pub(crate) const BUSY_THRESHOLD: Time = 5 * S;

impl Server {
    pub(crate) fn new(remembers_id: bool) -> Self {
        Self {
            process: 0,
            up: false,
            host_up: true,
            stopped: false,
            script: None,
            loading_until: None,
            slow_until: 0,
            id: ReplicationId::from_number(0),
            previous: None,
            offset: 0,
            backlog_from: 1,
            backlog_size: 1 << 20,
            place: Place::Primary,
            history: History::default(),
            branch: 0,
            inbox: VecDeque::new(),
            attached: BTreeMap::new(),
            priority: 100,
            configured: None,
            remembers_id,
            received: None,
            dump: None,
            last_ping: 0,
            access: Access::STOCK,
            born: Access::STOCK,
            confirmed: BTreeMap::new(),
            closed_streams: BTreeSet::new(),
            waits: Vec::new(),
            evictions: 0,
        }
    }

    pub(crate) const fn run_id(&self) -> RunId {
        RunId::from_number(self.process)
    }

    pub(crate) const fn is_primary(&self) -> bool {
        matches!(self.place, Place::Primary)
    }

    pub(crate) const fn follow(&self) -> Option<&Follow> {
        match &self.place {
            Place::Replica(follow) => Some(follow),
            Place::Primary => None,
        }
    }

    pub(crate) const fn follow_mut(&mut self) -> Option<&mut Follow> {
        match &mut self.place {
            Place::Replica(follow) => Some(follow),
            Place::Primary => None,
        }
    }

    pub(crate) fn link_is_up(&self) -> bool {
        self.follow()
            .is_some_and(|follow| matches!(follow.link, LinkState::Up(_)))
    }

    pub(crate) fn is_syncing(&self) -> bool {
        self.follow()
            .is_some_and(|follow| matches!(follow.link, LinkState::Syncing(_)))
    }

    /// Whether it executes commands now.
    pub(crate) fn runs(&self, now: Time) -> bool {
        let in_script = self
            .script
            .is_some_and(|(since, until)| now < until && now < since + BUSY_THRESHOLD);
        self.up && !self.stopped && !in_script
    }

    /// Whether it answers `BUSY`.
    pub(crate) fn is_busy(&self, now: Time) -> bool {
        self.script
            .is_some_and(|(since, until)| now < until && now >= since + BUSY_THRESHOLD)
    }

    pub(crate) const fn is_loading(&self) -> bool {
        self.loading_until.is_some()
    }

    /// Bytes that the process itself adds to its stream.
    pub(crate) fn append(&mut self, branch: Branch, bytes: u64) {
        self.history.append(branch, bytes);
        self.offset += bytes;
        self.backlog_from = self
            .backlog_from
            .max((self.offset + 1).saturating_sub(self.backlog_size));
    }

    /// The load is over: the data set has its place.
    pub(crate) fn settle_in(&mut self) {
        if let Some(dump) = self.received.take() {
            self.id = dump.id;
            self.previous = dump.previous;
            self.offset = dump.offset;
            self.backlog_from = dump.offset + 1;
        }
    }

    pub(crate) fn dump_now(&self) -> Dump {
        Dump {
            id: self.id,
            previous: None,
            offset: self.offset,
            history: self.history.clone(),
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity {
            run_id: self.run_id(),
            version: String::from("redis 7.0.15"),
            busy_threshold: Some(Duration::from_micros(BUSY_THRESHOLD)),
            can_replicate: true,
        }
    }

    /// `strict`: the monitor asks about the user that replicas attach as.
    pub(crate) fn condition(&self, strict: bool) -> Condition {
        let gates = self.access.gates();
        Condition {
            empty: self.history.length() == 0,
            min_replicas: gates.min_replicas,
            feeds: strict.then_some(gates.feeds),
            ..Condition::default()
        }
    }

    /// `INFO replication`; `addresses` are those of all servers.
    pub(crate) fn replication(&self, addresses: &[Address]) -> Replication {
        let role = match &self.place {
            Place::Primary => Role::Primary {
                replicas: self
                    .attached
                    .keys()
                    .map(|&node| Attached {
                        address: addresses[node].clone(),
                        offset: Offset(self.offset),
                        online: true,
                    })
                    .collect(),
                good_replicas: None,
            },
            Place::Replica(follow) => Role::Replica(Following {
                primary: follow.target.clone(),
                link_up: matches!(follow.link, LinkState::Up(_)),
                syncing: matches!(follow.link, LinkState::Syncing(_)),
                priority: self.priority,
            }),
        };
        Replication {
            id: self.id,
            previous: self.previous.map(|(id, offset)| (id, Offset(offset))),
            offset: Offset(self.offset),
            role,
            loading: self.is_loading(),
        }
    }

    pub(crate) fn report(&self, addresses: &[Address]) -> Report {
        Report {
            run_id: self.run_id(),
            replication: self.replication(addresses),
        }
    }
}
