//! Another primary, and what clients notice of it.

use std::time::Duration;

use rcm_core::event::Kind;
use rcm_core::policy::Policy;
use redis_cluster_monitor::config::{Indeterminate, Proxy as Settings};
use redis_cluster_monitor::local::{Version, wait_for};

use super::counting::Counting;
use super::late::{Ear, Round, until_played};
use super::{Wire, in_front_of};
use crate::eyes;
use crate::monitor::{Result, SOON};
use crate::switchover::{Watched, address};

eyes::on_every_version! {
    switchovers_pass_unnoticed
}

async fn switchovers_pass_unnoticed(version: Version) -> Result {
    for share in [true, false] {
        until_played(async || pass_switchovers(version, share).await).await?;
    }
    Ok(())
}

async fn pass_switchovers(version: Version, share: bool) -> Result<Round> {
    let (ear, _guard) = Ear::open();
    let mut watched = Watched::with(version, Policy::default()).await?;
    let settings = Settings {
        share,
        threads: 2,
        ..Settings::default()
    };
    let proxy = in_front_of(&watched, &settings);
    let mut idle = Wire::connect(proxy.address());
    assert_eq!(idle.ask("SELECT 3"), "OK");
    assert_eq!(idle.ask("CLIENT SETNAME idle"), "OK");
    let counting: Vec<_> = (0..4)
        .map(|number| Counting::start(proxy.address(), format!("count{number}")))
        .collect();
    let mut primary = 0;
    for _ in 0..5 {
        primary = (primary + 1) % 3;
        watched.hand_over(primary).await;
        watched.until_whole(primary).await;
    }
    if ear.heard() {
        return Ok(Round::Void);
    }
    for (number, counting) in counting.into_iter().enumerate() {
        let counted = counting.end();
        let key = format!("count{number}");
        let stored = watched.group.nodes()[primary].text(&["GET", &key])?;
        assert_eq!(stored, counted.to_string());
    }
    assert_eq!(idle.ask("SET where here"), "OK");
    assert_eq!(idle.ask("CLIENT GETNAME"), "idle");
    assert_eq!(idle.ask("SELECT 0"), "OK");
    assert_eq!(idle.ask("GET where"), "nil");
    assert_eq!(proxy.counters().indeterminate.get(), 0);
    assert_eq!(proxy.counters().dropped.get(), 0);
    Ok(Round::Played)
}

#[test]
fn idle_clients_survive_ten_crashes() {
    eyes::check(ten_crashes());
}

async fn ten_crashes() -> Result {
    let mut watched = Watched::with(Version::System, Policy::default()).await?;
    let proxy = in_front_of(&watched, &Settings::default());
    let mut idle = Wire::connect(proxy.address());
    assert_eq!(idle.ask("SELECT 3"), "OK");
    let mut listening = Wire::connect(proxy.address());
    assert_eq!(listening.ask("SUBSCRIBE news"), "[subscribe news 1]");
    let mut primary = 0;
    for round in 1..=10 {
        watched.group.nodes_mut()[primary].kill();
        // Nothing of it is on its way, so it waits and is not cut off.
        let set = format!("SET round {round}");
        let reply;
        (idle, reply) = apart(idle, move |idle| idle.ask(&set)).await;
        assert_eq!(reply, "OK");
        let switched = watched
            .wait_for(|kind| matches!(kind, Kind::PrimarySwitched { .. }))
            .await;
        let Kind::PrimarySwitched { to, .. } = switched else {
            unreachable!()
        };
        let addresses = watched.group.addresses();
        let heir = addresses.iter().position(|it| address(it) == to).unwrap();
        let publish = format!("PUBLISH news {round}");
        wait_for(SOON, "a subscription on the new primary", || {
            idle.ask(&publish) == "1"
        })?;
        let news = super::show(&listening.frame());
        assert_eq!(news, format!("[message news {round}]"));
        watched.group.nodes_mut()[primary].restart()?;
        watched.until_whole(heir).await;
        primary = heir;
    }
    assert_eq!(proxy.counters().dropped.get(), 0);
    Ok(())
}

/// Waits for a client's reply while the engine goes on in this thread.
async fn apart<T: Send + 'static>(
    mut client: Wire,
    ask: impl FnOnce(&mut Wire) -> T + Send + 'static,
) -> (Wire, T) {
    let asked = tokio::task::spawn_blocking(move || {
        let reply = ask(&mut client);
        (client, reply)
    });
    asked.await.unwrap()
}

#[test]
fn a_stopped_primary_cannot_answer_after_its_office() {
    eyes::check(stopped_primary());
}

async fn stopped_primary() -> Result {
    let policy = Policy {
        hang_after: Some(Duration::from_millis(1500)),
        ..Policy::default()
    };
    let mut watched = Watched::with(Version::System, policy).await?;
    let settings = Settings {
        indeterminate: Indeterminate::Error,
        ..Settings::default()
    };
    let proxy = in_front_of(&watched, &settings);
    let mut client = Wire::connect(proxy.address());
    assert_eq!(client.ask("SET key before"), "OK");
    for replica in &watched.group.nodes()[1..] {
        wait_for(SOON, "the write on a replica", || {
            replica
                .text(&["GET", "key"])
                .is_ok_and(|value| value == "before")
        })?;
    }
    watched.group.nodes_mut()[0].pause()?;
    client.send("SET key lost");
    client.send("GET key");
    let both = |client: &mut Wire| [(); 2].map(|()| super::show(&client.frame()));
    let (mut client, [outcome, read]) = apart(client, both).await;
    assert!(outcome.starts_with("-UNKNOWNOUTCOME "), "{outcome}");
    // It only reads, so the new primary is asked as well.
    assert_eq!(read, "before");
    watched.group.nodes_mut()[0].resume()?;
    let stopped = address(&watched.group.addresses()[0]);
    watched
        .wait_for(|kind| matches!(kind, Kind::NodeAttached { node, .. } if *node == stopped))
        .await;
    assert_eq!(client.ask("GET key"), "before");
    assert_eq!(proxy.counters().indeterminate.get(), 1);
    Ok(())
}
