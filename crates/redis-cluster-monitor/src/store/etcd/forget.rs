//! Forgets monitors that were registered and have not been alive for a long time.

use std::collections::BTreeMap;
use std::time::Duration;

use rcm_core::id::MonitorId;
use rcm_core::time::Instant;
use tokio::sync::watch;

use super::board::Board;
use super::calls::{created, delete, modified};
use super::keys::{Key, Keys};
use super::session::Session;
use super::transport::Client;
use crate::clock::Clock;

/// Who forgets.
pub(super) struct Registrar {
    pub client: Client,
    pub keys: Keys,
    pub clock: Clock,
    pub board: Board,
    pub session: watch::Receiver<Option<Session>>,
    /// How long a monitor must not have been alive, by our own clock.
    pub after: Duration,
}

impl Registrar {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        let every = (self.after / 10).clamp(Duration::from_millis(50), Duration::from_secs(30));
        let mut absent_since: BTreeMap<MonitorId, Instant> = BTreeMap::new();
        loop {
            tokio::time::sleep(every).await;
            let now = self.clock.now();
            let session = *self.session.borrow();
            let leads = session.is_some_and(|session| self.board.leads(session.lease));
            if !leads {
                // What is not watched over is not counted.
                absent_since.clear();
                continue;
            }
            let absent = self.board.absent();
            absent_since.retain(|id, _| absent.contains_key(id));
            for (id, revision) in absent {
                let since = *absent_since.entry(id.clone()).or_insert(now);
                if now.since(since) >= self.after {
                    self.forget(&id, revision).await;
                }
            }
        }
    }

    async fn forget(&self, id: &MonitorId, revision: i64) {
        let monitor = self.keys.of(&Key::Monitor(id.clone()));
        let alive = self.keys.of(&Key::Alive(id.clone()));
        let is_absent = vec![created(&alive, 0), modified(&monitor, revision)];
        match self
            .client
            .transact(is_absent, vec![delete(&monitor)], Vec::new())
            .await
        {
            Ok(answer) if answer.succeeded => {
                tracing::warn!(
                    "monitor {id} is forgotten: it was not alive for {:?}",
                    self.after
                );
            }
            // It came back, or somebody else was quicker.
            Ok(_) => {}
            Err(fault) => tracing::debug!("monitor {id} is not forgotten yet: {fault}"),
        }
    }
}
