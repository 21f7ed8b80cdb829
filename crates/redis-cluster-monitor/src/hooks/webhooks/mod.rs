//! Events as JSON to addresses that the operator named.
//!
//! One task per address delivers one event after the other, so that order is kept and no address
//! holds up another.

mod post;
mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use rcm_core::event::Event;
use rcm_core::id::GroupName;
use rcm_core::rng::Rng;
use rcm_core::time::Human;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::Stage;
use crate::clock;
use crate::config::Webhook;
use crate::telemetry;
pub use post::TlsError;

use post::post;
use queue::{Delivery, Queue};

/// The bounds of webhooks, for each address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many events may wait.
    pub waiting: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often an event is sent at most.
    pub attempts: u32,
    /// The pause before the second attempt; each further one is twice as long, and up to a quarter
    /// longer so that monitors do not come in step.
    pub first_retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: 256,
            timeout: Duration::from_secs(5),
            attempts: 5,
            first_retry: Duration::from_secs(1),
        }
    }
}

/// All webhooks of this process.
#[derive(Debug)]
pub(super) struct Webhooks {
    targets: Vec<Arc<Target>>,
    /// A different number in every process, so that its events have names of their own.
    process: u64,
    events: AtomicU64,
}

/// One address.
pub(super) struct Target {
    webhook: Webhook,
    queue: Queue,
    limits: Limits,
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Target").field(&self.webhook).finish()
    }
}

impl Webhooks {
    /// Fails if one needs https and nobody can be trusted.
    pub(super) fn new(
        webhooks: Vec<Webhook>,
        limits: Limits,
        process: u64,
    ) -> Result<Self, TlsError> {
        let secure = webhooks.iter().any(|webhook| webhook.url.is_https());
        let tls = secure.then(post::tls).transpose()?;
        let target = |webhook| {
            Arc::new(Target {
                webhook,
                queue: Queue::new(limits.waiting),
                limits,
                tls: tls.clone(),
            })
        };
        Ok(Self {
            targets: webhooks.into_iter().map(target).collect(),
            process,
            events: AtomicU64::new(0),
        })
    }

    pub(super) fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    /// Queues an event for everybody who asked for it.
    pub(super) fn offer(&self, group: &GroupName, event: &Event) {
        let code = event.kind.code();
        let wants = |target: &&Arc<Target>| target.webhook.wants(group, code);
        let mut asked = self.targets.iter().filter(wants).peekable();
        if asked.peek().is_none() {
            return;
        }
        let number = self.events.fetch_add(1, Ordering::Relaxed) + 1;
        let delivery = Delivery {
            id: format!("{:016x}-{number}", self.process),
            code,
            body: telemetry::event_json(group, event, clock::time_of_day()),
        };
        for target in asked {
            if let Some(dropped) = target.queue.put(delivery.clone()) {
                target.lost(&dropped, "too many events wait");
            }
        }
    }

    /// Nothing is offered any more; what waits is sent once.
    pub(super) fn close(&self) {
        for target in &self.targets {
            target.queue.close();
        }
    }
}

/// What came of one attempt.
enum Answer {
    Taken,
    /// Another attempt may be answered otherwise.
    Failed(String),
    Refused(String),
}

impl Target {
    /// Delivers what is queued, until the queue is closed and empty.
    pub(super) async fn serve(&self, mut stage: watch::Receiver<Stage>, seed: u64) {
        let mut rng = Rng::new(seed);
        while let Some(delivery) = self.queue.take().await {
            self.deliver(&delivery, &mut stage, &mut rng).await;
        }
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The address, without what may be secret.
    pub(super) fn url(&self) -> &crate::config::Url {
        &self.webhook.url
    }

    async fn deliver(
        &self,
        delivery: &Delivery,
        stage: &mut watch::Receiver<Stage>,
        rng: &mut Rng,
    ) {
        let Delivery { id, code, .. } = delivery;
        let url = self.url();
        let mut pause = self.limits.first_retry;
        for attempt in 1..=self.limits.attempts {
            let why = match self.attempt(delivery).await {
                Answer::Taken => {
                    tracing::debug!("webhook {url} took {code} ({id}) at attempt {attempt}");
                    return;
                }
                Answer::Refused(why) => return self.lost(delivery, &why),
                Answer::Failed(why) => why,
            };
            if attempt == self.limits.attempts {
                return self.lost(delivery, &format!("{why}, {attempt} attempts"));
            }
            let spread = rng.jitter(pause);
            let after = Human(spread);
            tracing::warn!("webhook {url} did not take {code} ({id}): {why}; again in {after}");
            tokio::select! {
                () = sleep(spread) => {}
                _ = stage.wait_for(|stage| *stage >= Stage::Stopping) => {
                    return self.lost(delivery, &format!("{why}, and the monitor stops"));
                }
            }
            pause = pause.saturating_mul(2);
        }
    }

    async fn attempt(&self, delivery: &Delivery) -> Answer {
        match post(
            &self.webhook,
            self.tls.as_ref(),
            delivery,
            self.limits.timeout,
        )
        .await
        {
            Ok(status) if status.is_success() => Answer::Taken,
            Ok(status) if may_change(status) => Answer::Failed(format!("HTTP {status}")),
            Ok(status) => Answer::Refused(format!("HTTP {status}")),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    fn lost(&self, delivery: &Delivery, why: &str) {
        let Delivery { id, code, .. } = delivery;
        tracing::warn!("webhook {} lost {code} ({id}): {why}", self.url());
    }
}

/// The server is in trouble or asks for patience; everything else that is no success is meant.
fn may_change(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
}
