//! What somebody may ask of a group, and why it is refused.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use crate::id::Address;
use crate::verdict::Verdict;

/// Something that is asked of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Hand the office over while both are alive: nothing is lost.
    Switchover {
        /// To this replica, or to the one that is picked.
        to: Option<Address>,
    },
    /// Put another node into office: by a switchover while the primary is alive, and else by a
    /// failover at once, whatever the policy would wait for.
    Replace,
}

/// Why a request is refused. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Refusal {
    /// The record is being changed.
    InProgress,
    /// It is not known yet who is the primary, or the group is not served.
    NotReady,
    /// The monitor only observes.
    Observing,
    /// Other deciders act on this group.
    RivalController {
        /// Their client names.
        names: Vec<String>,
    },
    /// Another monitor acts.
    NoLease,
    /// A change could not be agreed on.
    StoreUnwritable,
    /// A switchover needs a primary that answers.
    PrimaryNotWell {
        /// The diagnosis.
        verdict: Verdict,
    },
    /// No node of the group listens there.
    UnknownNode {
        /// The address.
        node: Address,
    },
    /// It is the primary already.
    AlreadyPrimary {
        /// The address.
        node: Address,
    },
    /// This replica cannot take over.
    NotACandidate {
        /// The replica.
        node: Address,
        /// Why.
        why: Unfit,
    },
    /// No replica can take over.
    NoCandidate,
}

/// Why a replica cannot take over in a switchover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfit {
    /// It does not answer.
    NotReached,
    /// It does not receive the primary's stream from the primary itself.
    NotAttached,
    /// The operator set `replica-priority 0`.
    PriorityZero,
    /// Strict mode: its process has no vote, or it has no seat.
    NoVote,
    /// It is too far behind: writes would have to wait for long.
    Lagging,
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::NotReady => "not-ready",
            Self::Observing => "observing",
            Self::RivalController { .. } => "rival-controller",
            Self::NoLease => "no-lease",
            Self::StoreUnwritable => "store-unwritable",
            Self::PrimaryNotWell { .. } => "primary-not-well",
            Self::UnknownNode { .. } => "unknown-node",
            Self::AlreadyPrimary { .. } => "already-primary",
            Self::NotACandidate { .. } => "not-a-candidate",
            Self::NoCandidate => "no-candidate",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProgress => f.write_str("the group is being changed; wait until that is done"),
            Self::NotReady => f.write_str("the group has no agreed primary; see the log"),
            Self::Observing => f.write_str("this monitor only observes; ask one that acts"),
            Self::RivalController { names } => {
                write!(
                    f,
                    "another decider acts on this group; stop it: {}",
                    names.join(", ")
                )
            }
            Self::NoLease => f.write_str("another monitor acts for this group; ask that one"),
            Self::StoreUnwritable => f.write_str("the record cannot be written; see the log"),
            Self::PrimaryNotWell { verdict } => write!(
                f,
                "a switchover needs a primary that answers, and it is {verdict}"
            ),
            Self::UnknownNode { node } => write!(f, "no node of this group listens at {node}"),
            Self::AlreadyPrimary { node } => write!(f, "{node} is the primary already"),
            Self::NotACandidate { node, why } => write!(f, "{node} {}", why.in_words()),
            Self::NoCandidate => f.write_str(
                "no replica can take over: it must answer, receive the stream, and not have \
                 replica-priority 0",
            ),
        }
    }
}

impl Unfit {
    /// The reason in words that complete "the node ...".
    const fn in_words(self) -> &'static str {
        match self {
            Self::NotReached => "does not answer",
            Self::NotAttached => "does not receive the stream from the primary itself",
            Self::PriorityZero => "has replica-priority 0",
            Self::NoVote => "has no vote (strict mode)",
            Self::Lagging => "is too far behind; let it catch up first",
        }
    }
}
