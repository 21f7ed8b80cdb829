//! How much an operator should care about each event.

use serde::Serialize;

use super::{Adoption, Kind};
use crate::verdict::Verdict;

/// How much an operator should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Everyday life.
    Info,
    /// Needs a look.
    Warning,
    /// Needs an operator.
    Error,
}

impl Kind {
    /// How much an operator should care.
    pub const fn severity(&self) -> Severity {
        if let Self::VerdictChanged {
            to: Verdict::Healthy,
            ..
        } = self
        {
            return Severity::Info;
        }
        if self.needs_an_operator() {
            return Severity::Error;
        }
        match self {
            Self::FailoverStalled { .. }
            | Self::FailoverBlocked { .. }
            | Self::StoreFailed { .. }
            | Self::Halted(_) => Severity::Error,
            Self::VerdictChanged { .. }
            | Self::NodeDown { .. }
            | Self::SameServer { .. }
            | Self::WarningRaised { .. }
            | Self::WouldAct { .. }
            | Self::FailoverStarted { .. }
            | Self::FailoverResumed { .. }
            | Self::FailoverReconsidered { .. }
            | Self::SwitchoverAborted { .. }
            | Self::SwitchoverDoubted { .. }
            | Self::SwitchoverDerailed { .. }
            | Self::PrimarySwitched { .. }
            | Self::FailoverAborted { .. }
            | Self::Superseded { .. }
            | Self::FailoverLeft { .. }
            | Self::LeaseResigned { .. }
            | Self::PrimaryLearned { .. }
            | Self::RivalSealed { .. }
            | Self::GatesShut { .. }
            | Self::RoleNotPersistent { .. }
            | Self::BringBackFailed { .. }
            | Self::RivalControllers { .. }
            | Self::ObserverLate { .. } => Severity::Warning,
            Self::PrimaryUp { .. }
            | Self::ReplicaUp { .. }
            | Self::NodeDiscovered { .. }
            | Self::NodeForgotten { .. }
            | Self::SettingsChanged { .. }
            | Self::NodeAdded { .. }
            | Self::WarningCleared { .. }
            | Self::WitnessAsked { .. }
            | Self::SwitchoverStarted { .. }
            | Self::WritesPaused { .. }
            | Self::NodeSealed { .. }
            | Self::CandidateChosen { .. }
            | Self::NodePromoted { .. }
            | Self::LossAccounted { .. }
            | Self::LossFinal { .. }
            | Self::PrimaryAdopted { .. }
            | Self::NodeAttached { .. }
            | Self::GatesOpened { .. }
            | Self::VoterQualified { .. }
            | Self::RolePersisted { .. }
            | Self::GroupRestored { .. }
            | Self::RivalControllersGone
            | Self::StoreRecovered => Severity::Info,
        }
    }

    /// Of events that are harmless otherwise.
    const fn needs_an_operator(&self) -> bool {
        let unexplained = matches!(
            self,
            Self::PrimaryAdopted {
                how: Adoption::RestartedWithoutLineage,
                ..
            }
        );
        let helpless = matches!(
            self,
            Self::VerdictChanged {
                to: Verdict::NoCandidate | Verdict::TooFewVoters,
                ..
            }
        );
        unexplained || helpless
    }
}
