//! What a server says of itself when it is asked.

use std::time::Duration;

use rcm_core::action::Report;
use rcm_core::id::{Address, Offset};
use rcm_core::observation::{Attached, Condition, Following, Identity, Replication, Role};

use super::{BUSY_THRESHOLD, LinkState, Place, Server};

impl Server {
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            run_id: self.run_id(),
            version: String::from("redis 7.0.15"),
            busy_threshold: Some(Duration::from_micros(BUSY_THRESHOLD)),
            can_replicate: true,
        }
    }

    /// `strict`: the monitor asks about the user that replicas attach as.
    pub(crate) fn condition(&self, strict: bool) -> Condition {
        let gates = self.access.gates();
        Condition {
            empty: !self.history.holds_keys(),
            min_replicas: gates.min_replicas,
            feeds: strict.then_some(gates.feeds),
            ..Condition::default()
        }
    }

    /// `INFO replication`; `addresses` are those of all servers.
    pub(crate) fn replication(&self, addresses: &[Address]) -> Replication {
        let role = match &self.place {
            Place::Primary => Role::Primary {
                replicas: self
                    .attached
                    .values()
                    .map(|fed| Attached {
                        address: addresses[fed.node].clone(),
                        offset: Offset(fed.acked),
                        online: fed.online,
                    })
                    .collect(),
                good_replicas: (self.access.min_replicas > 0).then_some(self.good_replicas),
            },
            Place::Replica(follow) => Role::Replica(Following {
                primary: follow.target.clone(),
                link_up: matches!(follow.link, LinkState::Up(_)),
                syncing: matches!(follow.link, LinkState::Syncing(_)),
                priority: self.priority,
            }),
        };
        Replication {
            id: self.id,
            previous: self.previous.map(|(id, offset)| (id, Offset(offset))),
            offset: Offset(self.offset),
            role,
            loading: self.is_loading(),
        }
    }

    pub(crate) fn report(&self, addresses: &[Address]) -> Report {
        Report {
            run_id: self.run_id(),
            replication: self.replication(addresses),
        }
    }
}
