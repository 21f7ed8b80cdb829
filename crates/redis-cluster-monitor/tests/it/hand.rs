//! What actions do to real servers.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::action::{Action, Deed, Done, Failed, Outcome, Report};
use rcm_core::id::{ActionId, Address, Epoch, NodeId, Offset};
use rcm_core::time::Instant;
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::local::{Binary, Client, Group, Server, Version, wait_for};
use redis_cluster_monitor::redis::{Commands, Hands, Settings};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::eyes::{Result, SOON, address, check, on_every_version, password, settings};

on_every_version! {
    a_sealed_primary_keeps_its_lineage_and_loses_its_clients
    a_promoted_replica_names_its_fork
    a_sealed_peer_is_attached_without_a_full_resync
    older_hands_are_killed_and_newer_ones_are_not
    a_stopped_node_is_sealed_when_it_wakes
    a_paused_node_keeps_writes_waiting_until_it_is_resumed
    a_cut_link_comes_back
    a_role_is_persisted_if_there_is_a_file
    a_renamed_command_is_used
}

pub(crate) const NODE: NodeId = NodeId(1);
const EPOCH: Epoch = Epoch(5);
const OPEN: Deed = Deed::Open {
    node: NODE,
    blind: false,
};
const BLIND: Deed = Deed::Open {
    node: NODE,
    blind: true,
};

/// Hands on one node, and their outcomes.
pub(crate) struct Hand {
    hands: Hands,
    clock: Clock,
    address: Address,
    outcomes: UnboundedReceiver<(ActionId, Outcome)>,
    sender: UnboundedSender<(ActionId, Outcome)>,
    next: Cell<u64>,
}

impl Hand {
    pub(crate) fn new(address: Address, settings: Settings) -> Self {
        let clock = Clock::start();
        let (sender, outcomes) = unbounded_channel();
        Self {
            hands: Hands::new(Arc::new(settings), clock),
            clock,
            address,
            outcomes,
            sender,
            next: Cell::new(0),
        }
    }

    /// An open connection to a server.
    pub(crate) async fn on(server: &Server) -> Self {
        let mut hand = Self::new(address(server), settings());
        assert_eq!(hand.open().await, Outcome::Done(Done::Opened));
        hand
    }

    fn begin(&self, epoch: Epoch, deed: Deed, deadline: Instant) -> ActionId {
        let id = ActionId(self.next.get());
        self.next.set(id.0 + 1);
        let action = Action {
            id,
            epoch,
            deadline,
            deed,
        };
        self.hands
            .submit(action, self.address.clone(), self.sender.clone());
        id
    }

    async fn outcome(&mut self) -> (ActionId, Outcome) {
        let next = tokio::time::timeout(SOON * 2, self.outcomes.recv());
        next.await.expect("no outcome").unwrap()
    }

    pub(crate) async fn act(&mut self, deed: Deed) -> Outcome {
        let id = self.begin(EPOCH, deed, self.clock.now() + SOON);
        let (done, outcome) = self.outcome().await;
        assert_eq!(done, id);
        outcome
    }

    pub(crate) async fn open(&mut self) -> Outcome {
        self.act(OPEN).await
    }

    async fn seal(&mut self, evict: bool) -> Report {
        match self
            .act(Deed::Seal {
                node: NODE,
                evict,
                shut: false,
            })
            .await
        {
            Outcome::Done(Done::Sealed(report)) => report,
            other => panic!("not sealed: {other:?}"),
        }
    }

    pub(crate) async fn promote(&mut self) -> Report {
        match self.act(Deed::Promote { node: NODE }).await {
            Outcome::Done(Done::Promoted(report)) => report,
            other => panic!("not promoted: {other:?}"),
        }
    }

    pub(crate) async fn attach(&mut self, primary: Address) -> Outcome {
        self.act(Deed::Attach {
            node: NODE,
            primary,
        })
        .await
    }
}

fn group(version: Version, replicas: usize) -> Result<Group> {
    let group = Group::start(&Server::builder(&Binary::of(version)?), replicas)?;
    group.nodes()[0].text(&["SET", "key", "value"])?;
    group.wait_until_in_step(0, SOON)?;
    Ok(group)
}

async fn a_sealed_primary_keeps_its_lineage_and_loses_its_clients(version: Version) -> Result {
    let group = group(version, 1)?;
    let primary = &group.nodes()[0];
    let mut client = primary.client()?;
    client.text(&["PING"])?;
    let mut hand = Hand::on(primary).await;

    let Outcome::Done(Done::Inspected(before)) = hand.act(Deed::Inspect { node: NODE }).await
    else {
        panic!("not inspected")
    };
    assert!(before.replication.is_primary());
    let sealed = hand.seal(true).await;
    assert_eq!(sealed.run_id, before.run_id);
    assert_eq!(sealed.replication.id, before.replication.id);
    assert!(sealed.replication.offset >= before.replication.offset);
    let following = sealed.replication.following().expect("still a primary");
    assert!(following.primary.is_tombstone());

    assert!(client.command(&["PING"]).is_err(), "it was not evicted");
    let refusal = primary.text(&["SET", "key", "other"]);
    assert!(refusal.is_err(), "it takes writes");
    // Twice is as good as once.
    let again = hand.seal(false).await;
    assert_eq!(again.replication.offset, sealed.replication.offset);
    Ok(())
}

