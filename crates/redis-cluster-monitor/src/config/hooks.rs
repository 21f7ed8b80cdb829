//! Scripts and webhooks, as the operator names them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcm_core::id::GroupName;
use rustix::fs::{Access, access};

use super::{Secret, Url};

/// Programs that are run when something happens to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    /// Run for every event that an operator wants to know at once.
    pub notification: Option<PathBuf>,
    /// Run when clients must go to another primary.
    pub client_reconfig: Option<PathBuf>,
}

/// Who is told of events by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub url: Url,
    /// Who the monitor is there.
    pub token: Option<Secret>,
    /// Of which events, by code; `None` is all.
    pub events: Option<BTreeSet<&'static str>>,
    /// Of which groups; `None` is all.
    pub groups: Option<BTreeSet<GroupName>>,
}

impl Webhook {
    /// Whether it is to be told of an event of this code.
    pub fn wants(&self, group: &GroupName, code: &str) -> bool {
        self.events
            .as_ref()
            .is_none_or(|events| events.contains(code))
            && self
                .groups
                .as_ref()
                .is_none_or(|groups| groups.contains(group))
    }
}

/// The path of a script that can be run, or why it cannot.
pub(super) fn script(path: &str) -> Result<PathBuf, String> {
    let path = Path::new(path);
    let shown = path.display();
    if !path.is_absolute() {
        return Err(format!(
            "the path of a script must be absolute; write \"/usr/local/bin/{shown}\", or wherever \
             it is"
        ));
    }
    let cannot = |error: io::Error| format!("cannot use the script {shown}: {error}");
    if !fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(format!("the script {shown} is not a file"));
    }
    match access(path, Access::EXEC_OK) {
        Ok(()) => Ok(path.to_owned()),
        Err(_) => Err(format!(
            "the script {shown} is not executable for this user; chmod +x it"
        )),
    }
}
