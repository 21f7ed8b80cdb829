//! One instruction to the outside, and what came of it.
//!
//! Actions say what, never how: the commands on the wire are the driver's business. Every action
//! has an id, an epoch and a deadline; silence becomes [`Outcome::Unknown`] at the deadline.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use crate::id::{ActionId, Address, Epoch, NodeId, Revision, RunId};
use crate::observation::{Gates, Replication};
use crate::opinion::Opinion;
use crate::record::Record;
use crate::time::Instant;

/// One instruction to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Names it, for its outcome.
    pub id: ActionId,
    /// The epoch that it is done for.
    pub epoch: Epoch,
    /// After this its outcome is unknown.
    pub deadline: Instant,
    /// What to do.
    pub deed: Deed,
}

/// What to do. Each of them has exactly one outcome, except [`Deed::Watch`], [`Deed::Unwatch`],
/// [`Deed::Pace`], [`Deed::Close`], [`Deed::Tell`] and [`Deed::Resign`], which have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Look at a node from now on, and report what is seen.
    Watch {
        /// The node.
        node: NodeId,
        /// Where it listens.
        address: Address,
    },
    /// Stop looking at a node.
    Unwatch {
        /// The node.
        node: NodeId,
    },
    /// How often to look at all nodes.
    Pace(Pace),
    /// Read the record, no older than now.
    Read,
    /// Write the record if the stored one still has the revision `expect`.
    Write {
        /// The record to be written.
        record: Box<Record>,
        /// What it replaces.
        expect: Revision,
    },
    /// Open a connection for acting, named after the epoch. Outcome: [`Done::Opened`].
    Open {
        /// The node.
        node: NodeId,
        /// The node may be mute, and is only going to be sealed: the connection counts as open
        /// before the node has taken the name. Otherwise the name has to be listed first, because
        /// whoever fences later finds only what is listed.
        blind: bool,
    },
    /// Close that connection.
    Close {
        /// The node.
        node: NodeId,
    },
    /// Kill connections of this group that act with a lower epoch, and see that they are gone.
    Fence {
        /// The node.
        node: NodeId,
    },
    /// Read the replication state on the acting connection. Outcome: [`Done::Inspected`].
    Inspect {
        /// The node.
        node: NodeId,
    },
    /// Let the node keep its clients' writes waiting, for at most this long. Outcome:
    /// [`Done::Paused`].
    Pause {
        /// The node.
        node: NodeId,
        /// For how long, if nobody ends it before.
        within: Duration,
    },
    /// End a pause: the writes that wait are executed.
    Resume {
        /// The node.
        node: NodeId,
    },
    /// Make the node unable to take writes or feed replicas. Outcome: [`Done::Sealed`].
    Seal {
        /// The node.
        node: NodeId,
        /// Whether its clients are disconnected: a primary's are, a replica's readers are not, except
        /// in strict mode. Writes that a pause kept waiting go with them.
        evict: bool,
        /// Whether its gates are shut as well, as in strict mode.
        shut: bool,
    },
    /// Make the node a primary. Outcome: [`Done::Promoted`].
    Promote {
        /// The node.
        node: NodeId,
    },
    /// Make the node a replica of `primary`.
    Attach {
        /// The node.
        node: NodeId,
        /// Whom it shall follow.
        primary: Address,
    },
    /// Let through what the gates say (strict mode). Outcome: [`Done::Gated`].
    SetGates {
        /// The node.
        node: NodeId,
        /// What they let through from now on.
        gates: Gates,
    },
    /// Let the node write its role into its own configuration file.
    Persist {
        /// The node.
        node: NodeId,
        /// Strict mode: its gates are shut while it writes, whatever they let through otherwise,
        /// so that it never starts with open ones; afterwards they are so again. Outcome:
        /// [`Done::Gated`].
        gates: Option<Gates>,
    },
    /// Cut a replica's link to its primary once, to see whether it comes back.
    CutLink {
        /// The node.
        node: NodeId,
    },
    /// Tell the other monitors what is seen of the primary. What was told before is replaced; what
    /// cannot be told at once is not told later.
    Tell(Opinion),
    /// Give up the lease, and do not ask for it again for this long: another monitor sees more.
    Resign {
        /// For how long.
        pause: Duration,
    },
}

impl Deed {
    /// Whether it changes the role of a node, or what the node writes down of it.
    pub const fn changes_node(&self) -> bool {
        matches!(
            self,
            Self::Seal { .. } | Self::Promote { .. } | Self::Attach { .. } | Self::Persist { .. }
        )
    }

    /// The node that it is done to, if it is done to one.
    pub const fn node(&self) -> Option<NodeId> {
        match self {
            Self::Watch { node, .. }
            | Self::Unwatch { node }
            | Self::Open { node, .. }
            | Self::Close { node }
            | Self::Fence { node }
            | Self::Inspect { node }
            | Self::Pause { node, .. }
            | Self::Resume { node }
            | Self::Seal { node, .. }
            | Self::Promote { node }
            | Self::Attach { node, .. }
            | Self::SetGates { node, .. }
            | Self::Persist { node, .. }
            | Self::CutLink { node } => Some(*node),
            Self::Pace(_)
            | Self::Read
            | Self::Write { .. }
            | Self::Tell(_)
            | Self::Resign { .. } => None,
        }
    }
}

/// How often to look at the nodes of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// All is well: rarely, and on warm connections only.
    #[default]
    Calm,
    /// Something smells: often.
    Suspicion,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done(Done),
    /// It was certainly not done.
    Failed(Failed),
    /// It may or may not have been done, or may still be done later.
    Unknown,
}

impl Outcome {
    /// Where the node stands, if the outcome tells.
    pub const fn report(&self) -> Option<&Report> {
        match self {
            Self::Done(
                Done::Inspected(report)
                | Done::Paused(report)
                | Done::Sealed(report)
                | Done::Promoted(report),
            ) => Some(report),
            Self::Done(_) | Self::Failed(_) | Self::Unknown => None,
        }
    }
}

/// What an action that was done brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The record as stored now.
    Read {
        /// The record, if there is one.
        record: Option<Box<Record>>,
        /// Its revision.
        revision: Revision,
    },
    /// The record was written and has this revision.
    Written(Revision),
    /// The connection is established and named.
    Opened,
    /// No older connection acts on the node any more.
    Fenced,
    /// The replication state.
    Inspected(Report),
    /// Its clients' writes wait, and this is where it stands.
    Paused(Report),
    /// Sealed, and this is where it stands.
    Sealed(Report),
    /// Promoted, and this is its new lineage.
    Promoted(Report),
    /// This is what the node lets through.
    Gated(Gates),
    /// The command was accepted.
    Accepted,
}

/// Where a node stands, as it said on the acting connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its process.
    pub run_id: RunId,
    /// Its replication state.
    pub replication: Replication,
}

/// Why an action was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The node, or the store, was not reached.
    NotReached,
    /// The stored record has another revision.
    Conflict,
    /// It was refused, with this text.
    Refused(String),
}
