//! What a link asks a node.

use crate::redis::connection::Connection;
use crate::redis::memory::Section;
use crate::redis::{REPLICATION_USER, Settings};

/// One request. The order of the variants is the order of a first conversation: who the node is
/// comes before how it is, and that before everything that can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// `AUTH`.
    Auth,
    /// `CLIENT SETNAME`.
    Name,
    /// `COMMAND INFO replicaof slaveof`.
    Replicate,
    /// `CONFIG GET busy-reply-threshold`, and what it was called before.
    BusyThreshold,
    LuaTimeLimit,
    /// `INFO server`.
    Server,
    /// `INFO persistence`, only to know whether it is loading.
    Loading,
    /// `INFO replication`.
    Replication,
    /// `PING`.
    Ping,
    /// `CONFIG GET` of what decides whether writes are refused.
    MinReplicas,
    StopWrites,
    SavePoints,
    /// `ACL GETUSER` of the user that replicas attach as (strict mode).
    ReplicationUser,
    /// `INFO persistence`, `memory`, `keyspace`: the last one completes the condition.
    Persistence,
    Memory,
    Keyspace,
    /// `INFO clients`, to know whether the list of them may be asked for.
    Clients,
    /// `CLIENT LIST`.
    ClientList,
    /// `PUBSUB NUMSUB` of the channel in which Sentinels talk to each other.
    Sentinels,
}

/// Where Sentinels announce themselves on the nodes that they watch.
const SENTINEL_CHANNEL: &str = "__sentinel__:hello";

impl Ask {
    /// What a new connection begins with, before the node's condition is asked.
    pub(super) const IDENTITY: [Self; 6] = [
        Self::Replicate,
        Self::BusyThreshold,
        Self::LuaTimeLimit,
        Self::Server,
        Self::Loading,
        Self::Replication,
    ];

    /// What changes slowly.
    pub(super) const CONDITION: [Self; 7] = [
        Self::MinReplicas,
        Self::StopWrites,
        Self::SavePoints,
        Self::Persistence,
        Self::Memory,
        Self::Keyspace,
        Self::Clients,
    ];

    /// The section of `INFO` that is asked for.
    pub(super) const fn section(self) -> Option<Section> {
        match self {
            Self::Server => Some(Section::Server),
            Self::Clients => Some(Section::Clients),
            Self::Memory => Some(Section::Memory),
            Self::Loading | Self::Persistence => Some(Section::Persistence),
            Self::Replication => Some(Section::Replication),
            Self::Keyspace => Some(Section::Keyspace),
            Self::Auth
            | Self::Name
            | Self::Replicate
            | Self::BusyThreshold
            | Self::LuaTimeLimit
            | Self::Ping
            | Self::MinReplicas
            | Self::StopWrites
            | Self::SavePoints
            | Self::ClientList
            | Self::Sentinels
            | Self::ReplicationUser => None,
        }
    }

    /// Adds the request to what is sent next.
    pub(super) fn push(self, settings: &Settings, connection: &mut Connection) {
        let commands = &settings.commands;
        let info = commands.name("INFO");
        let config = commands.name("CONFIG");
        let mut get = |parameter| connection.push([config, "GET", parameter]);
        match self {
            Self::BusyThreshold => get("busy-reply-threshold"),
            Self::LuaTimeLimit => get("lua-time-limit"),
            Self::MinReplicas => get("min-replicas-to-write"),
            Self::StopWrites => get("stop-writes-on-bgsave-error"),
            Self::SavePoints => get("save"),
            Self::ReplicationUser => {
                connection.push([commands.name("ACL"), "GETUSER", REPLICATION_USER]);
            }
            Self::Auth => {
                connection.push_auth(settings);
            }
            Self::Name => connection.push_name(settings, super::purpose(settings)),
            Self::Replicate => connection.push(commands.which_replicate()),
            Self::Server => connection.push([info, "server"]),
            Self::Replication => connection.push([info, "replication"]),
            Self::Loading | Self::Persistence => connection.push([info, "persistence"]),
            Self::Memory => connection.push([info, "memory"]),
            Self::Keyspace => connection.push([info, "keyspace"]),
            Self::Clients => connection.push([info, "clients"]),
            Self::Ping => connection.push([commands.name("PING")]),
            Self::ClientList => connection.push([commands.name("CLIENT"), "LIST"]),
            Self::Sentinels => {
                connection.push([commands.name("PUBSUB"), "NUMSUB", SENTINEL_CHANNEL]);
            }
        }
    }
}
