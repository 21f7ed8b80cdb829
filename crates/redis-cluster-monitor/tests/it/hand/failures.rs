//! What is told when nothing was done, or perhaps something.

use std::time::Duration;

use rcm_core::action::{Deed, Done, Failed, Outcome};
use rcm_core::id::Offset;
use rcm_core::time::Instant;
use redis_cluster_monitor::local::{Binary, Server, Version, wait_for};

use super::{BLIND, EPOCH, Hand, NODE, OPEN, seal};
use crate::eyes::{Result, SOON, address, check, on_every_version, password, settings};

on_every_version! {
    a_stopped_node_is_sealed_when_it_wakes
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
    let soon = hand.clock.now() + Duration::from_secs(1);
    let look = hand.begin(EPOCH, Deed::Inspect { node: NODE }, soon);
    let later = soon + Duration::from_secs(1);
    let sealed = hand.begin(EPOCH, seal(true), later);
    assert_eq!(hand.outcome().await, (look, Outcome::Unknown));
    assert!(hand.clock.now() >= soon);
    assert_eq!(hand.outcome().await, (sealed, Outcome::Unknown));
    assert!(hand.clock.now() >= later);

    server.resume()?;
    // What was asked before is answered before, and not taken for an answer to this.
    let sealed = hand.seal(false).await;
    assert!(sealed.replication.following().is_some());
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
        let sealed = hand.begin(EPOCH, seal(true), deadline);
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
        let sealed = hand.begin(EPOCH, seal(true), hand.clock.now() + SOON);
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
        let refused = hand.act(seal(true)).await;
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
        let sealed = hand.act(seal(true)).await;
        assert!(
            matches!(sealed, Outcome::Failed(Failed::Refused(_))),
            "{sealed:?}"
        );
        assert_eq!(server.info("replication")?["role"], "master");
        Ok(())
    });
}
