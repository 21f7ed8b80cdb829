//! The parts of events.

use alloc::string::String;

use serde::Serialize;

use crate::candidate::Refusal;
use crate::id::{Address, Offset};

/// A node that a plan considered, and how far it had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The node.
    pub node: Address,
    /// How much of the committed history it holds.
    pub offset: Offset,
}

/// A node that may not be promoted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The node.
    pub node: Address,
    /// Why.
    pub why: Refusal,
}

/// Why a group stands still although something should be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// `--observe`.
    Observing,
    /// Another decider acts on this group.
    RivalController,
    /// The lease is not held.
    NoLease,
    /// There was a failover on undecidable evidence shortly before.
    HoldOff,
    /// Too few monitors live to agree on anything.
    MonitorsWithoutQuorum,
    /// Too few monitors say that the primary is lost.
    NotAgreed,
}

/// Why a switchover does not go as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Setback {
    /// The primary was not reached, or is none any more.
    PrimaryLost,
    /// The primary did not answer to its seal, and turned out not to be sealed.
    SealUnanswered,
    /// Strict mode: the primary did not answer to its seal, and is a replica of nobody; whether it lets
    /// something through is not known.
    HalfSealed,
    /// The successor was not reached, or does not hold as much.
    SuccessorLost,
    /// The primary refused the command.
    Refused {
        /// What it said.
        text: String,
    },
    /// The successor did not catch up.
    Behind {
        /// How many bytes it lacked.
        bytes: u64,
    },
}

/// Why a group is not served at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Halt {
    /// The record belongs to other servers.
    ForeignRecord,
    /// A node has neither `REPLICAOF` nor `SLAVEOF`.
    CannotReplicate {
        /// The node.
        node: Address,
    },
}

/// How a group got its agreed primary without a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adoption {
    /// It is the only primary among the nodes given.
    Found,
    /// It does not answer, and every replica that does names it.
    NamedByReplicas,
    /// Several nodes are primaries, and it is the only one that holds data.
    OnlyOneWithData,
    /// All nodes are empty primaries, and it is listed first.
    FirstOfEmpty,
    /// All nodes are sealed and no record says by whom: it holds the most.
    MostAdvanced,
    /// Somebody else made it the primary, and the group follows it.
    ChangedByHand,
    /// It restarted and holds all that its replicas hold.
    Restarted,
    /// It restarted and nobody holds anything that can be traced back to what it had.
    RestartedWithoutLineage,
    /// It had only been heard of, and was met.
    Met,
    /// Its stream got another name without a restart.
    Renamed,
    /// It kept its office: a claim on it was not carried out.
    Kept,
}
