//! The lease of this monitor, and the two keys that say that it is there.
//!
//! Always holds: by this monitor's own clock the lease is over before it can be over by etcd's: it
//! counts from when the last confirmed request was sent, less a margin.

use std::net::SocketAddr;
use std::time::Duration;

use rcm_core::id::MonitorId;
use rcm_core::time::Instant;
use tokio::sync::watch;

use super::board::Registration;
use super::calls::{LeaseId, created, delete, found, get, holds, put};
use super::keys::{Key, Keys};
use super::transport::{Client, Fault};
use crate::clock::Clock;
use crate::store::jitter;

/// For how long a lease is asked.
const TTL: Duration = Duration::from_secs(2);
/// How much earlier it is over by our own clock: what was begun in time shall be there in time.
const MARGIN: Duration = Duration::from_millis(300);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_millis(500);
/// How long an endpoint has to answer before the next one is asked.
const RENEW_WITHIN: Duration = Duration::from_millis(500);
/// How long nothing is tried after a renewal failed, a quarter more or less.
const PAUSE: Duration = Duration::from_millis(50);

/// The right to hold keys, for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub lease: LeaseId,
    pub until: Instant,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// Another process uses the same name.
    #[error(
        "a monitor with the id {0} runs already, in another process or on another machine; every \
         monitor needs a state folder of its own, which is never copied: stop the other one, or \
         give this one another folder with --state-dir"
    )]
    Taken(MonitorId),
    /// The lease is over.
    #[error("the lease ended before it was renewed")]
    Ended,
    /// A call failed.
    #[error("{0}")]
    Fault(String),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault.to_string())
    }
}

/// Who holds the session.
pub(super) struct Holder {
    pub client: Client,
    pub keys: Keys,
    pub clock: Clock,
    pub id: MonitorId,
    /// Tells this process from others with the same id.
    pub token: String,
    /// Where its Sentinel API can be reached.
    pub sentinel: watch::Receiver<Option<SocketAddr>>,
}

impl Holder {
    /// A lease, and this monitor alive under it.
    pub(super) async fn begin(&mut self) -> Result<Session, Trouble> {
        let asked = self.clock.now();
        let (lease, ttl) = self.client.grant(TTL).await?;
        if let Err(trouble) = self.enrol(lease).await {
            // If it fails too, the lease ends by itself.
            self.client.revoke(lease).await.ok();
            return Err(trouble);
        }
        Ok(Session {
            lease,
            until: until(asked, ttl),
        })
    }

    /// Holds on to `session`, and begins another when it is lost, until it is dropped.
    pub(super) async fn hold(
        mut self,
        mut session: Session,
        publisher: watch::Sender<Option<Session>>,
    ) {
        let mut told = None;
        loop {
            let trouble = self.renew(session, &publisher).await;
            publisher.send_replace(None);
            tracing::warn!("this monitor may not act: {trouble}");
            session = loop {
                match self.begin().await {
                    Ok(session) => break session,
                    Err(trouble) => {
                        // Once per trouble, not once per attempt.
                        if told.as_ref() != Some(&trouble) {
                            tracing::error!("this monitor has no lease: {trouble}");
                        }
                        told = Some(trouble);
                        tokio::time::sleep(jitter(RENEW_EVERY)).await;
                    }
                }
            };
            told = None;
            tracing::info!("this monitor has a lease again");
        }
    }

    /// Renews the lease for as long as that can be done.
    async fn renew(
        &mut self,
        session: Session,
        publisher: &watch::Sender<Option<Session>>,
    ) -> Trouble {
        let lease = session.lease;
        let mut until_now = session.until;
        publisher.send_replace(Some(session));
        let mut pause = RENEW_EVERY;
        loop {
            tokio::time::sleep(pause).await;
            if self.sentinel.has_changed().unwrap_or(false) {
                match self.enrol(lease).await {
                    Ok(()) => {}
                    Err(Trouble::Fault(_)) => self.sentinel.mark_changed(),
                    Err(trouble) => return trouble,
                }
            }
            let sent = self.clock.now();
            match self.client.keep_alive(lease, RENEW_WITHIN).await {
                Ok(ttl) if ttl.is_zero() => return Trouble::Ended,
                Ok(ttl) => {
                    until_now = until(sent, ttl);
                    let until = until_now;
                    publisher.send_replace(Some(Session { lease, until }));
                    pause = RENEW_EVERY.saturating_sub(self.clock.now().since(sent));
                }
                Err(fault) => {
                    tracing::debug!("the lease was not renewed: {fault}");
                    if self.clock.now() >= until_now && publisher.borrow().is_some() {
                        publisher.send_replace(None);
                        tracing::warn!("this monitor may not act until etcd answers: {fault}");
                    }
                    pause = jitter(PAUSE);
                }
            }
        }
    }

    /// Says that this monitor is there, unless another process with its id is.
    pub(super) async fn enrol(&mut self, lease: LeaseId) -> Result<(), Trouble> {
        let alive = self.keys.of(&Key::Alive(self.id.clone()));
        let registration = Registration {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.token.clone(),
            sentinel: *self.sentinel.borrow_and_update(),
        };
        let registration = serde_json::to_string(&registration)
            .map_err(|error| Trouble::Fault(error.to_string()))?;
        let monitor = self.keys.of(&Key::Monitor(self.id.clone()));
        let enrol = || {
            vec![
                put(&alive, self.token.as_str(), Some(lease)),
                put(&monitor, registration.as_str(), None),
            ]
        };
        let is_free = vec![created(&alive, 0)];
        let answer = self
            .client
            .transact(is_free, enrol(), vec![get(&alive)])
            .await?;
        if answer.succeeded {
            return Ok(());
        }
        // It may be our own, of an earlier lease.
        let is_ours = |entry: super::stubs::KeyValue| entry.value == self.token.as_bytes();
        if found(answer).is_some_and(is_ours) {
            let still_ours = vec![holds(&alive, &self.token)];
            let answer = self
                .client
                .transact(still_ours, enrol(), Vec::new())
                .await?;
            if answer.succeeded {
                return Ok(());
            }
        }
        Err(Trouble::Taken(self.id.clone()))
    }
}

/// Nobody counts on this monitor any more, and all of its keys are gone.
pub(super) async fn leave(client: &Client, keys: &Keys, id: &MonitorId, lease: LeaseId) {
    let monitor = keys.of(&Key::Monitor(id.clone()));
    let gone = client
        .transact(Vec::new(), vec![delete(&monitor)], Vec::new())
        .await;
    // The lease ends by itself too, only later.
    let gone = gone.map(drop).and(client.revoke(lease).await);
    if let Err(fault) = gone {
        tracing::warn!("could not take leave of etcd: {fault}");
    }
}

/// When a lease is over by our own clock that was granted or renewed by a request sent at `sent`.
fn until(sent: Instant, ttl: Duration) -> Instant {
    sent + ttl.saturating_sub(MARGIN)
}
