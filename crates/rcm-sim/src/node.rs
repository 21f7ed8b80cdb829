//! A simulated server: its process, its data and its place in the replication.
//!
//! Here is its state and what each command changes in it. How streams run between servers is in
//! [`replication`](crate::replication).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rcm_core::action::Report;
use rcm_core::id::{Address, Offset, ReplicationId, RunId};
use rcm_core::observation::{Attached, Condition, Following, Identity, Replication, Role};

use crate::access::Access;
use crate::history::{Branch, History};
use crate::pause::Pause;
use crate::replication::Piece;
use crate::strict::Wait;
use crate::trace::{S, Time};
use crate::wire::{ConnId, Request};

/// Names one incarnation of one server.
pub(crate) type Process = u64;
/// Names one replication connection.
pub(crate) type StreamId = u64;

/// Whose ways a server has, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are names")]
pub enum Version {
    Redis62,
    Redis7,
    Valkey9,
}

impl Version {
    /// A primary finds its place in the replication in its dump.
    pub(crate) fn remembers_id(self) -> bool {
        self != Self::Redis62
    }

    /// Its replication cron runs also when there is nobody to replicate with.
    pub(crate) fn always_runs_cron(self) -> bool {
        self != Self::Valkey9
    }

    /// `WAIT` is about all that the primary added to its stream before the client's last command,
    /// and not only about what that client wrote.
    pub(crate) fn waits_for_others(self) -> bool {
        self != Self::Valkey9
    }

    /// Told to follow somebody, it keeps its own replicas until it knows that its stream is another
    /// one.
    pub(crate) fn keeps_replicas(self) -> bool {
        self != Self::Redis62
    }

    /// A replica that is promised everything knows its old place until it has the new data.
    pub(crate) fn keeps_place(self) -> bool {
        self != Self::Redis62
    }

    /// It sends its data set without a file, and what was written meanwhile only once the replica
    /// has acknowledged that.
    pub(crate) fn syncs_without_disk(self) -> bool {
        self != Self::Redis62
    }
}

/// A server and its host.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub(crate) struct Server {
    pub(crate) process: Process,
    /// It belongs to another group: neither its data nor its role is any business of the monitors.
    pub(crate) stranger: bool,
    pub(crate) up: bool,
    pub(crate) host_up: bool,
    /// What asks for a new connection does not reach it.
    pub(crate) is_deaf: bool,
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
    /// The first offset that can still be sent to a replica. There is none before the first
    /// replica comes, and until then the offset does not move.
    pub(crate) backlog_from: Option<u64>,
    pub(crate) backlog_size: u64,
    pub(crate) place: Place,
    pub(crate) history: History,
    pub(crate) branch: Branch,
    /// What waits in its sockets.
    pub(crate) inbox: VecDeque<(ConnId, Request)>,
    /// The streams that it feeds, also those of which it does not know that they ended.
    pub(crate) attached: BTreeMap<StreamId, Fed>,
    pub(crate) priority: u32,
    /// `replicaof` in its configuration file.
    pub(crate) configured: Option<Address>,
    pub(crate) version: Version,
    /// Whether its stream says already which database its writes are for.
    pub(crate) selected: bool,
    /// How many it counts for its `min-replicas-to-write`.
    pub(crate) good_replicas: u32,
    pub(crate) syncs: Syncs,
    /// What it is loading; its place in the replication changes at the end of that.
    pub(crate) received: Option<Dump>,
    /// The dump on its disk.
    pub(crate) dump: Option<Dump>,
    /// What it lets through now.
    pub(crate) access: Access,
    /// What its configuration file says of that.
    pub(crate) born: Access,
    /// Clients that wait for replicas.
    pub(crate) waits: Vec<Wait>,
    /// How often all its clients were sent away.
    pub(crate) evictions: u64,
    pub(crate) pause: Option<Pause>,
    /// How often its replication cron has run.
    pub(crate) cron_runs: u64,
    /// `repl-ping-replica-period`, in runs of that cron.
    pub(crate) ping_every: u64,
}

/// What a server has answered to those who asked to continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    /// Given everything.
    pub full: u64,
    /// Let continue.
    pub partial: u64,
    /// Not let continue.
    pub refused: u64,
}

