//! What is agreed about a group: the desired state, and what a plan has done of it so far.
//!
//! Whoever holds the lease moves the world towards the record and may die after any step; whoever
//! reads it later continues. Nothing is done to a node that the record does not announce first.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Address, Epoch, MonitorId, Offset, ReplicationId, RunId};
use crate::lineage::{Chain, Position};
use crate::observation::{Replication, Role};
use crate::policy::Nodes;
use crate::quorum::Quorum;
use crate::verdict::Verdict;
use crate::view::{Node, View};

/// The agreed state of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format of this record. A newer program may add fields without another number, if a
    /// record without them means what it meant before: one that does not know them leaves them out
    /// when it writes.
    pub version: u32,
    /// Orders records; only ever grows.
    pub epoch: Epoch,
    /// How far the plan of this epoch has come.
    pub phase: Phase,
    /// The primary that was committed last.
    pub primary: Primary,
    /// Every node that belongs to the group, the primary included.
    pub members: Vec<Member>,
    /// The committed lineage; its head is the primary's replication id.
    pub chain: Chain,
    /// How many replicas must hold a write before it is acknowledged; zero is async mode.
    pub ack_replicas: u32,
    /// Whether every node that could be reached has written its role into its own configuration.
    pub roles_persisted: bool,
    /// What the last failover lost, until the exact figure is known.
    pub loss: Option<Loss>,
}

/// How far the plan of an epoch has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A monitor is about to act; no node is promoted yet.
    Claimed {
        /// The monitor.
        by: MonitorId,
        /// Why.
        cause: Verdict,
    },
    /// A node is about to be promoted, or has been.
    Promoting {
        /// The monitor.
        by: MonitorId,
        /// The node, and where it stood.
        intent: Intent,
    },
    /// The primary is in office.
    Committed,
}

/// The promotion that was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Where the node listens.
    pub address: Address,
    /// Its process: after a restart it is no longer the node that was chosen.
    pub run_id: RunId,
    /// The stream it holds.
    pub parent: ReplicationId,
    /// How much of it.
    pub fork: Offset,
    /// The stream that `parent` continues, and up to where, when `parent` was never committed.
    pub via: Option<(ReplicationId, Offset)>,
}

/// The primary in office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Primary {
    /// Where it listens.
    pub address: Address,
    /// Its process; unknown when the monitor has only heard of it.
    pub run_id: Option<RunId>,
}

/// A node that belongs to the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where it listens.
    pub address: Address,
    /// Its process, when it has been met.
    pub run_id: Option<RunId>,
    /// How far it had come at the last commit.
    pub offset: Offset,
    /// The member that it follows instead of the primary, when it was found so: a chain that the
    /// operator built. A failover dissolves it.
    pub upstream: Option<Address>,
    /// Its place among those who acknowledge and vote; only in strict mode, and not for nodes that
    /// may never be promoted. Who has a seat is settled with the first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<Seat>,
}

/// A member's place among those who acknowledge and vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The process that was seen to hold all that the primary held. Another one has no vote: what
    /// it had confirmed may be gone.
    pub voter: Option<RunId>,
}

/// What a failover lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Where the old primary listens.
    pub old_address: Address,
    /// The old primary's process.
    pub old_primary: Option<RunId>,
    /// The epoch of the failover.
    pub epoch: Epoch,
    /// The last byte that survived.
    pub survived: Offset,
    /// A lower bound in bytes: the old primary had been seen this far ahead.
    pub known_bytes: u64,
    /// The lower bound plus what it had probably written since.
    pub estimated_bytes: u64,
    /// How old that last look at the old primary was, in milliseconds.
    pub look_age_ms: u64,
}

impl Record {
    /// The format that this version writes.
    pub const VERSION: u32 = 1;
    /// A server's own `replica-priority`.
    const STOCK_PRIORITY: u32 = 100;

    /// The first record of a group.
    pub fn first(primary: Primary, chain: Chain, members: Vec<Member>) -> Self {
        Self {
            version: Self::VERSION,
            epoch: Epoch(1),
            phase: Phase::Committed,
            primary,
            members,
            chain,
            ack_replicas: 0,
            roles_persisted: true,
            loss: None,
        }
    }

    /// The same group under the next epoch, in `phase`.
    #[must_use]
    pub fn next(&self, phase: Phase) -> Self {
        Self {
            epoch: self.epoch.next(),
            phase,
            ..self.clone()
        }
    }

    /// Whether a primary is in office and no plan is under way.
    pub const fn is_committed(&self) -> bool {
        matches!(self.phase, Phase::Committed)
    }

    /// Whether writes are acknowledged only once replicas hold them.
    pub const fn is_strict(&self) -> bool {
        self.ack_replicas > 0
    }

