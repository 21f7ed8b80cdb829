//! One answer, or one failure, from one look at one node, with its time.
//!
//! A failed look is an observation, not an error: its class is kept, because a refused connect, a
//! silent host and a mute process are different facts and call for different delays.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use serde::Serialize;

use crate::id::{Address, NodeId, Offset, ReplicationId, RunId};
use crate::time::Instant;

/// What one look at one node brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The node that was looked at.
    pub node: NodeId,
    /// When the look began: the fact is at least as new as this.
    pub asked_at: Instant,
    /// When the answer, or the failure, was there.
    pub at: Instant,
    /// What was seen.
    pub seen: Seen,
}

/// What a look can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The name of the node resolves to this address.
    Resolved(IpAddr),
    /// A new TCP connection was accepted. The kernel does that, even for a stopped process.
    Accepted,
    /// The node answered, with anything that shows a living process.
    Alive,
    /// Who the node is. Comes first on every new connection, and holds for that connection: a
    /// process cannot change its run id.
    Identity(Identity),
    /// Its replication state.
    Replication(Replication),
    /// Things that change slowly.
    Condition(Condition),
    /// Who else acts on this node.
    Deciders(Deciders),
    /// The look failed.
    Failed(Failure),
}

/// Who a node is (`INFO server`, and what was asked once on the connection).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process.
    pub run_id: RunId,
    /// The server's name and version, for people.
    pub version: String,
    /// Its `busy-reply-threshold` (`lua-time-limit` before 7.0), when it may be read.
    pub busy_threshold: Option<Duration>,
    /// Whether it has `REPLICAOF` or `SLAVEOF` under a name that we know.
    pub can_replicate: bool,
}

/// Replication state of a node (`INFO replication`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// The stream that the node's data belongs to (`master_replid`).
    pub id: ReplicationId,
    /// The stream it continued before, and the offset up to which the two are one
    /// (`master_replid2`, `second_repl_offset` - 1).
    pub previous: Option<(ReplicationId, Offset)>,
    /// How much of the stream the node has applied.
    pub offset: Offset,
    /// Primary or replica, with what only that role knows.
    pub role: Role,
    /// The node is reading its data set from disk, or from its primary (`loading:1`).
    pub loading: bool,
}

/// What a node says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// `role:master`.
    Primary {
        /// The replicas attached to it.
        replicas: Vec<Attached>,
        /// Replicas that satisfy the user's `min-replicas-to-write`, when it is set.
        good_replicas: Option<u32>,
    },
    /// `role:slave`.
    Replica(Following),
}

/// A replica as its primary lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Where it listens, as it told its primary.
    pub address: Address,
    /// The offset that it acknowledged last.
    pub offset: Offset,
    /// Whether it receives the stream (`state=online`).
    pub online: bool,
}

/// Whom a replica follows and how well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Following {
    /// The address it was told (`master_host`, `master_port`).
    pub primary: Address,
    /// Whether its connection to it is established and in sync (`master_link_status`).
    pub link_up: bool,
    /// Whether a full synchronisation is running.
    pub syncing: bool,
    /// Zero means that it may never be promoted (`slave_priority`).
    pub priority: u32,
}

/// Things that change slowly (`INFO persistence`, `INFO memory`, configuration).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Writes are refused because the last save failed (`MISCONF`).
    pub cannot_persist: bool,
    /// Writes are refused because memory is full and nothing may be evicted (`OOM`).
    pub out_of_memory: bool,
    /// The user's `min-replicas-to-write`.
    pub min_replicas: u32,
    /// Whether the node holds any key.
    pub empty: bool,
    /// Whether the user that replicas attach as is on; `None` when that was not asked, as in async
    /// mode.
    pub feeds: Option<bool>,
}

/// What a node lets through in strict mode: writes, and replicas that want its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gates {
    /// Writes are refused unless so many replicas are attached.
    pub min_replicas: u32,
    /// Whether replicas may attach.
    pub feeds: bool,
}

impl Gates {
    /// Nothing passes. That every node is so but the primary in office makes a node that restarts,
    /// or is promoted by nobody's order, harmless.
    pub const SHUT: Self = Self {
        min_replicas: 1_000_000,
        feeds: false,
    };

    /// As on a primary in office whose writes so many replicas have to confirm.
    pub const fn open(ack_replicas: u32) -> Self {
        Self {
            min_replicas: ack_replicas,
            feeds: true,
        }
    }
}

impl Condition {
    /// What the node lets through, where that was asked.
    pub fn gates(&self) -> Option<Gates> {
        let min_replicas = self.min_replicas;
        self.feeds.map(|feeds| Gates {
            min_replicas,
            feeds,
        })
    }
}

/// Connections of monitors and Sentinels that the node has (`CLIENT LIST`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deciders {
    /// Sentinels, and monitors of another deployment that act: by client name.
    pub rivals: Vec<String>,
    /// Whether a connection of our own deployment that acts on this group, with an epoch below
    /// the one we hold, may exist.
    pub older_hands: bool,
}

/// Why a look failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The connect was refused: nobody listens there.
    Refused,
    /// An established connection ended: end of file or reset.
    Closed,
    /// Nothing came back at TCP level.
    Silent,
    /// TCP is alive, but a request is unanswered since `asked_at`.
    Mute,
    /// The node answers only that a script is running (`BUSY`).
    Busy,
    /// The node wants a password or another one (`NOAUTH`, `WRONGPASS`).
    Unauthorised,
    /// The user lacks a permission (`NOPERM`).
    Forbidden,
    /// The node is in protected mode (`DENIED`), or has no client slot left.
    TurnedAway,
    /// What answers is no Redis or Valkey server.
    NotRedis,
    /// The host name does not resolve.
    Unresolved,
    /// Our own machine could not look: out of ports, descriptors or memory.
    Local,
}

impl Failure {
    /// Whether the failure shows that a process on the other side is alive.
    pub const fn shows_life(self) -> bool {
        match self {
            Self::Busy | Self::Unauthorised | Self::Forbidden | Self::TurnedAway => true,
            Self::Refused
            | Self::Closed
            | Self::Silent
            | Self::Mute
            | Self::NotRedis
            | Self::Unresolved
            | Self::Local => false,
        }
    }

    /// The failure in words that complete "the node ...".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Refused => "refuses connections",
            Self::Closed => "closed the connection",
            Self::Silent => "is silent at TCP level",
            Self::Mute => "accepts connections but does not reply",
            Self::Busy => "is busy with a script",
            Self::Unauthorised => "wants a password, or another one",
            Self::Forbidden => "forbids this user a command that the monitor needs",
            Self::TurnedAway => "turns new connections away",
            Self::NotRedis => "is not a Redis or Valkey server",
            Self::Unresolved => "has a host name that does not resolve",
            Self::Local => "could not be asked by this machine",
        }
    }
}

impl Replication {
    /// Whom the node follows, when it is a replica.
    pub const fn following(&self) -> Option<&Following> {
        match &self.role {
            Role::Replica(following) => Some(following),
            Role::Primary { .. } => None,
        }
    }

    /// Whether the node says that it is a primary.
    pub const fn is_primary(&self) -> bool {
        matches!(self.role, Role::Primary { .. })
    }

    /// Whether the node is a replica that receives its primary's stream.
    pub const fn link_up(&self) -> bool {
        match &self.role {
            Role::Replica(following) => following.link_up,
            Role::Primary { .. } => false,
        }
    }
}