async fn a_promoted_replica_names_its_fork(version: Version) -> Result {
    let group = group(version, 1)?;
    let mut reader = group.nodes()[1].client()?;
    let mut hand = Hand::on(&group.nodes()[1]).await;
    let sealed = hand.seal(false).await;
    assert_eq!(reader.text(&["GET", "key"])?, "value");

    let promoted = hand.promote().await;
    assert!(promoted.replication.is_primary());
    let fork = (sealed.replication.id, sealed.replication.offset);
    assert_eq!(promoted.replication.previous, Some(fork));
    assert_ne!(promoted.replication.id, sealed.replication.id);
    assert_eq!(promoted.replication.offset, sealed.replication.offset);
    group.nodes()[1].text(&["SET", "key", "new"])?;
    Ok(())
}

async fn a_sealed_peer_is_attached_without_a_full_resync(version: Version) -> Result {
    let group = group(version, 2)?;
    let [old, chosen, peer] = group.nodes() else {
        unreachable!("three nodes")
    };
    let (mut on_old, mut on_chosen, mut on_peer) = (
        Hand::on(old).await,
        Hand::on(chosen).await,
        Hand::on(peer).await,
    );
    on_peer.seal(false).await;
    on_chosen.seal(false).await;
    on_old.seal(true).await;
    on_chosen.promote().await;
    let full_before = chosen.info("stats")?["sync_full"].clone();
    for hand in [&mut on_peer, &mut on_old] {
        let attached = hand.attach(address(chosen)).await;
        assert_eq!(attached, Outcome::Done(Done::Accepted));
    }
    group.wait_until_in_step(1, SOON)?;
    assert_eq!(chosen.info("stats")?["sync_full"], full_before);
    Ok(())
}

async fn older_hands_are_killed_and_newer_ones_are_not(version: Version) -> Result {
    let server = Server::start(&Binary::of(version)?)?;
    let named = |name: &str| -> Result<Client> {
        let mut client = server.client()?;
        client.text(&["CLIENT", "SETNAME", name])?;
        Ok(client)
    };
    let mut older = named("rcm:act:d1:mymaster:m2:4")?;
    let mut newer = named("rcm:act:d1:mymaster:m2:6")?;
    let mut other = named("rcm:act:d1:other:m2:4")?;
    let mut hand = Hand::on(&server).await;
    let fenced = hand.act(Deed::Fence { node: NODE }).await;
    assert_eq!(fenced, Outcome::Done(Done::Fenced));
    assert!(older.command(&["PING"]).is_err());
    assert_eq!(newer.text(&["PING"])?, "PONG");
    assert_eq!(other.text(&["PING"])?, "PONG");
    let list = server.text(&["CLIENT", "LIST"])?;
    assert!(list.contains("name=rcm:act:d1:mymaster:m1:5"), "{list}");
    Ok(())
}

async fn a_paused_node_keeps_writes_waiting_until_it_is_resumed(version: Version) -> Result {
    let server = Server::start(&Binary::of(version)?)?;
    let mut hand = Hand::on(&server).await;
    let pause = Deed::Pause {
        node: NODE,
        within: SOON,
    };
    let deadline = hand.clock.now() + SOON;
    hand.begin(EPOCH, pause, deadline);
    let (_, Outcome::Done(Done::Paused(report))) = hand.outcome().await else {
        panic!("not paused")
    };
    assert!(report.replication.is_primary());
    let mut writer = server.client()?;
    let writing = std::thread::spawn(move || writer.text(&["SET", "key", "value"]));
    wait_for(SOON, "a write that waits", || {
        let clients = server.info("clients");
        clients.is_ok_and(|clients| clients["blocked_clients"] == "1")
    })?;
    assert_eq!(server.text(&["EXISTS", "key"])?, "0");

    hand.begin(EPOCH, Deed::Resume { node: NODE }, deadline);
    assert_eq!(hand.outcome().await.1, Outcome::Done(Done::Accepted));
    assert_eq!(writing.join().unwrap()?, "OK");
    Ok(())
}

