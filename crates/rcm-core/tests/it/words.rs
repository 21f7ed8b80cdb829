//! What the words of a story stand for.

use std::error::Error;
use std::time::Duration;

use rcm_core::action::{Done, Report};
use rcm_core::id::{Address, ReplicationId, RunId};
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

pub(crate) fn replid(name: &str) -> ReplicationId {
    let text = name
        .bytes()
        .fold(0_u64, |id, byte| id << 8 | u64::from(byte));
    ReplicationId::from_number(text << (64 - 8 * name.len().min(8)))
}

pub(crate) fn address(name: &str) -> Address {
    if name == "tombstone" {
        Address::tombstone()
    } else {
        Address::new(name, 6379)
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, Box<dyn Error>> {
    Ok(humantime::parse_duration(text)?)
}

/// Whether a member of a strict group votes.
pub(crate) fn vote(member: &Member) -> &'static str {
    match member.seat {
        None => "",
        Some(seat) if seat.voter.is_some() && seat.voter == member.run_id => " votes",
        Some(_) => " has no vote",
    }
}

pub(crate) fn seal(node: &mut Node, shut: bool) -> Done {
    if shut {
        set_gates(node, look::Gates::SHUT);
    }
    follow(node, Address::tombstone(), false);
    Done::Sealed(report(node))
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
