//! Standing warnings: what an operator should know although the group works.

use alloc::vec::Vec;

use serde::Serialize;

use super::Verdict;
use crate::id::NodeId;
use crate::observation::{Failure, Role};
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::{Node, View};

/// One standing warning about one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// What is the matter.
    pub verdict: Verdict,
    /// The node that it is the matter with.
    pub node: NodeId,
}

/// All warnings about the nodes of a group whose recorded primary is `primary`.
pub fn warnings(view: &View, primary: Option<NodeId>, now: Instant) -> Vec<Warning> {
    let mut found = Vec::new();
    for node in view.nodes() {
        let mut warn = |verdict| {
            found.push(Warning {
                verdict,
                node: node.id,
            });
        };
        if node
            .refuses_us
            .is_some_and(|failure| failure != Failure::Busy)
        {
            warn(Verdict::NodeRefusesUs);
        }
        if !node.answers() {
            continue;
        }
        if Some(node.id) == primary {
            warn_about_primary(node, &mut warn);
        } else if is_broken(node, now) {
            warn(Verdict::ReplicationBroken);
        }
    }
    found
}

fn warn_about_primary(node: &Node, warn: &mut impl FnMut(Verdict)) {
    let Some(condition) = &node.condition else {
        return;
    };
    if condition.cannot_persist {
        warn(Verdict::PrimaryCannotPersist);
    }
    let too_few_replicas = match node.replication().map(|replication| &replication.role) {
        Some(Role::Primary {
            good_replicas: Some(good),
            ..
        }) => *good < condition.min_replicas,
        _ => false,
    };
    if condition.out_of_memory || too_few_replicas {
        warn(Verdict::PrimaryRefusesWrites);
    }
}

/// A replica whose link has been down for longer than a resynchronisation takes to begin.
fn is_broken(node: &Node, now: Instant) -> bool {
    let Some(following) = node.following() else {
        return false;
    };
    let down_since = node.down_since.unwrap_or(now);
    !following.link_up && !following.syncing && now.since(down_since) >= Policy::REPAIR_AFTER
}
