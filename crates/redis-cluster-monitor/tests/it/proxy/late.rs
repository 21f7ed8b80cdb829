//! Replies that take too long when the office is handed over: the monitor stops waiting for them and
//! says so, and whoever waits for one may be cut off. What clients notice then proves nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_cluster_monitor::driver::Holders;
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::eyes;
use crate::monitor::{Monitor, Result};

/// The most rounds that are played until one proves something.
const ROUNDS: usize = 5;

/// What a round was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    Played,
    /// The monitor excused what clients may have noticed, so nothing was looked at.
    Void,
}

/// Plays rounds until one is not void.
pub(crate) async fn until_played(mut play: impl AsyncFnMut() -> Result<Round>) -> Result {
    for _ in 0..ROUNDS {
        if play().await? == Round::Played {
            return Ok(());
        }
    }
    panic!("each of {ROUNDS} rounds was void: this machine is too busy")
}

impl Monitor {
    /// Whether it has said that replies were late.
    pub(crate) fn found_replies_late(&self) -> bool {
        let lines = self.lines();
        let mut messages = lines.iter().filter_map(|line| line["message"].as_str());
        messages.any(|message| message.starts_with("replies were still due"))
    }
}

/// Hears an engine in this thread say that replies were late.
#[derive(Clone)]
pub(super) struct Ear(Arc<AtomicBool>);

impl Ear {
    /// Hears until the guard is dropped.
    pub(super) fn open() -> (Self, DefaultGuard) {
        let ear = Self(Arc::default());
        let subscriber = tracing_subscriber::registry().with(ear.clone());
        (ear, tracing::subscriber::set_default(subscriber))
    }

    pub(super) fn heard(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // It has nothing else to say.
        if event.metadata().target() == "redis_cluster_monitor::driver::holders" {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn late_replies_are_heard() {
    eyes::check(async {
        let (ear, _guard) = Ear::open();
        let holders = Holders::default();
        let _deaf = holders.join();
        assert!(!ear.heard());
        holders.calm().await;
        assert!(ear.heard());
        Ok(())
    });
}
