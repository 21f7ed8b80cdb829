//! The folder of the store: who may use it, and the files in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::OpenError;

/// The folder, locked against a second monitor for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| OpenError::io("create the state folder", path, source))?;
        let file = path.join("lock");
        let mut lock = open(&file)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let holder = lock
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                let folder = path.to_owned();
                return Err(OpenError::Locked { folder, holder });
            }
            Err(errno) => return Err(OpenError::io("lock", &file, errno.into())),
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|source| OpenError::io("write", &file, source))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where a journal is.
    pub(super) fn journal_path(&self, which: usize) -> PathBuf {
        self.path.join(format!("journal.{which}"))
    }

    /// Opens both journals, and makes them if neither was ever used.
    pub(super) fn journals(&self) -> Result<[File; 2], OpenError> {
        let paths = [self.journal_path(0), self.journal_path(1)];
        let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
        // Both are made before anything is written, so no crash leaves one without the other.
        for (missing, other) in [(0, 1), (1, 0)] {
            if length(&paths[missing]).is_none() && length(&paths[other]) > Some(0) {
                return Err(OpenError::Damaged {
                    path: paths[missing].clone(),
                    line: 1,
                    offset: 0,
                    what: "the file is missing".to_owned(),
                });
            }
        }
        let files = [open(&paths[0])?, open(&paths[1])?];
        let sync = |path: &Path| File::open(path).and_then(|folder| folder.sync_all());
        sync(&self.path).map_err(|source| OpenError::io("sync", &self.path, source))?;
        if let Some(parent) = self.path.parent() {
            // The parent may not be ours to open; then the folder was made by somebody else.
            drop(sync(parent));
        }
        Ok(files)
    }
}

fn open(path: &Path) -> Result<File, OpenError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source: io::Error| OpenError::io("open", path, source))
}
