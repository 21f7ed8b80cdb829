//! The other monitors, as the store tells of them, in the engine's words.

use std::collections::BTreeSet;

use rcm_core::engine::Input;
use rcm_core::id::{GroupName, MonitorId};
use rcm_core::opinion::{Heard, Opinion, Peer};
use tokio::sync::watch;

use crate::store::{Fleet, Opinions, Said};

/// Knows them all.
#[derive(Debug)]
pub(super) struct Peers {
    group: GroupName,
    me: MonitorId,
    fleet: watch::Receiver<Fleet>,
    /// Those who said something last that is not understood.
    garbled: BTreeSet<MonitorId>,
}

impl Peers {
    pub(super) const fn new(
        group: GroupName,
        me: MonitorId,
        fleet: watch::Receiver<Fleet>,
    ) -> Self {
        Self {
            group,
            me,
            fleet,
            garbled: BTreeSet::new(),
        }
    }

    /// Somebody came, went, or lives no longer. Pending for ever in a store of one monitor.
    pub(super) async fn changed(&mut self) {
        if self.fleet.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the store was read, so that it is known who is registered.
    pub(super) fn are_known(&self) -> bool {
        // This monitor is registered itself.
        !self.fleet.borrow().0.is_empty()
    }

    /// All of them, and what they said last.
    pub(super) fn with(&mut self, opinions: &Opinions) -> Input {
        let mut others = self.fleet.borrow_and_update().0.clone();
        self.garbled.retain(|id| others.contains_key(id));
        others.remove(&self.me);
        let others = others.into_iter();
        let peers = others.map(|(id, member)| Peer {
            alive: member.is_alive,
            said: opinions.get(&id).and_then(|said| self.heard(&id, said)),
            id,
        });
        Input::Monitors(peers.collect())
    }

    /// What is not understood is no opinion.
    fn heard(&mut self, id: &MonitorId, said: &Said) -> Option<Heard> {
        match serde_json::from_str::<Opinion>(&said.text) {
            Ok(opinion) => {
                self.garbled.remove(id);
                said.heard_at.map(|at| Heard { opinion, at })
            }
            Err(error) => {
                if self.garbled.insert(id.clone()) {
                    let group = self.group.as_str();
                    tracing::warn!(group, "what monitor {id} says is not understood: {error}");
                }
                None
            }
        }
    }
}
