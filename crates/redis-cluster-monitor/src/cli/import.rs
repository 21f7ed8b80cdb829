//! `import`: brings what an etcd knows into the state folder, so that one monitor goes on alone.

use super::{Exit, print, say};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::etcd::{ImportError, import};
use crate::store::file::File;

/// Brings the records of all groups, and shows which.
pub(super) fn run(config: &Config) -> Exit {
    for warning in &config.warnings {
        say(format_args!("warning: {warning}"));
    }
    let Some(etcd) = &config.etcd else {
        say(
            "error: no etcd to bring the records from; name it with --store \
             etcd://HOST:PORT,HOST:PORT,... or as [store] of the file",
        );
        return Exit::Usage;
    };
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format_args!("error: cannot start: {error}"));
            return Exit::Failed;
        }
    };
    let folder = match File::open(&config.state_folder, config.groups.len()) {
        Ok(folder) => folder,
        Err(error) => {
            say(format_args!("error: {error}"));
            return Exit::Store;
        }
    };
    match runtime.block_on(import(etcd, &folder, Clock::start())) {
        Ok(brought) => {
            let place = config.state_folder.display();
            let line = |(group, epoch)| format!("{group}: epoch {epoch} goes on in {place}\n");
            print(&brought.into_iter().map(line).collect::<String>())
        }
        Err(error) => {
            say(format_args!("error: {error}"));
            match error {
                ImportError::Watched(_) | ImportError::Older { .. } => Exit::Refused,
                ImportError::Nothing(_)
                | ImportError::Tls(_)
                | ImportError::Unusable(_)
                | ImportError::Record { .. }
                | ImportError::Settings { .. }
                | ImportError::Foreign { .. } => Exit::Store,
            }
        }
    }
}