async fn a_stopped_node_is_sealed_when_it_wakes(version: Version) -> Result {
    let mut server = Server::start(&Binary::of(version)?)?;
    server.pause()?;
    let mut hand = Hand::new(address(&server), settings());
    // Its name is not taken, so nothing but a seal may wait there.
    let at_once = hand.clock.now() + Duration::from_millis(100);
    let named = hand.begin(EPOCH, OPEN, at_once);
    let not_reached = Outcome::Failed(Failed::NotReached);
    assert_eq!(hand.outcome().await, (named, not_reached));
    assert_eq!(hand.act(BLIND).await, Outcome::Done(Done::Opened));
    let soon = hand.clock.now() + Duration::from_millis(100);
    let look = hand.begin(EPOCH, Deed::Inspect { node: NODE }, soon);
    let later = soon + Duration::from_millis(100);
    let evict = true;
    let seal = hand.begin(
        EPOCH,
        Deed::Seal {
            node: NODE,
            evict,
            shut: false,
        },
        later,
    );
    assert_eq!(hand.outcome().await, (look, Outcome::Unknown));
    assert!(hand.clock.now() >= soon);
    assert_eq!(hand.outcome().await, (seal, Outcome::Unknown));
    assert!(hand.clock.now() >= later);

    server.resume()?;
    // What was asked before is answered before, and not taken for an answer to this.
    let sealed = hand.seal(false).await;
    assert!(sealed.replication.following().is_some());
    Ok(())
}

async fn a_cut_link_comes_back(version: Version) -> Result {
    let group = group(version, 1)?;
    let mut hand = Hand::new(address(&group.nodes()[1]), settings());
    let cut = hand.act(Deed::CutLink { node: NODE }).await;
    assert_eq!(cut, Outcome::Done(Done::Accepted));
    group.wait_until_in_step(0, SOON)?;
    let primary = &group.nodes()[0];
    wait_for(SOON, "a partial resynchronisation", || {
        primary
            .info("stats")
            .is_ok_and(|stats| stats["sync_partial_ok"] == "1")
    })
}

async fn a_role_is_persisted_if_there_is_a_file(version: Version) -> Result {
    let binary = Binary::of(version)?;
    let primary = Server::start(&binary)?;
    let server = Server::builder(&binary).with_config_file().start()?;
    let mut hand = Hand::on(&server).await;
    let attached = hand.attach(address(&primary)).await;
    assert_eq!(attached, Outcome::Done(Done::Accepted));
    let persisted = hand
        .act(Deed::Persist {
            node: NODE,
            gates: None,
        })
        .await;
    assert_eq!(persisted, Outcome::Done(Done::Accepted));
    let file = std::fs::read_to_string(server.config_file()).unwrap();
    assert!(file.contains(&format!("replicaof 127.0.0.1 {}", primary.port())));

    let mut hand = Hand::on(&primary).await;
    let refused = hand
        .act(Deed::Persist {
            node: NODE,
            gates: None,
        })
        .await;
    assert!(matches!(refused, Outcome::Failed(Failed::Refused(_))));
    Ok(())
}

async fn a_renamed_command_is_used(version: Version) -> Result {
    let server = Server::builder(&Binary::of(version)?)
        .set("rename-command", &["REPLICAOF", "hidden"])
        .start()?;
    // Known by name, and found out from the node itself.
    let mut knowing = settings();
    knowing.commands = Commands::default().with_rename("REPLICAOF", "hidden");
    for settings in [knowing, settings()] {
        let mut hand = Hand::new(address(&server), settings);
        hand.open().await;
        assert!(hand.seal(true).await.replication.following().is_some());
        assert!(hand.promote().await.replication.is_primary());
    }
    Ok(())
}

#[test]
fn an_action_that_cannot_be_done_says_so() {
    check(async {
        let binary = Binary::find()?;
        let mut server = Server::builder(&binary).password("secret").start()?;

        // Nobody opened a connection.
        let mut hand = Hand::new(address(&server), settings());
        let not_reached = Outcome::Failed(Failed::NotReached);
        assert_eq!(hand.act(Deed::Promote { node: NODE }).await, not_reached);

        // The server does not let us in.
        assert_eq!(hand.open().await, Outcome::Done(Done::Opened));
        let refused = hand.act(Deed::Promote { node: NODE }).await;
        assert!(
            matches!(&refused, Outcome::Failed(Failed::Refused(text)) if text.starts_with("NOAUTH")),
            "{refused:?}"
        );
        let mut knowing = settings();
        knowing.credentials = Some(password("secret"));
        let mut hand = Hand::new(address(&server), knowing);
        hand.open().await;
        hand.promote().await;

        // A closed connection does nothing any more, and closing has no outcome.
        hand.begin(EPOCH, Deed::Close { node: NODE }, hand.clock.now() + SOON);
        assert_eq!(hand.act(Deed::Promote { node: NODE }).await, not_reached);

        // Too late is not at all.
        hand.open().await;
        hand.begin(EPOCH, Deed::Promote { node: NODE }, Instant::ZERO);
        assert_eq!(hand.outcome().await.1, not_reached);

        server.kill();
        assert_eq!(hand.open().await, not_reached);
        Ok(())
    });
}

