//! Handing the office over between living servers, while clients write: nothing acknowledged may be
//! missing afterwards.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use rcm_core::event::{Event, Kind};
use rcm_core::fencing::Owner;
use rcm_core::id::Address;
use rcm_core::policy::{Nodes, Policy};
use rcm_core::request::{Refusal, Request};
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::driver::{Handle, Setup, Shared};
use redis_cluster_monitor::local::{Client, Group, Reply, Server, Version};
use redis_cluster_monitor::redis::{Commands, Settings};
use redis_cluster_monitor::store::Store;
use redis_cluster_monitor::store::memory::Memory;
use tokio::sync::broadcast::Receiver;

use crate::eyes;
use crate::monitor::{ATTEMPTS, Result, SOON, builder};

eyes::on_every_version! {
    no_acknowledged_write_is_missing_after_a_switchover
}

/// A group that is watched by an engine in this process.
pub(crate) struct Watched {
    pub(crate) group: Group,
    pub(crate) handle: Handle,
    pub(crate) clock: Clock,
    events: Receiver<Arc<Event>>,
}

impl Watched {
    async fn start(version: Version) -> Result<Self> {
        Self::with(version, Policy::default()).await
    }

    pub(crate) async fn with(version: Version, policy: Policy) -> Result<Self> {
        let group = Group::start(&builder(version)?, 2)?;
        let addresses = group.addresses().iter().map(address).collect();
        let nodes = Nodes::new(addresses).unwrap();
        let store = Store::Memory(Memory::anonymous());
        let name: rcm_core::id::GroupName = "mymaster".parse().unwrap();
        let owner = Owner {
            deployment: store.deployment().clone(),
            group: name.clone(),
            monitor: store.monitor().clone(),
        };
        let clock = Clock::start();
        let settings = Settings {
            credentials: None,
            replication: None,
            commands: Commands::default(),
            owner,
            policy: tokio::sync::watch::channel(policy.clone()).1,
        };
        let setup = Setup {
            name,
            nodes,
            policy,
            settings: Arc::new(settings),
            seed: 1,
        };
        let handle = Handle::spawn(setup, &Shared::start(clock, store));
        let events = handle.events();
        let watched = Self {
            group,
            handle,
            clock,
            events,
        };
        watched.until_whole(0).await;
        Ok(watched)
    }

    /// Waits until everybody follows node number `primary`.
    pub(crate) async fn until_whole(&self, primary: usize) {
        let primary = Some(address(&self.group.addresses()[primary]));
        let mut status = self.handle.status();
        let whole = status.wait_for(|status| status.primary == primary && status.replicas() == 2);
        tokio::time::timeout(SOON, whole).await.unwrap().unwrap();
    }

    /// Asks again while the record is being changed.
    async fn switch_over(&self, to: usize) {
        let to = Some(address(&self.group.addresses()[to]));
        loop {
            match self
                .handle
                .requests()
                .send(Request::Switchover { to: to.clone() })
                .await
            {
                Ok(()) => return,
                Err(Refusal::InProgress | Refusal::NotACandidate { .. }) => {
                    tokio::task::yield_now().await;
                }
                Err(refusal) => panic!("{refusal}"),
            }
        }
    }

    /// Hands over to node number `to`. A server that is late makes the engine give up, or go on otherwise
    /// than planned: then it is asked again.
    pub(crate) async fn hand_over(&mut self, to: usize) {
        let heir = address(&self.group.addresses()[to]);
        for _ in 0..ATTEMPTS {
            self.switch_over(to).await;
            match self.wait_for(is_end).await {
                Kind::PrimarySwitched {
                    to, planned: true, ..
                } => return assert_eq!(to, heir),
                Kind::SwitchoverAborted { .. } => {}
                Kind::SwitchoverDerailed { .. } => {
                    let switched = self.wait_for(is_switch).await;
                    if matches!(switched, Kind::PrimarySwitched { to, .. } if to == heir) {
                        return;
                    }
                }
                other => panic!("{other}"),
            }
        }
        panic!("given up {ATTEMPTS} times")
    }

    pub(crate) async fn wait_for(&mut self, found: impl Fn(&Kind) -> bool) -> Kind {
        let search = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if found(&event.kind) {
                    return event.kind.clone();
                }
            }
        };
        tokio::time::timeout(SOON, search)
            .await
            .expect("no such event")
    }
}

fn is_switch(kind: &Kind) -> bool {
    matches!(kind, Kind::PrimarySwitched { .. })
}

/// How a switchover ends, or goes on otherwise than planned.
fn is_end(kind: &Kind) -> bool {
    is_switch(kind)
        || matches!(
            kind,
            Kind::SwitchoverAborted { .. } | Kind::SwitchoverDerailed { .. }
        )
}

pub(crate) fn address(address: &SocketAddr) -> Address {
    Address::new(address.ip().to_string(), address.port())
}

/// Adds to a set on one node until it is told to stop or is disconnected, and gives the number of the
/// last write that was acknowledged.
struct Writer {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Writer {
    fn start(node: SocketAddr) -> Self {
        let (stop, acknowledged) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let thread = std::thread::spawn(move || {
            let Ok(mut client) = Client::connect(node, SOON) else {
                return;
            };
            for number in 1.. {
                let added = client.text(&["SADD", "written", &number.to_string()]);
                if added.is_err() || stopped.load(Ordering::Relaxed) {
                    return;
                }
                counted.store(number, Ordering::Relaxed);
            }
        });
        Self {
            stop,
            acknowledged,
            thread,
        }
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.acknowledged.load(Ordering::Relaxed)
    }
}

fn members(node: &Server) -> Result<BTreeSet<String>> {
    let Reply::Array(members) = node.client()?.command(&["SMEMBERS", "written"])? else {
        panic!("not a set")
    };
    let text = |member| match member {
        Reply::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    Ok(members.into_iter().map(text).collect())
}

async fn no_acknowledged_write_is_missing_after_a_switchover(version: Version) -> Result {
    let mut watched = Watched::start(version).await?;
    let mut primary = 0;
    for to in [1, 2, 0, 1] {
        let writer = Writer::start(watched.group.addresses()[primary]);
        watched.hand_over(to).await;
        let acknowledged = writer.end();
        let written = members(&watched.group.nodes()[to])?;
        for number in 1..=acknowledged {
            let there = written.contains(&number.to_string());
            assert!(there, "write {number} of {acknowledged} is missing");
        }
        watched.group.nodes()[to].text(&["DEL", "written"])?;
        watched.until_whole(to).await;
        primary = to;
    }
    // Nobody had to be copied as a whole: those who stepped down continue where they were.
    for node in watched.group.nodes() {
        let full = node.info("stats")?["sync_full"].clone();
        assert!(
            ["0", "2"].contains(&full.as_str()),
            "{full} full synchronisations"
        );
    }
    Ok(())
}

#[test]
fn a_primary_that_may_not_be_paused_stays() {
    eyes::check(refused_pause());
}

async fn refused_pause() -> eyes::Result {
    let mut watched = Watched::start(Version::System).await?;
    let primary = &watched.group.nodes()[0];
    primary.text(&["ACL", "SETUSER", "default", "-client|pause"])?;
    watched.switch_over(1).await;
    let text = watched.wait_for(is_end).await.to_string();
    assert!(text.contains("NOPERM"), "{text}");
    watched.group.nodes()[0].text(&["SET", "key", "value"])?;
    Ok(())
}
