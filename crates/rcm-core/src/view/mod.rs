//! What this monitor knows now, and how old it is.
//!
//! A view only remembers. What the facts mean is decided in [`verdict`](crate::verdict) and
//! [`candidate`](crate::candidate).
//!
//! Always holds: a sign of life erases every older evidence of death of the same node.

mod apply;
mod node;
mod trouble;

use alloc::collections::BTreeMap;

use crate::id::{Address, NodeId, RunId};
use crate::observation::Observation;
use crate::time::Instant;

pub use node::{Former, Look, Motion, Node};
pub use trouble::Trouble;

/// All nodes of one group.
#[derive(Clone, Debug, Default)]
pub struct View {
    nodes: BTreeMap<NodeId, Node>,
    next: u32,
}

impl View {
    /// Starts to watch a node, at most once per address.
    pub fn add(&mut self, address: Address, listed: bool, now: Instant) -> NodeId {
        if let Some(node) = self.nodes.values().find(|node| node.address == address) {
            return node.id;
        }
        let id = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(id, Node::new(id, address, listed, now));
        id
    }

    /// Stops watching a node. Other addresses of its process stand for themselves again.
    pub fn remove(&mut self, id: NodeId) {
        self.nodes.remove(&id);
        for node in self.nodes.values_mut() {
            node.alias_of.take_if(|first| *first == id);
        }
    }

    /// The node with this place in the table.
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// The node with this place in the table, to be changed.
    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    /// All entries, aliases included, in the order in which they were added.
    pub fn entries(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// All nodes, each process once, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.alias_of.is_none())
    }

    /// The node that listens at `address`, written as a name or as an IP address.
    pub fn at_address(&self, address: &Address) -> Option<&Node> {
        let node = self.nodes.values().find(|node| node.listens_at(address))?;
        node.alias_of.map_or(Some(node), |first| self.get(first))
    }

    /// The node whose process is `run_id`.
    pub fn with_run_id(&self, run_id: RunId) -> Option<&Node> {
        self.nodes().find(|node| node.run_id() == Some(run_id))
    }

    /// Takes one observation in. Unknown nodes are ignored: they were removed meanwhile.
    pub fn apply(&mut self, observation: Observation) {
        if let Some(node) = self.nodes.get_mut(&observation.node) {
            node.apply(observation);
        }
    }

    /// Our own scheduling was late: silence that we could not have heard is no evidence.
    pub fn void_silence(&mut self, now: Instant) {
        for node in self.nodes.values_mut() {
            node.trouble.mute_since = node.trouble.mute_since.map(|_| now);
            node.trouble.silent = node.trouble.silent.map(|_| (now, now));
        }
    }
}
