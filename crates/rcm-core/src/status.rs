//! The published snapshot of one group: all that a door may know.
//!
//! Doors read one snapshot and never the engine, so every answer they give agrees with the others.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::id::{Address, Epoch, GroupName, Offset, RunId};
use crate::observation::Failure;
use crate::rule::Stage;
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
    /// The monitor decides and touches nothing.
    pub observing: bool,
    /// The group is not served; see the log.
    pub halted: bool,
    /// The record can be written; otherwise a failover could not be agreed (`store-unwritable`).
    pub store_writable: bool,
    /// How many replicas must hold a write before it is acknowledged; zero in async mode.
    #[serde(skip_serializing_if = "is_zero")]
    pub ack_replicas: u32,
    /// All nodes.
    pub nodes: Vec<NodeStatus>,
}

/// One node of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Where it listens.
    pub address: Address,
    /// The operator listed it.
    pub listed: bool,
    /// Its process.
    pub run_id: Option<RunId>,
    /// Its server and version.
    pub version: Option<String>,
    /// What it is to the group.
    pub role: NodeRole,
    /// Why it does not answer.
    pub failure: Option<Failure>,
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
            observing: false,
            halted: false,
            store_writable: true,
            ack_replicas: 0,
            nodes: Vec::new(),
        }
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
const fn is_false(flag: &bool) -> bool {
    !*flag
}
