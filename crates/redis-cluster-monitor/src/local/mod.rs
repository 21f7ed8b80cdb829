//! Starts real servers on this machine: for the demo, the tests and the benchmarks.
//!
//! [`Binary`] finds a server program, [`Server`] is one process of it, [`Group`] is a primary with
//! its replicas, [`Client`] talks to any of them. [`Writing`] is a program that writes with a client
//! [`Library`]. [`Etcd`] is one or several members of an etcd, [`Monitor`] is this program as a
//! process. All of it is blocking.
//!
//! Not here: anything that a monitor does to nodes in production.
//!
//! Always holds: servers listen on loopback unless told otherwise, write only into a temporary
//! folder of their own, and end with the value that started them.

mod binary;
mod builder;
mod client;
mod error;
mod etcd;
mod group;
mod library;
mod monitor;
mod port;
mod server;
mod writing;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub use binary::{Binary, Version};
pub use builder::Builder;
pub use client::{Client, Reply};
pub use error::Error;
pub use etcd::Etcd;
pub use group::Group;
pub use library::Library;
pub use monitor::{Hear, Monitor, Office, primary_of};
pub use server::Server;
pub use writing::{Account, Write, Writing};

const POLL_EVERY: Duration = Duration::from_millis(2);

/// Known at compile time, so that tests find everything from every folder.
fn source_tree() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("crates lie two folders below the root")
        .to_owned()
}

/// Asks every 2 ms until `condition` holds; past `deadline` the error names `what` did not come.
pub fn wait_for(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> bool,
) -> Result<(), Error> {
    try_for(deadline, what, || Ok(condition()))
}

/// As [`wait_for`], for a condition that can find out that it will never hold.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the wait that all others use; servers have their own time"
)]
fn try_for(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> Result<bool, Error>,
) -> Result<(), Error> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() >= deadline {
            return Err(Error::NotReached {
                what: what.to_owned(),
                within: deadline,
            });
        }
        thread::sleep(POLL_EVERY);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_as_soon_as_the_condition_holds() {
        let mut asked = 0;
        let reached = wait_for(Duration::from_secs(60), "three questions", || {
            asked += 1;
            asked == 3
        });
        assert!(reached.is_ok());
        assert_eq!(asked, 3);
    }

    #[test]
    fn waiting_in_vain_names_what_did_not_come() {
        let error = wait_for(Duration::from_millis(5), "world peace", || false).unwrap_err();
        assert_eq!(error.to_string(), "world peace: not reached within 5ms");
    }
}
