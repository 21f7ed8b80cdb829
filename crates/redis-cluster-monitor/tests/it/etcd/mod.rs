//! Several monitors on one real etcd, and what etcd can do to them.

mod access;
mod company;
mod leading;
mod trouble;

use std::future::Future;
use std::path::Path;
use std::sync::LazyLock;

use rcm_core::id::{Address, GroupName, ReplicationId, Revision};
use rcm_core::lineage::Chain;
use rcm_core::record::{Primary, Record};
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config::{Etcd as Settings, etcd};
use redis_cluster_monitor::local::Etcd;
use redis_cluster_monitor::store::etcd::{Etcd as Connected, OpenError};
use redis_cluster_monitor::store::{Leadership, Membership, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::monitor::SOON;

/// Some monitors, each with a folder of its own, and the etcd that they share.
struct Stage {
    etcd: Etcd,
    folders: Vec<TempDir>,
}

impl Stage {
    fn new(members: usize, arguments: &[&str]) -> Self {
        let etcd = Etcd::with(members, arguments).unwrap();
        let folders = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
        Self { etcd, folders }
    }

    fn settings(&self) -> Settings {
        let endpoints = self.etcd.endpoints();
        let address = endpoints
            .iter()
            .map(|it| Address::new("127.0.0.1", it.port()));
        Settings {
            endpoints: address.collect(),
            prefix: etcd::PREFIX.to_owned(),
            tls: None,
            credentials: None,
            forget_after: etcd::FORGET_AFTER,
        }
    }

    async fn monitor(&self, number: usize) -> Store {
        self.monitor_with(number, &self.settings()).await.unwrap()
    }

    async fn monitor_with(&self, number: usize, settings: &Settings) -> Result<Store, OpenError> {
        open(settings, self.folders[number].path()).await
    }
}

/// One per process, as in the program.
static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::start);

async fn open(settings: &Settings, folder: &Path) -> Result<Store, OpenError> {
    let connected = Connected::open(settings, folder, *CLOCK).await;
    connected.map(Store::Etcd)
}

/// Each test has a runtime of one thread, as the program has.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

fn group() -> GroupName {
    "mymaster".parse().unwrap()
}

fn record() -> Record {
    let primary = Primary {
        address: Address::new("10.0.0.1", 6379),
        run_id: None,
    };
    Record::first(
        primary,
        Chain::new(ReplicationId::from_number(1)),
        Vec::new(),
    )
}

async fn wait_for<T>(what: &str, told: &mut watch::Receiver<T>, is: impl FnMut(&T) -> bool) {
    timeout(SOON, told.wait_for(is)).await.expect(what).unwrap();
}

async fn leads(part: &mut Membership) {
    let leads = |it: &Leadership| *it != Leadership::None;
    wait_for("the lead", &mut part.leadership, leads).await;
}

async fn follows(part: &mut Membership) {
    let follows = |it: &Leadership| *it == Leadership::None;
    wait_for("the end of the lead", &mut part.leadership, follows).await;
}

/// Writes until it is known to be stored, as an engine does: an unknown outcome is read back.
async fn write(store: &Store) -> Revision {
    let written = async {
        loop {
            if let Ok((_, revision)) = store.read(&group()).await
                && let Ok(revision) = store.write(&group(), record(), revision).await
            {
                return revision;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, written).await.expect("a write")
}
