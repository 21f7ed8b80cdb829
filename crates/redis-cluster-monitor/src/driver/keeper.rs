//! The stored settings of a group, for those who live on a thread of their own.
//!
//! The store is used on the runtime that watches, never on that of a door: a connection belongs to
//! the runtime that opened it, and must not depend on what a door's clients do.

use rcm_core::id::{GroupName, Version};
use tokio::runtime;
use tokio::task::JoinError;

use crate::store::settings::{Document, Kept};
use crate::store::{Error, Store};

/// Where the settings of a group are read and changed.
#[derive(Clone, Debug)]
pub struct Keeper {
    group: GroupName,
    store: Store,
    runtime: runtime::Handle,
}

impl Keeper {
    /// Uses the store on the runtime that it is called on.
    pub(super) fn new(group: GroupName, store: Store) -> Self {
        Self {
            group,
            store,
            runtime: runtime::Handle::current(),
        }
    }

    /// What is stored, no older than this call.
    pub async fn settings(&self) -> Result<Kept, Error> {
        let (store, group) = (self.store.clone(), self.group.clone());
        let reading = self
            .runtime
            .spawn(async move { store.settings(&group).await });
        reading
            .await
            .unwrap_or_else(|error| Err(Error::Failed(ending(&error))))
    }

    /// Stores settings if those that are stored have the version `expect`.
    pub async fn change(&self, document: Document, expect: Version) -> Result<(), Error> {
        let (store, group) = (self.store.clone(), self.group.clone());
        let changing = self
            .runtime
            .spawn(async move { store.change_settings(&group, document, expect).await });
        changing
            .await
            .unwrap_or_else(|error| Err(Error::Unknown(ending(&error))))
    }
}

fn ending(error: &JoinError) -> String {
    format!("the monitor is ending ({error})")
}
