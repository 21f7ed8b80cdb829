//! What an observation changes of what is known of a node.
//!
//! Always holds: an older look never replaces a newer one, and a process that is gone says nothing
//! of the one that took its place.

use super::{Look, Motion, Node, Trouble};
use crate::observation::{Failure, Gates, Identity, Observation, Replication, Seen};
use crate::time::Instant;

impl Node {
    pub(super) fn apply(&mut self, observation: Observation) {
        let Observation {
            asked_at,
            at,
            seen,
            node: _,
        } = observation;
        match seen {
            Seen::Resolved(ip) => self.ip = Some(ip),
            Seen::Accepted => self.trouble.accepts(at),
            Seen::Alive => self.lives(at),
            Seen::Identity(identity) => self.meets(identity, at),
            Seen::Replication(replication) => {
                self.lives(at);
                let usable = self
                    .identity
                    .as_ref()
                    .is_none_or(|identity| identity.can_replicate);
                self.refuses_us = (!usable).then_some(Failure::Forbidden);
                self.note(Look {
                    replication,
                    asked_at,
                    at,
                });
            }
            Seen::Condition(condition) => {
                self.lives(at);
                self.condition = Some(condition);
                if let Some(gates) = condition.gates() {
                    self.note_gates(gates, asked_at);
                }
            }
            Seen::Deciders(deciders) => {
                self.lives(at);
                self.deciders = Some((deciders, asked_at));
            }
            Seen::Failed(failure) => self.fails(failure, asked_at, at),
        }
    }

    /// Takes in what the node lets through, unless more is known than was asked `asked_at`.
    pub fn note_gates(&mut self, gates: Gates, asked_at: Instant) {
        if self.gates.is_none_or(|(_, known)| known <= asked_at) {
            self.gates = Some((gates, asked_at));
        }
    }

    fn meets(&mut self, identity: Identity, at: Instant) {
        if self
            .run_id()
            .is_some_and(|run_id| run_id != identity.run_id)
        {
            self.former = self.last_seen();
            // Another process: what the old one said does not describe it.
            self.look = None;
            self.role_since = None;
            self.look_is_current = false;
            self.motion = None;
            self.condition = None;
            self.gates = None;
        }
        self.identity = Some(identity);
        self.deciders = None;
        self.lives(at);
    }

    fn lives(&mut self, at: Instant) {
        self.answered_at = Some(at);
        self.trouble = Trouble::default();
    }

    fn note(&mut self, look: Look) {
        if self
            .look
            .as_ref()
            .is_some_and(|before| before.asked_at > look.asked_at)
        {
            // Looks come on several connections: an older one that is answered later is old.
            return;
        }
        if let Some(before) = &self.look {
            let (old, new) = (&before.replication, &look.replication);
            if old.id == new.id && new.offset > old.offset {
                let bytes = new.offset.ahead_of(old.offset);
                self.motion = Some(Motion {
                    from: before.at,
                    to: look.at,
                    bytes,
                });
            }
            if new.link_up() && !old.link_up() {
                self.linked = Some(before.at);
            }
        }
        if look.replication.link_up() || look.replication.is_primary() {
            self.down_since = None;
        } else {
            self.down_since.get_or_insert(look.at);
        }
        let was_primary = self.replication().map(Replication::is_primary);
        if was_primary != Some(look.replication.is_primary()) {
            self.role_since = Some(look.asked_at);
        }
        let followed = self.following().map(|following| &following.primary);
        if followed
            != look
                .replication
                .following()
                .map(|following| &following.primary)
        {
            self.following_since = Some(look.at);
        }
        self.look = Some(look);
        self.look_is_current = true;
    }

    fn fails(&mut self, failure: Failure, asked_at: Instant, at: Instant) {
        if failure.shows_life() {
            self.lives(at);
            self.refuses_us = Some(failure);
            return;
        }
        // Our own machine's fault says nothing about the node.
        self.look_is_current &= failure == Failure::Local;
        let trouble = &mut self.trouble;
        let since = |first: Option<(Instant, Instant)>| Some((first.map_or(at, |(f, _)| f), at));
        match failure {
            Failure::Refused => trouble.refused = since(trouble.refused),
            Failure::Closed => {
                trouble.closed_at.get_or_insert(at);
            }
            Failure::Silent => trouble.silent = since(trouble.silent),
            Failure::Mute => {
                // An answer to a later question on another connection shows life after all.
                let since = self
                    .answered_at
                    .map_or(asked_at, |answered| asked_at.max(answered));
                trouble.mute_since.get_or_insert(since);
            }
            Failure::NotRedis | Failure::Unresolved => {
                let first = trouble.other.map_or(at, |(_, first)| first);
                trouble.other = Some((failure, first));
            }
            Failure::Local
            | Failure::Busy
            | Failure::Unauthorised
            | Failure::Forbidden
            | Failure::TurnedAway => {}
        }
    }
}
