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
        // A primary knows its own place, and asks to continue from there.
        let remembers = server.follow().is_none_or(|follow| follow.remembers);
        self.leave_office(node);
        if self.servers[node].is_primary() {
            self.servers[node].begin_backlog();
        }
        self.drop_link(node);
        if !self.servers[node].version.keeps_replicas() {
            self.drop_replicas_unsent(node);
        }
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
            remembers,
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
        self.drop_replicas_unsent(node);
        let id = self.new_replication_id();
        let branch = self.new_branch();
        let server = &mut self.servers[node];
        server.previous = Some((server.id, server.offset));
        server.id = id;
        server.branch = branch;
        server.selected = false;
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
