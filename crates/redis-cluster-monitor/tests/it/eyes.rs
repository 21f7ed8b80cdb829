//! What the tests of looking and acting share.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::action::Pace;
use rcm_core::fencing::Owner;
use rcm_core::id::{Address, NodeId};
use rcm_core::observation::{Failure, Observation, Replication, Seen};
use rcm_core::policy::Policy;
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config::{Credentials, Secret};
use redis_cluster_monitor::local::{Error, Server};
use redis_cluster_monitor::redis::{Commands, Link, Memory, Settings};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

/// Longer than anything takes on a machine with many tests at once.
pub(crate) const SOON: Duration = Duration::from_secs(30);

macro_rules! on_every_version {
    ($($test:ident)*) => {
        mod redis_6_2 { $(#[test] fn $test() { crate::eyes::check(super::$test(redis_cluster_monitor::local::Version::Redis62)); })* }
        mod valkey_9 { $(#[test] fn $test() { crate::eyes::check(super::$test(redis_cluster_monitor::local::Version::Valkey9)); })* }
        mod system { $(#[test] fn $test() { crate::eyes::check(super::$test(redis_cluster_monitor::local::Version::System)); })* }
    };
}
pub(crate) use on_every_version;

/// Runs a test on one thread, as the program does, and shows the error as a person reads it.
pub(crate) fn check(body: impl Future<Output = Result>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Err(error) = runtime.block_on(body) {
        panic!("{error}");
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        credentials: None,
        commands: Commands::default(),
        owner: Owner {
            deployment: "d1".parse().unwrap(),
            group: "mymaster".parse().unwrap(),
            monitor: "m1".parse().unwrap(),
        },
        replication: None,
        policy: watch::channel(Policy::default()).1,
    }
}

pub(crate) fn password(password: &str) -> Credentials {
    Credentials {
        username: None,
        password: Secret::new(password),
    }
}

pub(crate) fn address(server: &Server) -> Address {
    Address::new(server.address().ip().to_string(), server.port())
}

/// A link, and what it tells.
pub(crate) struct Eyes {
    pub(crate) pace: watch::Sender<Pace>,
    pub(crate) clock: Clock,
    told: UnboundedReceiver<Observation>,
    _link: Link,
}

impl Eyes {
    pub(crate) fn on(server: &Server) -> Self {
        Self::open(address(server), settings())
    }

    pub(crate) fn open(address: Address, settings: Settings) -> Self {
        let (pace, paced) = watch::channel(Pace::Calm);
        let (sink, told) = unbounded_channel();
        let clock = Clock::start();
        let link = Link::spawn(
            NodeId(7),
            address,
            Arc::new(settings),
            clock,
            paced,
            sink,
            Memory::default(),
        );
        Self {
            pace,
            clock,
            told,
            _link: link,
        }
    }

    /// The next observation.
    pub(crate) async fn next(&mut self) -> Observation {
        let next = tokio::time::timeout(SOON, self.told.recv());
        next.await.expect("nothing was seen in time").unwrap()
    }

    /// The first observation that `wanted` finds something in; those before it are dropped.
    pub(crate) async fn find<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Observation) -> Option<T>,
    ) -> T {
        let mut before = Vec::new();
        let found = async {
            loop {
                let observation = self.told.recv().await.expect("the link has ended");
                if let Some(found) = wanted(&observation) {
                    return found;
                }
                before.push(observation.seen);
            }
        };
        let found = tokio::time::timeout(SOON, found).await.ok();
        found.unwrap_or_else(|| panic!("{what}: not seen; but {before:#?}"))
    }

    pub(crate) async fn failure(&mut self, failure: Failure) -> Observation {
        let wanted = Seen::Failed(failure);
        self.find(&format!("{failure:?}"), |observation| {
            (observation.seen == wanted).then(|| observation.clone())
        })
        .await
    }

    pub(crate) async fn replication(&mut self) -> Replication {
        self.find("replication", |observation| match &observation.seen {
            Seen::Replication(replication) => Some(replication.clone()),
            _ => None,
        })
        .await
    }

    /// Drops what was seen so far.
    pub(crate) fn forget(&mut self) {
        while self.told.try_recv().is_ok() {}
    }
}
