//! A store in a folder of this machine, for one monitor.
//!
//! `lock` keeps a second monitor out, `journal.0` and `journal.1` hold the records as text. Both
//! have their full size from the start, so a full disk cannot stop a failover. A thread of its own
//! owns the files, so a slow disk stops nothing but the requests that wait for it.
//!
//! Always holds: damage is refused, never repaired by guessing. Whoever loses the folder loses no
//! data: a monitor without a record finds the roles out by asking the nodes.

mod folder;
mod format;
mod journal;
mod medium;
mod settings;
mod worker;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rcm_core::id::{DeploymentId, GroupName, MonitorId, Revision, Version};
use rcm_core::record::Record;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::spawn_blocking;

use self::folder::Folder;
use self::journal::{Fault, Journal};
use self::medium::Medium;
use self::worker::Request;
use super::Error;
use super::settings::{Document, Kept, Shelf};

/// The smallest size of a journal.
const MIN_BYTES: usize = 1024 * 1024;
/// How much a journal has for every group.
const BYTES_PER_GROUP: usize = 32 * 1024;

/// A handle to the folder; a copy leads to the same one. The lock is free when the last is gone.
#[derive(Clone, Debug)]
pub struct File(Arc<Shared>);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another monitor uses it.
    #[error(
        "the state folder {} is in use by another monitor{}; stop that one, or give this one a \
         folder of its own with --state-dir",
        folder.display(),
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The other monitor's process.
        holder: Option<u32>,
    },
    /// What is in it cannot be trusted.
    #[error(
        "the journal {}, line {line} (byte {offset}), cannot be trusted: {what}; restore the folder \
         from a backup, or move it away and start again: the monitor then finds out the roles by \
         asking the nodes",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from one; blank lines do not count.
        line: usize,
        /// Where the line begins.
        offset: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The system said no.
    #[error(
        "cannot {action} {}: {source}; the folder must exist or be creatable, and belong to the user \
         that runs the monitor",
        path.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journals could not be brought up to date.
    #[error("{text} in the state folder {}", folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// What happened.
        text: String,
    },
}

impl OpenError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl File {
    /// Opens the store in `path`, and makes it if there is none, with room for `groups` groups.
    /// Blocks while the journals are written.
    pub fn open(path: &Path, groups: usize) -> Result<Self, OpenError> {
        let folder = Folder::lock(path)?;
        let bytes = MIN_BYTES.max(groups.saturating_mul(BYTES_PER_GROUP));
        let names = random_names()
            .map_err(|errno| OpenError::io("get random numbers for", path, errno.into()))?;
        let media = folder
            .journals()?
            .map(|file| Box::new(file) as Box<dyn Medium>);
        let journal = Journal::open(media, bytes, || names)
            .map_err(|fault| open_error(&folder, path, fault))?;
        let header = journal.header().clone();
        let settings = settings::read(path)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                worker::run(journal, receiver);
                drop(folder);
            })
            .map_err(|source| OpenError::io("start a thread for", path, source))?;
        Ok(Self(Arc::new(Shared {
            deployment: header.deployment,
            monitor: header.monitor,
            path: path.to_owned(),
            settings,
            changing: Mutex::default(),
            sender: Some(sender),
            thread: Some(thread),
        })))
    }

    pub(super) fn deployment(&self) -> &DeploymentId {
        &self.0.deployment
    }

    pub(super) fn monitor(&self) -> &MonitorId {
        &self.0.monitor
    }

    pub(super) async fn read(
        &self,
        group: &GroupName,
    ) -> Result<(Option<Record>, Revision), Error> {
        let group = group.clone();
        self.ask(|reply| Request::Read { group, reply }).await
    }

    pub(super) async fn write(
        &self,
        group: &GroupName,
        record: Record,
        expect: Revision,
    ) -> Result<Revision, Error> {
        let group = group.clone();
        self.ask(|reply| Request::Write {
            group,
            record: Box::new(record),
            expect,
            reply,
        })
        .await
    }

    pub(super) fn settings(&self) -> &Shelf {
        &self.0.settings
    }

    pub(super) async fn change_settings(
        &self,
        group: &GroupName,
        document: Document,
        expect: Version,
    ) -> Result<(), Error> {
        let json = document.to_json().map_err(Error::Failed)?;
        let _only = self.0.changing.lock().await;
        if self.0.settings.get(group).version() != Some(expect) {
            return Err(Error::Conflict);
        }
        let (path, named) = (self.0.path.clone(), group.clone());
        // It may take long on a slow disk.
        let written = spawn_blocking(move || settings::write(&path, &named, &json)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Error::Unknown(error.to_string())),
            Err(error) => return Err(Error::Unknown(error.to_string())),
        }
        self.0
            .settings
            .put(group, Kept::Document(Arc::new(document)));
        Ok(())
    }

    pub(super) async fn probe(&self) -> Result<(), Error> {
        self.ask(|reply| Request::Probe { reply }).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let sent = self
            .0
            .sender
            .as_ref()
            .is_some_and(|sender| sender.send(request(reply)).is_ok());
        if !sent {
            return Err(Error::Failed(ENDED.to_owned()));
        }
        answer
            .await
            .unwrap_or_else(|_| Err(Error::Unknown(ENDED.to_owned())))
    }
}

const ENDED: &str = "the thread of the store has ended";

#[derive(Debug)]
struct Shared {
    deployment: DeploymentId,
    monitor: MonitorId,
    path: PathBuf,
    settings: Shelf,
    /// Settings are changed one after the other.
    changing: Mutex<()>,
    sender: Option<mpsc::UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself, and holds the lock no more.
            drop(thread.join());
        }
    }
}

fn open_error(folder: &Folder, path: &Path, fault: Fault) -> OpenError {
    match fault {
        Fault::Read(which, source) => OpenError::io("read", &folder.journal_path(which), source),
        Fault::Write(text) => OpenError::Unwritable {
            folder: path.to_owned(),
            text,
        },
        Fault::Damaged(which, damage) => OpenError::Damaged {
            path: folder.journal_path(which),
            line: damage.line,
            offset: damage.offset,
            what: damage.what,
        },
    }
}

/// Names for a new store: short, because they are part of client names on every node.
pub(super) fn random_names() -> Result<(DeploymentId, MonitorId), rustix::io::Errno> {
    let mut random = [0; 12];
    let filled = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    if filled < random.len() {
        return Err(rustix::io::Errno::IO);
    }
    let (deployment, monitor) = random.split_at(6);
    Ok((name(deployment), name(monitor)))
}

fn name<N: std::str::FromStr<Err = rcm_core::id::BadName>>(random: &[u8]) -> N {
    let mut text = String::new();
    for byte in random {
        write!(text, "{byte:02x}").expect("a string takes all");
    }
    text.parse().expect("hexadecimal digits are a name")
}
