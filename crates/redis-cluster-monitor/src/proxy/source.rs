//! Where a proxy learns of its primary: from the engine of this process, or from monitors elsewhere.

use std::sync::Arc;

use rcm_core::status::Status;
use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;

use crate::driver::Lead;

/// Who says where requests go.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The engine of this process.
    Here(watch::Receiver<Arc<Status>>),
    /// Monitors elsewhere.
    Elsewhere(watch::Receiver<Lead>),
}

impl Source {
    /// What holds now.
    pub(super) fn lead(&mut self) -> Lead {
        match self {
            Self::Here(status) => Lead::of(&status.borrow_and_update()),
            Self::Elsewhere(lead) => lead.borrow_and_update().clone(),
        }
    }

    /// Waits until something else holds.
    pub(super) async fn changed(&mut self) -> Result<(), RecvError> {
        match self {
            Self::Here(status) => status.changed().await,
            Self::Elsewhere(lead) => lead.changed().await,
        }
    }
}