    /// The members that acknowledge and vote.
    pub fn seated(&self) -> impl Iterator<Item = (&Member, Seat)> {
        let seated = |member| -> Option<(&Member, Seat)> { Some((member, member.seat?)) };
        self.members.iter().filter_map(seated)
    }

    /// How many members make a promise, and how many have to be asked about it; `None` in async
    /// mode.
    pub fn quorum(&self) -> Option<Quorum> {
        Quorum::new(self.seated().count(), self.ack_replicas)
    }

    /// Whether this process was seen to hold all that the primary held.
    pub fn has_vote(&self, run_id: RunId) -> bool {
        self.seated().any(|(_, seat)| seat.voter == Some(run_id))
    }

    /// Other members, with the seats of this record: nobody gets or loses one.
    pub fn seat(&self, mut members: Vec<Member>) -> Vec<Member> {
        for (seated, seat) in self.seated() {
            let same = |member: &&mut Member| member.address == seated.address;
            match members.iter_mut().find(same) {
                Some(member) => member.seat = Some(seat),
                None => members.push(seated.clone()),
            }
        }
        members
    }

    /// The members that the operators have not forgotten. Whoever has a seat keeps it, and so does
    /// whoever is in office.
    pub fn remaining<'a>(&'a self, nodes: &'a Nodes) -> impl Iterator<Item = &'a Member> {
        let members = self.members.iter();
        members.filter(|it| {
            let stays = it.seat.is_some() || it.address == self.primary.address;
            stays || !nodes.forgotten().contains(&it.address)
        })
    }

    /// The member that listens at `address`.
    pub fn member_at(&self, address: &Address) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.address == *address)
    }

    /// Whether a node was recorded as a member, by its process or by its address. `nodes` are those
    /// that the operators have named, and `view` knows to what their names resolve.
    pub fn includes(&self, node: &Node, view: &View, nodes: &Nodes) -> bool {
        let known = node.run_id().is_some_and(|run_id| self.knows(run_id));
        known || (self.member_at(&node.address).is_some() && !self.is_elsewhere(node, view, nodes))
    }

    /// How much of the history a node was seen to hold, or was recorded with.
    pub fn furthest(&self, node: &Node) -> Option<Offset> {
        let position = node.replication().map(Position::from);
        let seen = position.and_then(|position| self.chain.common_prefix(&position));
        seen.max(self.member_at(&node.address).map(|member| member.offset))
    }

    /// Whether a process that answers at a member's address belongs to another group, which has got
    /// that address: its data does not descend from this group's, and it receives the data of a node
    /// that is no member and was never named, or feeds such nodes and no others.
    fn is_elsewhere(&self, node: &Node, view: &View, nodes: &Nodes) -> bool {
        // Who was added may follow the primary before it is recorded, and who was forgotten still does.
        let is_named =
            |address: &Address| self.member_at(address).is_some() || nodes.names(address);
        // Servers tell each other's addresses as numbers.
        let is_member = |address: &Address| {
            let node = view.at_address(address);
            is_named(address) || node.is_some_and(|node| is_named(&node.address))
        };
        let in_company = match node.replication().map(|seen| &seen.role) {
            Some(Role::Replica(following)) => {
                (following.link_up || following.syncing) && !is_member(&following.primary)
            }
            Some(Role::Primary { replicas, .. }) => {
                !replicas.is_empty() && !replicas.iter().any(|it| is_member(&it.address))
            }
            None => false,
        };
        in_company && !self.is_ancestor_of(node)
    }

    /// Whether a node's data descends from the committed history.
    pub fn is_ancestor_of(&self, node: &Node) -> bool {
        let position = node.replication().map(Position::from);
        position.is_some_and(|position| self.chain.common_prefix(&position).is_some())
    }

    /// How soon a process is promoted, by its `replica-priority`: the smaller, the sooner, and zero
    /// never. Zero bars nobody from returning to the office that it holds.
    pub fn priority(&self, run_id: RunId, replication: &Replication) -> u32 {
        let own = replication.following();
        let own = own.map_or(Self::STOCK_PRIORITY, |following| following.priority);
        if own == 0 && self.primary.run_id == Some(run_id) {
            u32::MAX
        } else {
            own
        }
    }

    /// Whether a process belongs to the group.
    pub fn knows(&self, run_id: RunId) -> bool {
        let announced = match &self.phase {
            Phase::Promoting { intent, .. } => intent.run_id == run_id,
            Phase::Claimed { .. } | Phase::Committed => false,
        };
        announced
            || self.primary.run_id == Some(run_id)
            || self
                .members
                .iter()
                .any(|member| member.run_id == Some(run_id))
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
