//! What the operators agree on while the group is watched, and how it takes effect.
//!
//! The policy, and nodes that are added, count at once: a plan reads the policy anew at every step
//! and never remembers a delay, and a node that appears in the middle of one is like one that the
//! primary has told of. A node is left only between plans, because a plan may have sealed it.
//!
//! Always holds: the primary in office, one that is announced, and who has a seat (strict mode) are
//! not left, whatever the settings say.

use alloc::vec::Vec;

use super::Engine;
use crate::action::Deed;
use crate::event::Kind;
use crate::id::{Address, Epoch, NodeId, Version};
use crate::mutant::Mutant;
use crate::settings::Settings;
use crate::view::Node;

impl Engine {
    pub(super) fn take_settings(&mut self, version: Version, settings: Settings) {
        let before = Settings {
            policy: self.policy.clone(),
            nodes: self.nodes.clone(),
        };
        let changes = settings.changes_since(&before);
        self.out
            .tell(self.now, Kind::SettingsChanged { version, changes });
        self.policy = settings.policy;
        self.nodes = settings.nodes;
        let entries: Vec<NodeId> = self.view.entries().map(|node| node.id).collect();
        for id in entries {
            if let Some(node) = self.view.get_mut(id) {
                node.listed = self.nodes.addresses().contains(&node.address);
            }
        }
        for address in self.nodes.addresses().to_vec() {
            if !before.nodes.addresses().contains(&address) {
                self.watch(address.clone(), true);
                self.out.tell(self.now, Kind::NodeAdded { node: address });
            }
        }
        // Who is forgotten no more.
        self.watch_members();
    }

    /// Nodes that do not belong to the group any more are watched no longer.
    pub(super) fn leave_forgotten(&mut self) {
        if self.nodes.forgotten().is_empty()
            || self.plan.is_some()
            || self.defect.is(Mutant::ForgetsNobody)
        {
            return;
        }
        if self.record().is_some_and(|record| !record.is_committed()) {
            return;
        }
        let in_office = self.primary_node().map(|node| node.id);
        let leaves = |node: &&Node| {
            let mut forgotten = self.nodes.forgotten().iter();
            let named = forgotten.any(|address| node.listens_at(address));
            named && !node.listed && Some(node.id) != in_office && !self.has_seat(&node.address)
        };
        let entries = self.view.entries().filter(leaves);
        let leaving: Vec<_> = entries
            .map(|node| (node.id, node.address.clone()))
            .collect();
        for (id, address) in leaving {
            self.leave(id, address, true);
        }
    }

    /// A node is watched no longer; what is known of it is forgotten.
    pub(super) fn leave(&mut self, id: NodeId, node: Address, asked: bool) {
        if self.duties.remove(&id).is_some() {
            let epoch = self.epoch();
            self.out.order(epoch, Deed::Close { node: id });
        }
        self.view.remove(id);
        self.settled.remove(&id);
        self.retry_at.remove(&id);
        self.failures.remove(&id);
        self.told_failed.remove(&id);
        self.unpersisted.remove(&id);
        self.not_persistent.remove(&id);
        self.yardsticks.remove(&id);
        self.out.order(Epoch(0), Deed::Unwatch { node: id });
        self.out.tell(self.now, Kind::NodeForgotten { node, asked });
    }

    fn has_seat(&self, address: &Address) -> bool {
        let member = self.record().and_then(|record| record.member_at(address));
        member.is_some_and(|member| member.seat.is_some())
    }
}
