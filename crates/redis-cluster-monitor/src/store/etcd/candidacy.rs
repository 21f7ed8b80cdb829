//! Leads one group, or waits for its turn.
//!
//! The leader is whoever has created the group's leader key under its lease. That the key is there
//! is believed when the watch tells it; that it is still there when something is written, etcd
//! compares.

use std::time::Duration;

use rcm_core::id::{GroupName, MonitorId, Revision};
use rcm_core::time::Instant;
use tokio::sync::watch;

use super::board::{Board, GroupState, Leader, tell};
use super::calls::{created, delete, put};
use super::keys::{Key, Keys};
use super::session::Session;
use super::transport::Client;
use crate::clock::Clock;
use crate::store::{Leadership, Opinions, jitter, spread};

/// Those who wait for a free group do not all ask at the same moment.
const RACE: Duration = Duration::from_millis(100);
/// A request that brought nothing is repeated after so long, a quarter more or less.
const RETRY: Duration = Duration::from_millis(300);

/// What a candidate needs.
pub(super) struct Candidate {
    pub client: Client,
    pub keys: Keys,
    pub clock: Clock,
    pub id: MonitorId,
    pub group: GroupName,
    pub board: Board,
    pub session: watch::Receiver<Option<Session>>,
    /// Until when this monitor leaves the group to others.
    pub resigned_until: watch::Receiver<Instant>,
    /// Whether it wants to lead at all.
    pub runs: bool,
}

/// Where a candidate tells what it knows.
pub(super) struct Told {
    pub leadership: watch::Sender<Leadership>,
    pub leader: watch::Sender<Option<MonitorId>>,
    pub stored: watch::Sender<Revision>,
    pub opinions: watch::Sender<Opinions>,
}

impl Candidate {
    /// Runs until nobody listens any more, and then makes room for others.
    pub(super) async fn run(mut self, told: Told) {
        let mut state = self.board.group(&self.group);
        let mut try_at = None;
        loop {
            let now = self.clock.now();
            let session = *self.session.borrow_and_update();
            let known = state.borrow_and_update().clone();
            let not_before = *self.resigned_until.borrow();
            let stands_back = now < not_before;
            tell(&told.leadership, |told| {
                *told = if stands_back {
                    Leadership::None
                } else {
                    leadership(session, &known)
                };
            });
            tell(&told.leader, |told| {
                // Who cannot renew its own lease does not hear that the leader's is over.
                let leader = known.leader.as_ref().filter(|_| session.is_some());
                *told = leader.map(|leader| leader.id.clone());
            });
            tell(&told.stored, |told| *told = known.revision);
            tell(&told.opinions, |told| *told = known.opinions.clone());

            let is_vacant = self.runs && known.leader.is_none() && session.is_some();
            try_at = match try_at {
                _ if !is_vacant => None,
                None => Some((now + spread(RACE)).max(not_before)),
                Some(at) if now >= at => {
                    self.stand(session).await;
                    Some(self.clock.now() + jitter(RETRY))
                }
                waiting => waiting,
            };
            let wake_at = [try_at, stands_back.then_some(not_before)];
            let wake_at = wake_at.into_iter().flatten().min();
            let sleep = async |at: Instant| tokio::time::sleep_until(self.clock.until(at)).await;
            tokio::select! {
                () = told.leadership.closed() => break,
                // Both senders live as long as the store.
                Ok(()) = self.session.changed() => {}
                Ok(()) = state.changed() => {}
                Ok(()) = self.resigned_until.changed() => {
                    told.leadership.send_replace(Leadership::None);
                    self.resign().await;
                }
                () = sleep(wake_at.unwrap_or_default()), if wake_at.is_some() => {}
            }
        }
        self.resign().await;
    }

    /// Tries to become the leader; the watch tells who it is.
    async fn stand(&self, session: Option<Session>) {
        let Some(Session { lease, .. }) = session else {
            return;
        };
        let key = self.keys.of(&Key::Leader(self.group.clone()));
        let is_free = vec![created(&key, 0)];
        let lead = vec![put(&key, self.id.as_str(), Some(lease))];
        if let Err(fault) = self.client.transact(is_free, lead, Vec::new()).await {
            tracing::debug!(group = self.group.as_str(), "cannot lead: {fault}");
        }
    }

    /// Gives the group up, if this monitor leads it.
    async fn resign(&self) {
        let session = *self.session.borrow();
        let term = session.and_then(|session| self.board.term(&self.group, session.lease));
        let Some(term) = term else { return };
        let key = self.keys.of(&Key::Leader(self.group.clone()));
        let is_ours = vec![created(&key, term)];
        if let Err(fault) = self
            .client
            .transact(is_ours, vec![delete(&key)], Vec::new())
            .await
        {
            tracing::warn!(group = self.group.as_str(), "cannot resign: {fault}");
        }
    }
}

fn leadership(session: Option<Session>, known: &GroupState) -> Leadership {
    match (session, &known.leader) {
        (Some(session), Some(Leader { lease, .. })) if *lease == session.lease => {
            Leadership::Until(session.until)
        }
        _ => Leadership::None,
    }
}
