//! A switch from one server to another that nobody decides, so that each of its moments can be had.

use std::sync::Arc;
use std::time::Duration;

use rcm_core::rule::Stage;
use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::{Builder, Server, Version, wait_for};
use redis_cluster_monitor::proxy::Proxy;

use super::Appointed;
use crate::monitor::{Result, SOON, builder};
use crate::switchover::address;

/// A proxy has heard of another primary by then.
const HEARD: Duration = Duration::from_millis(200);

/// Two servers that know nothing of each other, and a proxy that is told whom to follow.
pub(super) struct Two {
    pub(super) old: Server,
    pub(super) new: Server,
    pub(super) appointed: Appointed,
}

impl Two {
    pub(super) fn start(settings: &Settings) -> Result<Self> {
        Self::of(&builder(Version::System)?, settings)
    }

    pub(super) fn of(server: &Builder, settings: &Settings) -> Result<Self> {
        let (old, new) = (server.clone().start()?, server.clone().start()?);
        let appointed = Appointed::at(old.address(), settings);
        Ok(Self {
            old,
            new,
            appointed,
        })
    }

    pub(super) fn switch(&self) {
        self.appointed.appoint(&self.new);
    }

    pub(super) fn servers(&self) -> [&Server; 2] {
        [&self.old, &self.new]
    }

    /// The one in office is the old one again.
    pub(super) fn swap(&mut self) {
        std::mem::swap(&mut self.old, &mut self.new);
    }

    pub(super) fn stop(&mut self) -> Result {
        self.old.pause()
    }

    pub(super) fn go_on(&mut self) -> Result {
        self.old.resume()
    }

    pub(super) fn plan(&self, stage: Stage) {
        self.appointed.plan(stage);
    }

    /// The old one disconnects its clients.
    pub(super) fn cut(&self) -> Result {
        let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
        self.old.text(&kill)?;
        let kill = ["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"];
        self.old.text(&kill).map(drop)
    }

    pub(super) fn proxy(&self) -> &Proxy {
        &self.appointed.proxy
    }

    /// Stops the primary and appoints the other, in turns, until a request is caught unanswered.
    pub(super) fn catch_one(&mut self) -> Result {
        let counters = Arc::clone(self.proxy().counters());
        let is_caught = || counters.indeterminate.get() > 0;
        wait_for(SOON, "an unanswered request", || {
            self.old.pause().unwrap();
            self.switch();
            self.old.resume().unwrap();
            self.swap();
            // The proxy may hear late, and one more switch could catch one more.
            wait_for(HEARD, "its end", is_caught).is_ok()
        })
    }

    /// The old one has handed over, and cut off its clients before.
    pub(super) fn hand_over(&self) -> Result {
        self.appointed.plan(Stage::CatchingUp);
        self.cut()?;
        self.appointed.publish(|status| {
            status.stage = Stage::Idle;
            status.epoch = status.epoch.next();
            status.handed_over = Some(status.epoch);
            status.primary = Some(address(&self.new.address()));
        });
        Ok(())
    }

    pub(super) fn held(&self, count: u64) -> Result {
        let counters = self.appointed.proxy.counters();
        wait_for(SOON, "requests held", || counters.held.get() >= count)
    }
}