#[test]
fn a_connection_that_ends_leaves_the_outcome_open() {
    check(async {
        let mut server = Server::start(&Binary::find()?)?;
        let mut hand = Hand::on(&server).await;
        server.pause()?;
        let deadline = hand.clock.now() + SOON;
        let seal = Deed::Seal {
            node: NODE,
            shut: false,
            evict: true,
        };
        let sealed = hand.begin(EPOCH, seal.clone(), deadline);
        let held = hand.begin(EPOCH, Deed::Inspect { node: NODE }, deadline);
        // The task has to run once before the server is gone.
        tokio::task::yield_now().await;
        server.kill();
        assert_eq!(hand.outcome().await, (sealed, Outcome::Unknown));
        assert_eq!(hand.outcome().await, (held, Outcome::Unknown));

        // A new connection ends what the old one waits for.
        server.restart()?;
        hand.open().await;
        server.pause()?;
        let sealed = hand.begin(EPOCH, seal, hand.clock.now() + SOON);
        let opened = hand.begin(EPOCH.next(), BLIND, deadline);
        assert_eq!(hand.outcome().await, (sealed, Outcome::Unknown));
        assert_eq!(hand.outcome().await, (opened, Outcome::Done(Done::Opened)));
        Ok(())
    });
}

#[test]
fn a_loading_node_refuses_the_seal_and_says_that_it_loads() {
    check(async {
        let mut server = Server::builder(&Binary::find()?)
            .set("save", &["900", "1"])
            .set("enable-debug-command", &["yes"])
            // It answers between so many bytes that it reads.
            .set("loading-process-events-interval-bytes", &["1024"])
            .start()?;
        server.text(&["DEBUG", "POPULATE", "20000", "key", "100"])?;
        server.text(&["CONFIG", "SET", "key-load-delay", "200"])?;
        server.text(&["SAVE"])?;
        let mut client = server.client()?;
        let reload = std::thread::spawn(move || client.command(&["DEBUG", "RELOAD", "NOSAVE"]));
        wait_for(SOON, "loading", || {
            server
                .info("persistence")
                .is_ok_and(|info| info["loading"] == "1")
        })?;
        let mut hand = Hand::on(&server).await;
        let Outcome::Done(Done::Inspected(report)) = hand.act(Deed::Inspect { node: NODE }).await
        else {
            panic!("not inspected")
        };
        assert!(report.replication.loading);
        assert_eq!(report.replication.offset, Offset(0));
        let evict = true;
        let refused = hand
            .act(Deed::Seal {
                node: NODE,
                evict,
                shut: false,
            })
            .await;
        assert!(
            matches!(&refused, Outcome::Failed(Failed::Refused(text)) if text.starts_with("LOADING")),
            "{refused:?}"
        );
        server.kill();
        reload.join().ok();
        Ok(())
    });
}

#[test]
fn older_hands_are_found_among_many_clients() {
    check(async {
        let server = Server::start(&Binary::find()?)?;
        let many: Vec<_> = (0..300)
            .map(|_| server.client())
            .collect::<Result<Vec<_>>>()?;
        let mut older = server.client()?;
        older.text(&["CLIENT", "SETNAME", "rcm:act:d1:mymaster:m2:1"])?;
        let mut hand = Hand::on(&server).await;
        let fenced = hand.act(Deed::Fence { node: NODE }).await;
        assert_eq!(fenced, Outcome::Done(Done::Fenced));
        assert!(older.command(&["PING"]).is_err());
        drop(many);
        Ok(())
    });
}

#[test]
fn a_user_who_may_not_be_named_may_not_act() {
    check(async {
        let server = Server::start(&Binary::find()?)?;
        server.text(&["ACL", "SETUSER", "hand", "on", ">x", "+@all", "-client"])?;
        let mut credentials = password("x");
        credentials.username = Some("hand".to_owned());
        let mut nameless = settings();
        nameless.credentials = Some(credentials);
        let mut hand = Hand::new(address(&server), nameless);
        hand.open().await;
        let fenced = hand.act(Deed::Fence { node: NODE }).await;
        assert!(
            matches!(fenced, Outcome::Failed(Failed::Refused(_))),
            "{fenced:?}"
        );
        let evict = true;
        let sealed = hand
            .act(Deed::Seal {
                node: NODE,
                evict,
                shut: false,
            })
            .await;
        assert!(
            matches!(sealed, Outcome::Failed(Failed::Refused(_))),
            "{sealed:?}"
        );
        assert_eq!(server.info("replication")?["role"], "master");
        Ok(())
    });
}
