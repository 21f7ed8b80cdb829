//! A simulated server: its process, its data and its place in the replication.
//!
//! Here is its state and what each command changes in it. How streams run between servers is in
//! [`replication`](crate::replication).

mod answers;
mod place;
mod version;

use std::collections::{BTreeMap, VecDeque};

use rcm_core::id::{Address, ReplicationId, RunId};

use crate::access::Access;
use crate::history::{Branch, History};
use crate::pause::Pause;
use crate::replication::Piece;
use crate::strict::Wait;
use crate::trace::{S, Time};
use crate::wire::{ConnId, Request};

pub(crate) use place::{Fed, Follow, LinkState, Place};
pub use version::Version;

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
}
