//! What strict mode does to the gates of real servers.

use rcm_core::action::{Deed, Done, Failed, Outcome, Report};
use rcm_core::observation::{Gates, Seen};
use rcm_core::policy::Policy;
use redis_cluster_monitor::config::Secret;
use redis_cluster_monitor::local::{Binary, Group, Server, Version, wait_for};
use redis_cluster_monitor::redis::Settings;

use crate::eyes::{Eyes, Result, SOON, address, on_every_version, settings};
use crate::hand::{Hand, NODE, silent};

on_every_version! {
    a_promoted_node_lets_nothing_through_until_it_is_opened
    a_primary_that_restarts_lets_nothing_through
    what_a_node_lets_through_is_seen
}

fn strict() -> Settings {
    let mut settings = settings();
    settings.replication = Some(Secret::new("between nodes"));
    settings.policy = tokio::sync::watch::channel(Policy {
        ack_replicas: 1,
        ..Policy::default()
    })
    .1;
    settings
}

async fn on(server: &Server) -> Hand {
    let mut hand = Hand::new(address(server), strict());
    assert_eq!(hand.open().await, Outcome::Done(Done::Opened));
    hand
}

async fn seal(hand: &mut Hand) -> Report {
    let deed = Deed::Seal {
        node: NODE,
        evict: true,
        shut: true,
    };
    match hand.act(deed).await {
        Outcome::Done(Done::Sealed(report)) => report,
        other => panic!("not sealed: {other:?}"),
    }
}

async fn set(hand: &mut Hand, gates: Gates) {
    let set = hand.act(Deed::SetGates { node: NODE, gates }).await;
    assert_eq!(set, Outcome::Done(Done::Gated(gates)));
}

fn link_status(server: &Server) -> Result<String> {
    Ok(server.info("replication")?["master_link_status"].clone())
}

async fn a_promoted_node_lets_nothing_through_until_it_is_opened(version: Version) -> Result {
    let group = Group::start(&silent(version)?, 2)?;
    group.nodes()[0].text(&["SET", "key", "value"])?;
    group.wait_until_in_step(0, SOON)?;
    let [old, chosen, peer] = group.nodes() else {
        unreachable!("three nodes")
    };
    let mut reader = peer.client()?;
    let (mut on_old, mut on_chosen, mut on_peer) =
        (on(old).await, on(chosen).await, on(peer).await);
    // Whoever is turned away without a password drops its place in the stream; with one it does not.
    set(&mut on_old, Gates::open(1)).await;
    for hand in [&mut on_chosen, &mut on_peer] {
        assert_eq!(
            hand.attach(address(old)).await,
            Outcome::Done(Done::Accepted)
        );
    }
    for hand in [&mut on_old, &mut on_chosen, &mut on_peer] {
        assert!(seal(hand).await.replication.following().is_some());
    }
    assert!(
        reader.text(&["PING"]).is_err(),
        "no client survives an epoch"
    );

    on_chosen.promote().await;
    let refused = chosen.text(&["SET", "key", "new"]);
    assert!(format!("{refused:?}").contains("NOREPLICAS"), "{refused:?}");
    assert_eq!(
        on_peer.attach(address(chosen)).await,
        Outcome::Done(Done::Accepted)
    );
    wait_for(SOON, "the peer to be turned away", || {
        peer.log_tail(50).contains("NOPERM") || peer.log_tail(50).contains("WRONGPASS")
    })?;
    assert_eq!(link_status(peer)?, "down");

    set(&mut on_chosen, Gates::open(1)).await;
    assert_eq!(
        on_old.attach(address(chosen)).await,
        Outcome::Done(Done::Accepted)
    );
    group.wait_until_in_step(1, SOON)?;
    assert_eq!(chosen.info("stats")?["sync_full"], "0");
    let mut writer = chosen.client()?;
    writer.text(&["SET", "key", "new"])?;
    assert_ne!(writer.text(&["WAIT", "1", "1000"])?, "0");

    // Nobody attaches who was not told the password.
    let stranger = Server::builder(&Binary::of(version)?)
        .replica_of(chosen.address())
        .start()?;
    wait_for(SOON, "the stranger to be turned away", || {
        stranger.log_tail(50).contains("NOPERM")
    })?;
    assert_eq!(link_status(&stranger)?, "down");
    Ok(())
}

async fn a_primary_that_restarts_lets_nothing_through(version: Version) -> Result {
    let mut server = Server::builder(&Binary::of(version)?)
        .with_config_file()
        .start()?;
    let mut hand = on(&server).await;
    let gates = Gates::open(0);
    set(&mut hand, gates).await;
    let persist = Deed::Persist {
        node: NODE,
        gates: Some(gates),
    };
    assert_eq!(hand.act(persist).await, Outcome::Done(Done::Gated(gates)));
    // It is as open as it was, and only the file says otherwise.
    server.text(&["SET", "key", "value"])?;
    let user = server.client()?.command(&["ACL", "GETUSER", "rcm-repl"])?;
    assert!(user.to_string().starts_with("[flags, [on"), "{user}");

    server.kill();
    server.restart()?;
    let refused = server.text(&["SET", "key", "other"]);
    assert!(format!("{refused:?}").contains("NOREPLICAS"), "{refused:?}");
    let replica = Server::builder(&Binary::of(version)?)
        .replica_of(server.address())
        .start()?;
    wait_for(SOON, "the replica to be turned away", || {
        replica.log_tail(50).contains("NOPERM")
    })
}

async fn what_a_node_lets_through_is_seen(version: Version) -> Result {
    let server = Server::start(&Binary::of(version)?)?;
    let mut hand = on(&server).await;
    for gates in [Gates::open(2), Gates::SHUT] {
        set(&mut hand, gates).await;
        let mut eyes = Eyes::open(address(&server), strict());
        let seen = eyes.find("condition", |observation| match &observation.seen {
            Seen::Condition(condition) => Some(condition.gates()),
            _ => None,
        });
        assert_eq!(seen.await, Some(gates));
    }
    Ok(())
}

#[test]
fn nothing_is_opened_without_a_password_for_replicas() {
    crate::eyes::check(async {
        let server = Server::start(&Binary::find()?)?;
        let mut hand = Hand::on(&server).await;
        let gates = Gates::open(1);
        let refused = hand.act(Deed::SetGates { node: NODE, gates }).await;
        assert!(matches!(refused, Outcome::Failed(Failed::Refused(_))));
        Ok(())
    });
}
