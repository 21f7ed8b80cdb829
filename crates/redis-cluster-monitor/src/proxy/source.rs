//! Where a proxy learns of its group: from the engine of this process, or from monitors elsewhere.

use std::sync::Arc;

use rcm_core::status::Status;
use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;

use crate::driver::{Lead, Roster};

/// Who says where requests go.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The engine of this process.
    Here(watch::Receiver<Arc<Status>>),
    /// Monitors elsewhere.
    Elsewhere(watch::Receiver<Roster>),
}

impl Source {
    /// Where requests to the primary go now.
    pub(super) fn lead(&mut self) -> Lead {
        match self {
            Self::Here(status) => Lead::of(&status.borrow_and_update()),
            Self::Elsewhere(roster) => roster.borrow_and_update().lead.clone(),
        }
    }

    /// The servers, as they are now.
    pub(super) fn roster(&mut self) -> Roster {
        match self {
            Self::Here(status) => Roster::of(&status.borrow_and_update()),
            Self::Elsewhere(roster) => roster.borrow_and_update().clone(),
        }
    }

    /// Waits until something else holds.
    pub(super) async fn changed(&mut self) -> Result<(), RecvError> {
        match self {
            Self::Here(status) => status.changed().await,
            Self::Elsewhere(roster) => roster.changed().await,
        }
    }
}
