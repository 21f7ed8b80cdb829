//! Where the records of all groups live: read, and compare-and-set.
//!
//! A record is written only by whoever has seen the one it replaces: every write names the revision
//! that it expects. Zero means that there is no record yet.
//!
//! Not here: what a record means, and when to write one.
//!
//! Always holds: a write that was answered with a revision survives a crash of the process and of
//! the machine; a read is no older than the moment it was asked for.

pub mod etcd;
pub mod file;
mod membership;
pub mod memory;
pub mod settings;

#[cfg(test)]
mod conformance;

use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use rcm_core::id::{DeploymentId, GroupName, MonitorId, Revision, Version};
use rcm_core::record::Record;
use tokio::sync::watch;

pub use self::membership::{Fleet, Leadership, Member, Membership, Opinions, Said};
use self::settings::{Document, Kept};

/// A handle to the store of this monitor; a copy leads to the same store.
#[derive(Clone, Debug)]
pub enum Store {
    /// A folder of this machine, for one monitor.
    File(file::File),
    /// An etcd, for several monitors.
    Etcd(etcd::Etcd),
    /// Nothing but this process.
    Memory(memory::Memory),
}

/// Why a request was not answered as wished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stored record has another revision than the expected one. Read again, then decide again.
    #[error("the stored record has another revision")]
    Conflict,
    /// Nothing was stored, and nothing will be.
    #[error("{0}")]
    Failed(String),
    /// It may or may not have been stored. Read before anything is done.
    #[error("it is not known whether the record was stored: {0}")]
    Unknown(String),
}

impl Store {
    /// The record of `group` and its revision, no older than this call.
    pub async fn read(&self, group: &GroupName) -> Result<(Option<Record>, Revision), Error> {
        match self {
            Self::File(file) => file.read(group).await,
            Self::Etcd(etcd) => etcd.read(group).await,
            Self::Memory(memory) => Ok(memory.read(group)),
        }
    }

    /// Stores `record` if the stored one still has the revision `expect`; answers the new revision.
    pub async fn write(
        &self,
        group: &GroupName,
        record: Record,
        expect: Revision,
    ) -> Result<Revision, Error> {
        match self {
            Self::File(file) => file.write(group, record, expect).await,
            Self::Etcd(etcd) => etcd.write(group, &record, expect).await,
            Self::Memory(memory) => memory.write(group, record, expect),
        }
    }

    /// What is stored as the settings of `group`, no older than this call.
    pub async fn settings(&self, group: &GroupName) -> Result<Kept, Error> {
        match self {
            Self::File(file) => Ok(file.settings().get(group)),
            Self::Etcd(etcd) => etcd.settings(group).await,
            Self::Memory(memory) => Ok(memory.settings().get(group)),
        }
    }

    /// Stores settings if those that are stored have the version `expect`; any monitor may. All that
    /// follow the group are told.
    pub async fn change_settings(
        &self,
        group: &GroupName,
        document: Document,
        expect: Version,
    ) -> Result<(), Error> {
        match self {
            Self::File(file) => file.change_settings(group, document, expect).await,
            Self::Etcd(etcd) => etcd.change_settings(group, &document, expect).await,
            Self::Memory(memory) => memory.change_settings(group, document, expect),
        }
    }

    /// Whether a write would succeed now. To be asked every few seconds, so that a store that
    /// cannot be written is noticed before it is needed.
    pub async fn probe(&self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.probe().await,
            Self::Etcd(etcd) => etcd.probe().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Which monitors belong together: those that share this store.
    pub fn deployment(&self) -> &DeploymentId {
        match self {
            Self::File(file) => file.deployment(),
            Self::Etcd(etcd) => etcd.deployment(),
            Self::Memory(memory) => memory.deployment(),
        }
    }

    /// The name of this monitor.
    pub fn monitor(&self) -> &MonitorId {
        match self {
            Self::File(file) => file.monitor(),
            Self::Etcd(etcd) => etcd.monitor(),
            Self::Memory(memory) => memory.monitor(),
        }
    }

    /// Takes part in a group: `runs` says whether this monitor wants to lead it.
    pub fn join(&self, group: &GroupName, runs: bool) -> Membership {
        match self {
            Self::File(file) => Membership::alone(self.monitor(), file.settings().follow(group)),
            Self::Memory(memory) => {
                Membership::alone(self.monitor(), memory.settings().follow(group))
            }
            Self::Etcd(etcd) => etcd.join(group, runs),
        }
    }

    /// All monitors of the deployment, now and from now on.
    pub fn fleet(&self) -> watch::Receiver<Fleet> {
        match self {
            Self::File(_) | Self::Memory(_) => watch::channel(Fleet::alone(self.monitor())).1,
            Self::Etcd(etcd) => etcd.fleet(),
        }
    }

    /// Tells the other monitors what this one sees of a group, at once or not at all: who hears it
    /// takes it for new. The latest text counts; it is gone with this process.
    pub fn say(&self, group: &GroupName, text: String) {
        match self {
            Self::File(_) | Self::Memory(_) => {}
            Self::Etcd(etcd) => etcd.say(group, text),
        }
    }

    /// Tells the other monitors where the Sentinel API of this one can be reached.
    pub fn announce(&self, sentinel: SocketAddr) {
        match self {
            Self::File(_) | Self::Memory(_) => {}
            Self::Etcd(etcd) => etcd.announce(sentinel),
        }
    }

    /// This monitor ends: what it holds is free at once. Nothing may act any more.
    pub async fn leave(self) {
        match self {
            Self::File(_) | Self::Memory(_) => {}
            Self::Etcd(etcd) => etcd.leave().await,
        }
    }
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    revision: Revision,
    record: Record,
}

/// The revision of what is stored; zero when nothing is.
fn revision_of(stored: Option<&Stored>) -> Revision {
    stored.map_or(Revision(0), |stored| stored.revision)
}

/// The longest JSON text of one record.
const MAX_RECORD_BYTES: usize = 64 * 1024;

/// The longest JSON text of the settings of one group.
const MAX_SETTINGS_BYTES: usize = 64 * 1024;

/// The longest text in which a monitor says what it sees of a group.
const MAX_OPINION_BYTES: usize = 4 * 1024;

/// About `time`, a quarter more or less, so that those who failed together do not come back
/// together.
fn jitter(time: Duration) -> Duration {
    time * 3 / 4 + spread(time / 2)
}

/// Anything up to `time`.
fn spread(time: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 1024;
    time * u32::try_from(random).unwrap_or_default() / 1024
}

fn too_large(group: &GroupName, bytes: usize) -> Error {
    Error::Failed(format!(
        "the record of group {group} has {bytes} bytes; the limit is {MAX_RECORD_BYTES}"
    ))
}
