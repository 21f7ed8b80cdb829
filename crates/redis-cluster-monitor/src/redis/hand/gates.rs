//! What makes a node let nothing through, or lets it again (strict mode).
//!
//! Two gates, both on the node itself: writes need so many replicas, and the user that replicas
//! attach as is on or off. The user has its password only in memory, and so have those who attach
//! with it: a node that restarts can neither feed nor be fed before it was told to.

use rcm_core::observation::Gates;

use crate::config::Secret;
use crate::redis::{Commands, REPLICATION_USER};

/// A command, word by word.
pub(super) type Words = Vec<String>;

/// How many commands shut the gates.
pub(super) const SHUT: usize = 3;
/// How many commands set what a node attaches with.
pub(super) const CREDENTIALS: usize = 2;

fn words<const N: usize>(words: [&str; N]) -> Words {
    words.map(str::to_owned).to_vec()
}

/// Nothing passes from now on.
pub(super) fn shut(commands: &Commands) -> [Words; SHUT] {
    let (acl, config) = (commands.name("ACL"), commands.name("CONFIG"));
    let min_replicas = Gates::SHUT.min_replicas.to_string();
    [
        words([config, "SET", "min-replicas-to-write", &min_replicas]),
        words([acl, "SETUSER", REPLICATION_USER, "off"]),
        words([acl, "SETUSER", "default", "-psync", "-sync"]),
    ]
}

/// Replicas that know the password may attach, and writes need so many of them.
pub(super) fn open(commands: &Commands, password: &Secret, gates: Gates) -> Vec<Words> {
    let (acl, config) = (commands.name("ACL"), commands.name("CONFIG"));
    let user = [acl, "SETUSER", REPLICATION_USER, "reset", "on"];
    let password = format!(">{}", password.reveal());
    let rights = [&password, "+psync", "+replconf", "+ping"];
    let min_replicas = gates.min_replicas.to_string();
    vec![
        user.into_iter().chain(rights).map(str::to_owned).collect(),
        words([acl, "SETUSER", "default", "-psync", "-sync"]),
        words([config, "SET", "min-replicas-to-write", &min_replicas]),
    ]
}

/// What a node attaches with, until it restarts or is sealed.
pub(super) fn credentials(commands: &Commands, password: &Secret) -> [Words; CREDENTIALS] {
    let config = commands.name("CONFIG");
    [
        words([config, "SET", "masteruser", REPLICATION_USER]),
        words([config, "SET", "masterauth", password.reveal()]),
    ]
}

/// The node forgets what it attached with, before it could write it down.
pub(super) fn no_credentials(commands: &Commands) -> [Words; CREDENTIALS] {
    let config = commands.name("CONFIG");
    [
        words([config, "SET", "masteruser", ""]),
        words([config, "SET", "masterauth", ""]),
    ]
}
