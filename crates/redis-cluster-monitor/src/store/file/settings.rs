//! The settings of each group, in a file of its own beside the journals.
//!
//! Always holds: a file is replaced as a whole, so a crash leaves the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcm_core::id::GroupName;

use super::OpenError;
use crate::store::MAX_SETTINGS_BYTES;
use crate::store::settings::{Kept, Shelf};

/// Reads all that is in the folder. What cannot be used is kept as that, and left as it is.
pub(super) fn read(folder: &Path) -> Result<Shelf, OpenError> {
    let fail = |source| OpenError::io("read the settings in", folder, source);
    let shelf = Shelf::default();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if let Some(group) = entry.file_name().to_str().and_then(group_of) {
            let json = json_in(&entry.path())
                .map_err(|source| OpenError::io("read", &entry.path(), source))?;
            shelf.put(&group, Kept::parse(&json));
        }
    }
    Ok(shelf)
}

/// As much as there may be, and one byte more.
fn json_in(path: &Path) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    let most = u64::try_from(MAX_SETTINGS_BYTES + 1).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut json)?;
    Ok(json)
}

/// Replaces the file of a group.
pub(super) fn write(folder: &Path, group: &GroupName, json: &str) -> io::Result<()> {
    let path = path_of(folder, group);
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(json.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    File::open(folder)?.sync_all()
}

fn path_of(folder: &Path, group: &GroupName) -> PathBuf {
    folder.join(format!("settings-{group}.json"))
}

fn group_of(name: &str) -> Option<GroupName> {
    let group = name.strip_prefix("settings-")?.strip_suffix(".json")?;
    group.parse().ok()
}
