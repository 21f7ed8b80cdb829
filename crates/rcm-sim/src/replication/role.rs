//! What a node is told to be: `REPLICAOF` with an address or with `NO ONE`, and a link that is cut.

use rcm_core::id::Address;

use crate::node::{Follow, LinkState, Place};
use crate::world::World;

impl World {
    /// `REPLICAOF host port`. False when it is refused.
    pub(crate) fn follow(&mut self, node: usize, target: &Address, by_monitor: bool) -> bool {
        let server = &self.servers[node];
        if server.is_loading() {
            return false;
        }
        if let Some(follow) = server.follow()
            && follow.target == *target
        {
            return true;
        }
        self.leave_office(node);
        self.drop_link(node);
        self.drop_replicas(node);
        let meant = self.at(target).map(|target| self.servers[target].process);
        let attempt = self.servers[node]
            .follow()
            .map_or(0, |follow| follow.attempt);
        self.servers[node].place = Place::Replica(Follow {
            target: target.clone(),
            told_by_monitor: by_monitor,
            meant,
            asked: None,
            link: LinkState::Down,
            attempt,
        });
        self.attempt(node);
        true
    }

    /// `REPLICAOF NO ONE`. False when it is refused.
    pub(crate) fn promote(&mut self, node: usize) -> bool {
        if self.servers[node].is_loading() {
            return false;
        }
        if self.servers[node].is_primary() {
            return true;
        }
        self.drop_link(node);
        self.drop_replicas(node);
        let id = self.new_replication_id();
        let branch = self.new_branch();
        let server = &mut self.servers[node];
        server.previous = Some((server.id, server.offset));
        server.id = id;
        server.branch = branch;
        server.place = Place::Primary;
        true
    }

    /// Cuts the link as `CLIENT KILL TYPE master` does.
    pub(crate) fn cut_link(&mut self, node: usize) {
        if self.servers[node].link_is_up() {
            self.link_lost(node);
        }
    }
}
