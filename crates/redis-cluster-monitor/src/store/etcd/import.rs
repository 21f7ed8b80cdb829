//! Brings the records and settings of a deployment into a state folder, for one monitor that goes on
//! alone.
//!
//! Always holds: nothing is brought from under a monitor that runs, and no record of the folder is
//! replaced by an older one. In etcd nothing is changed.

use rcm_core::id::{Epoch, GroupName, MonitorId, Version};

use super::keys::{Key, Keys};
use super::transport::{Client, Fault, innermost};
use super::{mirror, records};
use crate::clock::Clock;
use crate::config::Etcd as Settings;
use crate::store::Error as StoreError;
use crate::store::file::File;
use crate::store::settings::{Document, Kept};

/// Why nothing was brought, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Monitors run, and may write.
    #[error(
        "these monitors still run on this etcd, or ended less than five seconds ago: {}; stop them \
         first",
        list(.0)
    )]
    Watched(Vec<MonitorId>),
    /// The prefix is another one, or the etcd.
    #[error(
        "etcd knows no group below {0}; see that the endpoints and the prefix are the right ones"
    )]
    Nothing(String),
    /// The folder has gone on by itself.
    #[error(
        "the state folder knows epoch {folder} of {group} and etcd only {etcd}: the folder is newer, \
         and is left as it is"
    )]
    Older {
        /// The group.
        group: GroupName,
        /// The epoch in the folder.
        folder: Epoch,
        /// The epoch in etcd.
        etcd: Epoch,
    },
    /// The certificates or the key cannot be used.
    #[error("the certificates for etcd cannot be used: {0}")]
    Tls(String),
    /// It did not answer, or not as it should.
    #[error("etcd cannot be used: {0}")]
    Unusable(String),
    /// A record was not read or not written.
    #[error("the record of {group}: {source}")]
    Record {
        /// The group.
        group: GroupName,
        /// What happened.
        source: StoreError,
    },
    /// Settings were not written.
    #[error("the settings of {group}: {source}")]
    Settings {
        /// The group.
        group: GroupName,
        /// What happened.
        source: StoreError,
    },
    /// They are there, and this program does not understand them.
    #[error(
        "the settings of {group} cannot be used: {why}; bring them with the program that wrote them"
    )]
    Foreign {
        /// The group.
        group: GroupName,
        /// What is wrong with them.
        why: String,
    },
}

impl From<Fault> for ImportError {
    fn from(fault: Fault) -> Self {
        Self::Unusable(fault.to_string())
    }
}

/// Brings all of them. Returns the groups and their epochs.
pub async fn import(
    settings: &Settings,
    folder: &File,
    clock: Clock,
) -> Result<Vec<(GroupName, Epoch)>, ImportError> {
    let client =
        Client::new(settings, clock).map_err(|error| ImportError::Tls(innermost(&error)))?;
    let keys = Keys::below(&settings.prefix);
    let (entries, _) = mirror::read(&client, &keys).await?;
    let (mut groups, mut alive, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &entries {
        match keys.parse(&entry.key) {
            Some(Key::Record(group)) => groups.push(group),
            Some(Key::Alive(monitor)) => alive.push(monitor),
            Some(Key::Settings(group)) => shared.push((group, Kept::parse(&entry.value))),
            Some(Key::Leader(_) | Key::Opinion(..) | Key::Monitor(_)) | None => {}
        }
    }
    if !alive.is_empty() {
        return Err(ImportError::Watched(alive));
    }
    if groups.is_empty() {
        return Err(ImportError::Nothing(settings.prefix.clone()));
    }
    // First: a record beside older settings would be watched by these.
    for (group, kept) in shared {
        bring_settings(folder, group, kept).await?;
    }
    let mut brought = Vec::new();
    for group in groups {
        if let Some(epoch) = bring(&client, &keys, folder, &group).await? {
            brought.push((group, epoch));
        }
    }
    Ok(brought)
}

async fn bring(
    client: &Client,
    keys: &Keys,
    folder: &File,
    group: &GroupName,
) -> Result<Option<Epoch>, ImportError> {
    let failed = |source| ImportError::Record {
        group: group.clone(),
        source,
    };
    let (Some(record), _) = records::read(client, keys, group).await.map_err(failed)? else {
        return Ok(None);
    };
    let epoch = record.epoch;
    let (known, revision) = folder.read(group).await.map_err(failed)?;
    if let Some(known) = known.filter(|known| known.epoch > epoch) {
        return Err(ImportError::Older {
            group: group.clone(),
            folder: known.epoch,
            etcd: epoch,
        });
    }
    folder
        .write(group, record, revision)
        .await
        .map_err(failed)?;
    Ok(Some(epoch))
}

async fn bring_settings(folder: &File, group: GroupName, kept: Kept) -> Result<(), ImportError> {
    let document = match kept {
        Kept::Nothing => return Ok(()),
        Kept::Document(document) => document,
        Kept::Unusable(why) => return Err(ImportError::Foreign { group, why }),
    };
    let known = match folder.settings().get(&group) {
        Kept::Unusable(why) => return Err(ImportError::Foreign { group, why }),
        Kept::Nothing => Version::default(),
        Kept::Document(known) => known.version,
    };
    let changed = folder
        .change_settings(&group, Document::clone(&document), known)
        .await;
    changed.map_err(|source| ImportError::Settings { group, source })
}

fn list(monitors: &[MonitorId]) -> String {
    let monitors: Vec<_> = monitors.iter().map(MonitorId::as_str).collect();
    monitors.join(", ")
}
