//! What the monitors see of the primary, this one and the others.

use alloc::vec::Vec;

use super::Engine;
use crate::opinion::{About, Ballot, Peer};
use crate::status::MonitorStatus;

/// What is known of the others.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    /// The other monitors, once the store has told of them.
    peers: Option<Vec<Peer>>,
}

impl Engine {
    pub(super) fn meet_monitors(&mut self, peers: Vec<Peer>) {
        self.eyes.peers = Some(peers);
    }

    /// All registered monitors.
    pub(super) fn ballot(&self) -> Ballot<'_> {
        Ballot {
            peers: self.eyes.peers.as_deref().unwrap_or_default(),
            quorum: self.policy.quorum,
            defect: self.defect,
        }
    }

    /// The primary in office.
    fn about(&self) -> Option<About> {
        let record = self.record()?;
        Some(About {
            epoch: record.epoch,
            run_id: record.primary.run_id,
        })
    }

    pub(super) fn monitors(&self) -> Vec<MonitorStatus> {
        let ballot = self.ballot();
        let about = self.about();
        let status = |peer: &Peer| MonitorStatus {
            id: peer.id.clone(),
            alive: peer.alive,
            sees: about.and_then(|about| ballot.says(peer, about, self.now)),
        };
        ballot.peers.iter().map(status).collect()
    }
}
