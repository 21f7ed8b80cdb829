//! What the operators of a group agree on while it is watched: its policy and its nodes, the same for
//! all monitors.
//!
//! Not here: where that is kept, and who may change it.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::{Serialize, Serializer};

use crate::id::Address;
use crate::policy::{Nodes, Policy};

/// What is agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How the group is watched and failed over.
    pub policy: Policy,
    /// Who belongs to it.
    pub nodes: Nodes,
}

/// One difference between two settings; on the wire it is its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key has another value.
    Key {
        /// Its name in a configuration file.
        key: &'static str,
        /// What it was.
        from: String,
        /// What it is.
        to: String,
    },
    /// A node is listed.
    Listed(Address),
    /// A node is not listed any more.
    Unlisted(Address),
    /// A node does not belong to the group any more.
    Forgotten(Address),
    /// A node that did not belong to the group may be met again.
    Remembered(Address),
}

impl Settings {
    /// What is not as it was.
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let mut changes = changed_keys(&before.policy, &self.policy);
        let (old, new) = (&before.nodes, &self.nodes);
        let mut differ =
            |in_one: &[Address], in_other: &[Address], change: fn(Address) -> Change| {
                let missing = in_one.iter().filter(|node| !in_other.contains(node));
                changes.extend(missing.cloned().map(change));
            };
        differ(new.addresses(), old.addresses(), Change::Listed);
        differ(new.forgotten(), old.forgotten(), Change::Forgotten);
        let gone = |list: &[Address], but: &[Address]| -> Vec<Address> {
            let gone = list.iter().filter(|node| !but.contains(node));
            gone.cloned().collect()
        };
        // Whoever is forgotten is not listed any more, and the other way round.
        let unlisted = gone(old.addresses(), new.forgotten());
        differ(&unlisted, new.addresses(), Change::Unlisted);
        let remembered = gone(old.forgotten(), new.addresses());
        differ(&remembered, new.forgotten(), Change::Remembered);
        changes
    }
}

fn changed_keys(from: &Policy, to: &Policy) -> Vec<Change> {
    let keys = [
        (
            "crash_after",
            delay(from.crash_after),
            delay(to.crash_after),
        ),
        (
            "silent_after",
            delay(from.silent_after),
            delay(to.silent_after),
        ),
        ("hang_after", hang(from.hang_after), hang(to.hang_after)),
        (
            "probe_every",
            delay(from.probe_every),
            delay(to.probe_every),
        ),
        ("quorum", quorum(from.quorum), quorum(to.quorum)),
        ("observe", from.observe.to_string(), to.observe.to_string()),
        (
            "persist_roles",
            from.persist_roles.to_string(),
            to.persist_roles.to_string(),
        ),
    ];
    let changed = keys.into_iter().filter(|(_, from, to)| from != to);
    changed
        .map(|(key, from, to)| Change::Key { key, from, to })
        .collect()
}

fn delay(delay: Duration) -> String {
    alloc::format!("{delay:?}")
}

fn hang(after: Option<Duration>) -> String {
    after.map_or_else(|| "by the node".to_string(), delay)
}

fn quorum(quorum: Option<usize>) -> String {
    quorum.map_or_else(|| "the majority".to_string(), |number| number.to_string())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { key, from, to } => write!(f, "{key} is {to}, was {from}"),
            Self::Listed(node) => write!(f, "{node} is added"),
            Self::Unlisted(node) => write!(f, "{node} is not listed any more"),
            Self::Forgotten(node) => write!(f, "{node} is forgotten"),
            Self::Remembered(node) => write!(f, "{node} may be met again"),
        }
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Several changes, apart by commas.
pub(crate) struct Changes<'a>(pub(crate) &'a [Change]);

impl fmt::Display for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing changes here");
        }
        for (i, change) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{change}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listed: &str, forgotten: &str, policy: Policy) -> Settings {
        let nodes = |text: &str| {
            text.split_whitespace()
                .map(|it| it.parse().unwrap())
                .collect()
        };
        let nodes = Nodes::new(nodes(listed)).unwrap().without(nodes(forgotten));
        Settings {
            policy,
            nodes: nodes.unwrap(),
        }
    }

    #[test]
    fn what_has_changed_is_named_once() {
        let before = settings("a b c", "x y", Policy::default());
        let policy = Policy {
            hang_after: Some(Duration::from_millis(1_500)),
            quorum: Some(2),
            ..Policy::default()
        };
        let after = settings("a d x", "b", policy);
        let told: Vec<String> = after
            .changes_since(&before)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "hang_after is 1.5s, was by the node",
                "quorum is 2, was the majority",
                "d:6379 is added",
                "x:6379 is added",
                "b:6379 is forgotten",
                "c:6379 is not listed any more",
                "y:6379 may be met again",
            ]
        );
        assert_eq!(after.changes_since(&after), []);
    }
}
