//! Readers and the replicas that they read from.

use std::collections::BTreeMap;
use std::time::Duration;

use rcm_core::policy::Policy;
use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::{Version, wait_for};
use redis_cluster_monitor::proxy::Proxy;

use super::{Wire, loopback};
use crate::eyes;
use crate::monitor::{Result, SOON, State, builder, check};
use crate::switchover::{Watched, address};

/// Readers of a group that an engine watches.
struct Readers {
    watched: Watched,
    proxy: Proxy,
    clients: Vec<Wire>,
}

impl Readers {
    async fn start(settings: &Settings) -> Result<Self> {
        let watched = Watched::with(Version::System, Policy::default()).await?;
        let (name, status) = (watched.handle.name(), &watched.handle.status());
        let proxy = Proxy::to_replicas(name, status, loopback(), settings, watched.clock).unwrap();
        let clients = (0..8).map(|_| Wire::connect(proxy.address())).collect();
        Ok(Self {
            watched,
            proxy,
            clients,
        })
    }

    /// How many clients are at each node, by their ports.
    fn places(&mut self) -> BTreeMap<u16, usize> {
        let mut places = BTreeMap::new();
        for port in self.clients.iter_mut().filter_map(port) {
            *places.entry(port).or_default() += 1;
        }
        places
    }

    fn port(&self, node: usize) -> u16 {
        self.watched.group.addresses()[node].port()
    }

    /// Waits until each of these nodes has so many clients.
    fn until_at(&mut self, nodes: &[(usize, usize)]) -> Result {
        let wanted: BTreeMap<_, _> = nodes
            .iter()
            .map(|&(node, count)| (self.port(node), count))
            .collect();
        let what = format!("readers at {nodes:?}");
        wait_for(SOON, &what, || self.places() == wanted)?;
        Ok(())
    }
}

/// The port of the node that answers; `None` where there is no replica to be asked.
pub(super) fn port(client: &mut Wire) -> Option<u16> {
    let info = client.ask("INFO server");
    if info.starts_with("-NOREPLICA") {
        return None;
    }
    let port = info.lines().find_map(|line| line.strip_prefix("tcp_port:"));
    let port = port.unwrap_or_else(|| panic!("{info}"));
    Some(port.trim().parse().unwrap())
}

/// Tries something with readers, on a thread of its own: the engine goes on meanwhile.
fn try_with(settings: Settings, body: impl FnOnce(&mut Readers) -> Result + Send + 'static) {
    eyes::check(async move {
        let mut readers = Readers::start(&settings).await?;
        let body = move || check(body(&mut readers));
        tokio::task::spawn_blocking(body).await.unwrap();
        Ok(())
    });
}

#[test]
fn readers_go_where_a_replica_is_in_step() {
    for share in [true, false] {
        let settings = Settings {
            share,
            ..Settings::default()
        };
        try_with(settings, follow_the_replicas);
    }
}

fn follow_the_replicas(readers: &mut Readers) -> Result {
    readers.until_at(&[(1, 4), (2, 4)])?;
    let answer = readers.clients[0].ask("SET key value");
    assert!(answer.starts_with("-READONLY"), "{answer}");

    // One is stopped: what was asked of it is asked again elsewhere.
    readers.watched.group.nodes_mut()[1].pause()?;
    for client in &mut readers.clients {
        client.send("ECHO here");
    }
    for client in &mut readers.clients {
        assert_eq!(super::show(&client.frame()), "here");
    }
    readers.until_at(&[(2, 8)])?;
    readers.watched.group.nodes_mut()[1].resume()?;
    readers.until_at(&[(1, 4), (2, 4)])?;

    // One is promoted.
    let addresses = readers.watched.group.addresses();
    readers.watched.group.nodes_mut()[0].kill();
    let status = readers.watched.handle.status();
    let in_office = |node: usize| status.borrow().primary == Some(address(&addresses[node]));
    wait_for(SOON, "another primary", || in_office(1) || in_office(2))?;
    let (primary, replica) = if in_office(1) { (1, 2) } else { (2, 1) };
    readers.until_at(&[(replica, 8)])?;

    // None is left: the primary serves them.
    readers.watched.group.nodes_mut()[replica].kill();
    readers.until_at(&[(primary, 8)])?;

    // The old primary is a replica once it is back.
    readers.watched.group.nodes_mut()[0].restart()?;
    readers.until_at(&[(0, 8)])?;
    assert_eq!(readers.proxy.counters().dropped.get(), 0);
    Ok(())
}

#[test]
fn without_a_replica_and_without_falling_back_readers_wait_and_are_told() {
    let settings = Settings {
        replica_fallback: false,
        hold_for: Duration::from_millis(100),
        ..Settings::default()
    };
    try_with(settings, |readers| {
        readers.until_at(&[(1, 4), (2, 4)])?;
        for node in [1, 2] {
            readers.watched.group.nodes_mut()[node].kill();
        }
        let answer = readers.clients[0].ask("GET key");
        assert!(answer.starts_with("-NOREPLICA"), "{answer}");
        readers.watched.group.nodes_mut()[1].restart()?;
        let client = &mut readers.clients[0];
        wait_for(SOON, "a replica", || client.ask("GET key") == "nil")?;
        Ok(())
    });
}

#[test]
fn a_subscriber_is_taken_along() {
    try_with(Settings::default(), |readers| {
        readers.until_at(&[(1, 4), (2, 4)])?;
        let at = port(&mut readers.clients[0]);
        let (there, other) = if at == Some(readers.port(1)) {
            (1, 2)
        } else {
            (2, 1)
        };
        let subscribed = readers.clients[0].ask("SUBSCRIBE news");
        assert_eq!(subscribed, "[subscribe news 1]");
        readers.watched.group.nodes_mut()[there].kill();
        let nodes = readers.watched.group.nodes();
        wait_for(SOON, "the subscriber at the other replica", || {
            let listening = nodes[other].text(&["CLIENT", "LIST", "TYPE", "PUBSUB"]);
            listening.is_ok_and(|list| list.contains("sub=1"))
        })?;
        nodes[0].text(&["PUBLISH", "news", "today"])?;
        let news = super::show(&readers.clients[0].frame());
        assert_eq!(news, "[message news today]");
        Ok(())
    });
}

#[test]
fn the_program_opens_both_doors() {
    check((|| {
        let primary = builder(Version::System)?.start()?;
        let replica = builder(Version::System)?
            .replica_of(primary.address())
            .start()?;
        let doors = ["--proxy", "127.0.0.1:0", "--proxy-replicas", "127.0.0.1:0"];
        let state = State::new();
        let monitor = state.monitor(&[primary.address(), replica.address()], &doors);
        let readers = monitor.proxy_to_replicas()?;
        let mut writer = Wire::connect(monitor.proxy()?);
        assert_eq!(writer.ask("SET key value"), "OK");
        let mut reader = Wire::connect(readers);
        wait_for(SOON, "reading at the replica", || {
            port(&mut reader) == Some(replica.port())
        })?;
        wait_for(SOON, "the value", || reader.ask("GET key") == "value")?;
        assert_eq!(monitor.terminate().code(), Some(0));
        Ok(())
    })());
}
