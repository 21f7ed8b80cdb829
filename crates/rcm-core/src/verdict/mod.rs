//! The diagnosis: a closed set of codes, and the pure functions that arrive at them.
//!
//! Deciding here means naming. Whether to act on a verdict is said by [`Verdict::calls_for`];
//! whom to promote is not decided here.

mod primary;
mod warnings;
mod witness;

pub use primary::{Judgement, Subject, diagnose};
pub use warnings::{Warning, warnings};
pub use witness::Tally;

use core::fmt;

use serde::{Deserialize, Serialize};

/// What is the matter with a group, or with one of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The recorded primary answers and says that it is the primary.
    Healthy,
    /// There is evidence against the primary, but not enough yet.
    PrimarySuspected,
    /// Connects are refused and its old connections, or every replica's link, are gone.
    PrimaryCrashed,
    /// Nothing comes back at TCP level.
    PrimarySilent,
    /// TCP is alive, no request is answered.
    PrimaryHung,
    /// A script is running (`BUSY`): alive.
    PrimaryBusy,
    /// Another process answers at its address, perhaps still loading its data set.
    PrimaryRestarted,
    /// Writes are refused because saving fails (`MISCONF`).
    PrimaryCannotPersist,
    /// Writes are refused by the user's own setting, or for want of memory.
    PrimaryRefusesWrites,
    /// The recorded primary says that it is a replica.
    PrimaryClaimsReplica,
    /// We cannot reach it, but its replicas still receive its stream.
    PrimaryUnreachableButReplicating,
    /// Another node says that it is the primary too.
    RivalPrimary,
    /// Something else fails this group over as well.
    RivalController,
    /// A node lives but does not serve the monitor.
    NodeRefusesUs,
    /// A node's data does not descend from this group's.
    ForeignLineage,
    /// The primary is lost and no replica may take over.
    NoCandidate,
    /// The primary is lost and too few voters are left to say what was acknowledged (strict mode).
    TooFewVoters,
    /// There is no agreed primary yet.
    ColdStart,
    /// Too few monitors agree with each other to act.
    MonitorsWithoutQuorum,
    /// Our own scheduling is late, so our evidence of silence is void.
    ObserverLate,
    /// A replica does not receive the stream.
    ReplicationBroken,
    /// A node did not write its role into its own configuration file.
    RoleNotPersistent,
    /// The record cannot be written.
    StoreUnwritable,
}

/// What a verdict on the primary calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing: the group works, or acting would do harm.
    LeaveAlone,
    /// Look more often, and wait for more evidence.
    LookCloser,
    /// Promote a replica.
    FailOver,
}

impl Verdict {
    /// Every verdict, in the order of the documentation.
    pub const ALL: [Self; 23] = [
        Self::Healthy,
        Self::PrimarySuspected,
        Self::PrimaryCrashed,
        Self::PrimarySilent,
        Self::PrimaryHung,
        Self::PrimaryBusy,
        Self::PrimaryRestarted,
        Self::PrimaryCannotPersist,
        Self::PrimaryRefusesWrites,
        Self::PrimaryClaimsReplica,
        Self::PrimaryUnreachableButReplicating,
        Self::RivalPrimary,
        Self::RivalController,
        Self::NodeRefusesUs,
        Self::ForeignLineage,
        Self::NoCandidate,
        Self::TooFewVoters,
        Self::ColdStart,
        Self::MonitorsWithoutQuorum,
        Self::ObserverLate,
        Self::ReplicationBroken,
        Self::RoleNotPersistent,
        Self::StoreUnwritable,
    ];

    /// The stable code: in logs, in the API and in the documentation.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::PrimarySuspected => "primary-suspected",
            Self::PrimaryCrashed => "primary-crashed",
            Self::PrimarySilent => "primary-silent",
            Self::PrimaryHung => "primary-hung",
            Self::PrimaryBusy => "primary-busy",
            Self::PrimaryRestarted => "primary-restarted",
            Self::PrimaryCannotPersist => "primary-cannot-persist",
            Self::PrimaryRefusesWrites => "primary-refuses-writes",
            Self::PrimaryClaimsReplica => "primary-claims-replica",
            Self::PrimaryUnreachableButReplicating => "primary-unreachable-but-replicating",
            Self::RivalPrimary => "rival-primary",
            Self::RivalController => "rival-controller",
            Self::NodeRefusesUs => "node-refuses-us",
            Self::ForeignLineage => "foreign-lineage",
            Self::NoCandidate => "no-candidate",
            Self::TooFewVoters => "too-few-voters",
            Self::ColdStart => "cold-start",
            Self::MonitorsWithoutQuorum => "monitors-without-quorum",
            Self::ObserverLate => "observer-late",
            Self::ReplicationBroken => "replication-broken",
            Self::RoleNotPersistent => "role-not-persistent",
            Self::StoreUnwritable => "store-unwritable",
        }
    }

    /// What the verdict calls for.
    pub const fn calls_for(self) -> Response {
        match self {
            Self::PrimaryCrashed
            | Self::PrimarySilent
            | Self::PrimaryHung
            | Self::PrimaryRestarted
            | Self::PrimaryClaimsReplica => Response::FailOver,
            Self::PrimarySuspected | Self::PrimaryUnreachableButReplicating => Response::LookCloser,
            Self::Healthy
            | Self::PrimaryBusy
            | Self::PrimaryCannotPersist
            | Self::PrimaryRefusesWrites
            | Self::RivalPrimary
            | Self::RivalController
            | Self::NodeRefusesUs
            | Self::ForeignLineage
            | Self::NoCandidate
            | Self::TooFewVoters
            | Self::ColdStart
            | Self::MonitorsWithoutQuorum
            | Self::ObserverLate
            | Self::ReplicationBroken
            | Self::RoleNotPersistent
            | Self::StoreUnwritable => Response::LeaveAlone,
        }
    }

    /// Whether the primary's process is gone, or out of reach for so long that it is taken for gone.
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Self::PrimaryCrashed | Self::PrimarySilent | Self::PrimaryHung | Self::PrimaryRestarted
        )
    }

    /// Whether the primary is lost to its clients, also when nobody can take over.
    pub const fn means_lost(self) -> bool {
        matches!(self.calls_for(), Response::FailOver) || matches!(self, Self::NoCandidate)
    }

    /// Whether the verdict could be wrong about a living primary: silence and hangs are judged by
    /// a delay, a refused connect is proof.
    pub const fn is_undecidable(self) -> bool {
        matches!(self, Self::PrimarySilent | Self::PrimaryHung)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests;
