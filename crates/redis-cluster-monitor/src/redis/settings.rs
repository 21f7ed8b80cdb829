//! What is the same for all nodes of a group.

use rcm_core::fencing::Owner;
use rcm_core::policy::Policy;
use tokio::sync::watch;

use super::Commands;
use crate::config::{Credentials, Secret};

/// Strict mode: the user that replicas attach as. It is on only on the primary in office.
pub const REPLICATION_USER: &str = "rcm-repl";

/// How the nodes of one group are talked to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who we say we are; without them, nobody.
    pub credentials: Option<Credentials>,
    /// What the commands are called there.
    pub commands: Commands,
    /// Whose connections these are: their names on the nodes carry it.
    pub owner: Owner,
    /// Strict mode: what replicas attach with, as the user [`REPLICATION_USER`].
    pub replication: Option<Secret>,
    /// How often to look, and whether the monitor only looks; it may change on the way.
    pub policy: watch::Receiver<Policy>,
}

#[cfg(test)]
impl Settings {
    /// Those of a group that needs nothing special.
    pub(super) fn plain() -> Self {
        Self {
            credentials: None,
            commands: Commands::default(),
            owner: Owner {
                deployment: "d1".parse().unwrap(),
                group: "mymaster".parse().unwrap(),
                monitor: "m1".parse().unwrap(),
            },
            replication: None,
            policy: watch::channel(Policy::default()).1,
        }
    }
}
