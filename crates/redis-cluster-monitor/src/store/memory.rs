//! A store that ends with the process: for tests, and for a monitor that only observes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rcm_core::id::{DeploymentId, GroupName, MonitorId, Revision, Version};
use rcm_core::record::Record;

use super::settings::{Document, Kept, Shelf};
use super::{Error, MAX_RECORD_BYTES, Stored, revision_of, too_large};

/// A handle to the memory; a copy leads to the same records.
#[derive(Clone, Debug)]
pub struct Memory {
    deployment: DeploymentId,
    monitor: MonitorId,
    records: Arc<Mutex<BTreeMap<GroupName, Stored>>>,
    settings: Shelf,
}

impl Memory {
    /// An empty store.
    pub fn new(deployment: DeploymentId, monitor: MonitorId) -> Self {
        Self {
            deployment,
            monitor,
            records: Arc::default(),
            settings: Shelf::default(),
        }
    }

    /// An empty store of a monitor that nobody shares anything with: it takes its name from its
    /// process.
    pub fn anonymous() -> Self {
        let name = format!("{:x}", std::process::id());
        match (name.parse(), name.parse()) {
            (Ok(deployment), Ok(monitor)) => Self::new(deployment, monitor),
            _ => unreachable!("hexadecimal digits are a name"),
        }
    }

    /// The same records, as another monitor sees them.
    #[must_use]
    pub fn shared_with(&self, monitor: MonitorId) -> Self {
        Self {
            monitor,
            ..self.clone()
        }
    }

    pub(super) const fn deployment(&self) -> &DeploymentId {
        &self.deployment
    }

    pub(super) const fn monitor(&self) -> &MonitorId {
        &self.monitor
    }

    pub(super) const fn settings(&self) -> &Shelf {
        &self.settings
    }

    pub(super) fn change_settings(
        &self,
        group: &GroupName,
        document: Document,
        expect: Version,
    ) -> Result<(), Error> {
        document.to_json().map_err(Error::Failed)?;
        // One change at a time.
        let _records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if self.settings.get(group).version() != Some(expect) {
            return Err(Error::Conflict);
        }
        self.settings.put(group, Kept::Document(Arc::new(document)));
        Ok(())
    }

    pub(super) fn read(&self, group: &GroupName) -> (Option<Record>, Revision) {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = records.get(group);
        (
            stored.map(|stored| stored.record.clone()),
            revision_of(stored),
        )
    }

    pub(super) fn write(
        &self,
        group: &GroupName,
        record: Record,
        expect: Revision,
    ) -> Result<Revision, Error> {
        let bytes = serde_json::to_string(&record)
            .map_err(|error| Error::Failed(error.to_string()))?
            .len();
        if bytes > MAX_RECORD_BYTES {
            return Err(too_large(group, bytes));
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if revision_of(records.get(group)) != expect {
            return Err(Error::Conflict);
        }
        let revision = expect.next();
        records.insert(group.clone(), Stored { revision, record });
        Ok(revision)
    }
}
