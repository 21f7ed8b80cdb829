//! The published snapshot of one group: all that a door may know.
//!
//! Doors read one snapshot and never the engine, so every answer they give agrees with the others.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

use crate::id::{Address, Epoch, GroupName, MonitorId, Offset, RunId};
use crate::observation::{Failure, Following};
use crate::opinion::Class;
use crate::rule::Stage;
use crate::time::Instant;
use crate::verdict::{Verdict, Warning};

/// The state of one group at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The group.
    pub group: GroupName,
    /// The epoch of the committed record; zero while there is none.
    pub epoch: Epoch,
    /// The primary in office.
    pub primary: Option<Address>,
    /// The diagnosis.
    pub verdict: Verdict,
    /// Standing warnings.
    pub warnings: Vec<Warning>,
    /// Where a failover stands.
    pub stage: Stage,
    /// The epoch in which the office was handed over last, by a switchover that went as planned,
    /// since this monitor runs: writes that were on their way to the old primary then were not
    /// executed there.
    pub handed_over: Option<Epoch>,
    /// The monitor decides and touches nothing.
    pub observing: bool,
    /// The group is not served; see the log.
    pub halted: bool,
    /// The record can be written; otherwise a failover could not be agreed (`store-unwritable`).
    pub store_writable: bool,
    /// How many replicas must hold a write before it is acknowledged; zero in async mode.
    #[serde(skip_serializing_if = "is_zero")]
    pub ack_replicas: u32,
    /// The other monitors that are registered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub monitors: Vec<MonitorStatus>,
    /// How many monitors have to say that the primary is lost: one where there is only one.
    #[serde(skip_serializing_if = "is_one")]
    pub quorum: usize,
    /// All nodes.
    pub nodes: Vec<NodeStatus>,
}

/// Another monitor of the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonitorStatus {
    /// Its name.
    pub id: MonitorId,
    /// It renews its registration.
    pub alive: bool,
    /// What it says of the primary in office; nothing while all is well.
    pub sees: Option<Class>,
}

/// One node of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Where it listens.
    pub address: Address,
    /// What its host name resolved to last.
    pub ip: Option<IpAddr>,
    /// The operator listed it.
    pub listed: bool,
    /// Its process.
    pub run_id: Option<RunId>,
    /// Its server and version.
    pub version: Option<String>,
    /// What it is to the group.
    pub role: NodeRole,
    /// What it says it is, and since when; for its last process only.
    pub reports: Option<Reported>,
    /// Why it does not answer.
    pub failure: Option<Failure>,
    /// Since when it is without an answer.
    #[serde(skip)]
    pub failing_since: Option<Instant>,
    /// Clients should not use it: it is gone, or has been without an answer for longer than the
    /// policy allows. Of the primary it is the verdict that says so, and from then on until the
    /// primary is well again or another one is in office.
    pub down: bool,
    /// How much of the stream it has applied.
    pub offset: Option<Offset>,
    /// How many bytes it is behind the primary, as last seen.
    pub lag: Option<u64>,
    /// Strict mode: its confirmation of a write counts.
    #[serde(skip_serializing_if = "is_false")]
    pub acknowledges: bool,
}

/// What a node is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeRole {
    /// The primary in office.
    Primary,
    /// It receives the primary's stream.
    Replica,
    /// It should receive the primary's stream and does not.
    Detached,
    /// It says that it is a primary, and is not.
    Rival,
    /// Nothing is known of it.
    Unknown,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// The node that it follows, when it says that it is a replica.
    pub following: Option<Upstream>,
    /// Since when it is seen in this role.
    #[serde(skip)]
    pub since: Option<Instant>,
}

/// The node that a replica follows, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// Where that node listens.
    pub address: Address,
    /// Whether its stream is received.
    pub link_up: bool,
    /// Since when its stream is seen missing.
    #[serde(skip)]
    pub down_since: Option<Instant>,
    /// Zero means that the replica may never be promoted.
    pub priority: u32,
}

impl Upstream {
    /// What a replica says of the node that it follows.
    pub fn new(following: &Following, down_since: Option<Instant>) -> Self {
        Self {
            address: following.primary.clone(),
            link_up: following.link_up,
            down_since,
            priority: following.priority,
        }
    }
}

impl NodeStatus {
    /// The address that clients are told: numeric, if it is known.
    pub fn endpoint(&self) -> Address {
        match self.ip {
            Some(ip) => Address::new(ip.to_string(), self.address.port()),
            None => self.address.clone(),
        }
    }
}

impl Status {
    /// The status of a group of which nothing is known yet.
    pub const fn unknown(group: GroupName) -> Self {
        Self {
            group,
            epoch: Epoch(0),
            primary: None,
            verdict: Verdict::ColdStart,
            warnings: Vec::new(),
            stage: Stage::Idle,
            handed_over: None,
            observing: false,
            halted: false,
            store_writable: true,
            ack_replicas: 0,
            monitors: Vec::new(),
            quorum: 1,
            nodes: Vec::new(),
        }
    }

    /// The node in office.
    pub fn primary_node(&self) -> Option<&NodeStatus> {
        let address = self.primary.as_ref()?;
        let in_office = self
            .nodes
            .iter()
            .find(|node| node.role == NodeRole::Primary);
        in_office.or_else(|| self.nodes.iter().find(|node| node.address == *address))
    }

    /// Whether clients should not use the primary in office.
    pub fn primary_is_down(&self) -> bool {
        self.primary_node().is_some_and(|node| node.down)
    }

    /// How many replicas receive the primary's stream.
    pub fn replicas(&self) -> usize {
        self.nodes
            .iter()
            .filter(|node| node.role == NodeRole::Replica)
            .count()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_one(number: &usize) -> bool {
    *number == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
