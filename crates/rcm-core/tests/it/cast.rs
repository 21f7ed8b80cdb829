//! The nodes of a story, and what commands change in them.

use rcm_core::action::{Done, Report};
use rcm_core::id::{Address, RunId};
use rcm_core::observation as look;
use rcm_core::record::Member;

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) number: u64,
    pub(crate) process: u64,
    pub(crate) up: bool,
    pub(crate) mute: bool,
    pub(crate) replication: look::Replication,
    pub(crate) condition: look::Condition,
}

impl Node {
    pub(crate) fn run_id(&self) -> RunId {
        RunId::from_number(self.number << 56 | self.process << 32)
    }
}

pub(crate) fn seal(node: &mut Node, shut: bool) -> Done {
    if shut {
        set_gates(node, look::Gates::SHUT);
    }
    follow(node, Address::tombstone(), false);
    Done::Sealed(report(node))
}

/// Whether a member of a strict group votes.
pub(crate) fn vote(member: &Member) -> &'static str {
    match member.seat {
        None => "",
        Some(seat) if seat.voter.is_some() && seat.voter == member.run_id => " votes",
        Some(_) => " has no vote",
    }
}

pub(crate) fn set_gates(node: &mut Node, gates: look::Gates) -> Done {
    node.condition.min_replicas = gates.min_replicas;
    node.condition.feeds = Some(gates.feeds);
    Done::Gated(gates)
}

pub(crate) fn report(node: &Node) -> Report {
    Report {
        run_id: node.run_id(),
        replication: node.replication.clone(),
    }
}

pub(crate) fn follow(node: &mut Node, primary: Address, link_up: bool) {
    let priority = match &node.replication.role {
        look::Role::Replica(following) => following.priority,
        look::Role::Primary { .. } => 100,
    };
    let following = look::Following {
        primary,
        link_up,
        syncing: false,
        priority,
    };
    node.replication.role = look::Role::Replica(following);
}