impl Syncs {
    /// One answer more, to a replica that asked to continue or did not.
    pub(crate) const fn count(&mut self, partial: bool, asks: bool) {
        if partial {
            self.partial += 1;
            return;
        }
        self.full += 1;
        if asks {
            self.refused += 1;
        }
    }
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
    /// The process that was meant when the command was given.
    pub(crate) meant: Option<Process>,
    pub(crate) link: LinkState,
    /// It knows a place from which it can ask to continue.
    pub(crate) remembers: bool,
    /// Counts attempts, so that late answers to older ones are known.
    pub(crate) attempt: u64,
}

impl Follow {
    /// Whom a process follows that finds this in its file. It knows its place, or has none.
    pub(crate) const fn configured(target: Address, remembers: bool) -> Self {
        Self {
            target,
            told_by_monitor: false,
            meant: None,
            asked: None,
            link: LinkState::Down,
            remembers,
            attempt: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Down,
    Connecting,
    Syncing(StreamId),
    Up(StreamId),
}

/// A replica as its primary sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fed {
    pub(crate) node: usize,
    /// It has its data set, as far as the primary knows.
    pub(crate) online: bool,
    pub(crate) acked: u64,
    pub(crate) acked_at: Time,
}

/// A data set with its place in the replication.
#[derive(Clone, Debug)]
pub(crate) struct Dump {
    pub(crate) id: ReplicationId,
    pub(crate) previous: Option<(ReplicationId, u64)>,
    pub(crate) offset: u64,
    pub(crate) history: History,
    /// Whether the file says to which place of which stream the data belongs.
    pub(crate) tells_place: bool,
}

/// The default of `repl-ping-replica-period`, in seconds.
const PING_EVERY: u64 = 10;

/// `busy-reply-threshold`.
pub(crate) const BUSY_THRESHOLD: Time = 5 * S;

impl Server {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            process: 0,
            stranger: false,
            up: false,
            host_up: true,
            is_deaf: false,
            stopped: false,
            script: None,
            loading_until: None,
            slow_until: 0,
            id: ReplicationId::from_number(0),
            previous: None,
            offset: 0,
            backlog_from: None,
            backlog_size: 1 << 20,
            place: Place::Primary,
            history: History::default(),
            branch: 0,
            inbox: VecDeque::new(),
            attached: BTreeMap::new(),
            priority: 100,
            configured: None,
            version,
            selected: false,
            good_replicas: 0,
            syncs: Syncs::default(),
            received: None,
            dump: None,
            access: Access::STOCK,
            born: Access::STOCK,
            waits: Vec::new(),
            evictions: 0,
            pause: None,
            cron_runs: 0,
            ping_every: PING_EVERY,
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

    /// The code of the error that a write gets; `None` when it is executed.
    pub(crate) const fn refuses_writes(&self) -> Option<&'static str> {
        if !self.is_primary() {
            Some("READONLY")
        } else if self.is_loading() {
            Some("LOADING")
        } else if self.good_replicas < self.access.min_replicas {
            Some("NOREPLICAS")
        } else {
            None
        }
    }

    /// More of its stream. Without a backlog nobody counts it.
    pub(crate) fn append(&mut self, piece: Piece) {
        let Piece {
            branch,
            bytes,
            holds_keys,
        } = piece;
        self.history.append(branch, bytes, holds_keys);
        if let Some(from) = &mut self.backlog_from {
            self.offset += bytes;
            *from = (*from).max((self.offset + 1).saturating_sub(self.backlog_size));
        }
    }

    /// From here on it counts what it adds to its stream, and keeps the last of it.
    pub(crate) const fn begin_backlog(&mut self) {
        if self.backlog_from.is_none() {
            self.backlog_from = Some(self.offset + 1);
        }
    }

    /// The load is over: the data set has its place.
    pub(crate) fn settle_in(&mut self) {
        if let Some(dump) = self.received.take() {
            self.id = dump.id;
            self.previous = dump.previous;
            self.offset = dump.offset;
            self.backlog_from = Some(dump.offset + 1);
        }
    }

    pub(crate) fn dump_now(&self) -> Dump {
        Dump {
            id: self.id,
            previous: None,
            offset: self.offset,
            history: self.history.clone(),
            tells_place: match &self.place {
                Place::Primary => self.backlog_from.is_some(),
                Place::Replica(follow) => follow.remembers,
            },
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
            empty: !self.history.holds_keys(),
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
                    .values()
                    .map(|fed| Attached {
                        address: addresses[fed.node].clone(),
                        offset: Offset(fed.acked),
                        online: fed.online,
                    })
                    .collect(),
                good_replicas: (self.access.min_replicas > 0).then_some(self.good_replicas),
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
