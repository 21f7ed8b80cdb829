//! What servers say of themselves, and how often they are asked.

use std::time::Duration;

use rcm_core::action::Pace;
use rcm_core::observation::{Role, Seen};
use redis_cluster_monitor::local::{Binary, Group, Server, Version};
use redis_cluster_monitor::redis::Commands;

use crate::eyes::{Eyes, Result, address, check, on_every_version, settings};

on_every_version! {
    a_primary_and_its_replica_say_who_they_are
    slow_things_are_told_too
    a_sentinel_is_a_rival
}

async fn a_primary_and_its_replica_say_who_they_are(version: Version) -> Result {
    let group = Group::start(&Server::builder(&Binary::of(version)?), 1)?;
    let [primary, replica] = group.nodes() else {
        unreachable!("two nodes")
    };

    let mut eyes = Eyes::on(primary);
    assert_eq!(eyes.next().await.seen, Seen::Accepted);
    let Seen::Identity(identity) = eyes.next().await.seen else {
        panic!("the identity comes first")
    };
    let server = primary.info("server")?;
    assert_eq!(identity.run_id.to_string(), server["run_id"]);
    assert_eq!(identity.busy_threshold, Some(Duration::from_secs(5)));
    assert!(identity.can_replicate);
    let Seen::Replication(of_primary) = eyes.next().await.seen else {
        panic!("the replication state comes next")
    };
    let Role::Primary { replicas, .. } = &of_primary.role else {
        panic!("not a primary")
    };
    assert_eq!(replicas[0].address, address(replica));
    // A primary counts it only after its first acknowledgement, up to a second later.
    eyes.find("the replica online", |observation| {
        match &observation.seen {
            Seen::Replication(replication) => match &replication.role {
                Role::Primary { replicas, .. } => replicas[0].online.then_some(()),
                Role::Replica(_) => None,
            },
            _ => None,
        }
    })
    .await;
    eyes.find("a sign of life between two looks", |observation| {
        (observation.seen == Seen::Alive).then_some(())
    })
    .await;

    let of_replica = Eyes::on(replica).replication().await;
    let following = of_replica.following().unwrap();
    assert_eq!(following.primary, address(primary));
    assert!(following.link_up && !following.syncing && !of_replica.loading);
    assert_eq!(following.priority, 100);
    assert_eq!(of_replica.id, of_primary.id);
    Ok(())
}

async fn slow_things_are_told_too(version: Version) -> Result {
    let server = Server::builder(&Binary::of(version)?)
        .set("min-replicas-to-write", &["2"])
        .set("busy-reply-threshold", &["1500"])
        .start();
    // It was called differently before 7.0.
    let server = match server {
        Ok(server) => server,
        Err(_) => Server::builder(&Binary::of(version)?)
            .set("min-replicas-to-write", &["2"])
            .set("lua-time-limit", &["1500"])
            .start()?,
    };
    let mut eyes = Eyes::on(&server);
    let threshold = eyes.find("identity", |observation| match &observation.seen {
        Seen::Identity(identity) => Some(identity.busy_threshold),
        _ => None,
    });
    assert_eq!(threshold.await, Some(Duration::from_millis(1_500)));
    let Role::Primary { good_replicas, .. } = eyes.replication().await.role else {
        panic!("not a primary")
    };
    assert_eq!(good_replicas, Some(0));
    let condition = eyes.find("condition", |observation| match &observation.seen {
        Seen::Condition(condition) => Some(*condition),
        _ => None,
    });
    let condition = condition.await;
    assert_eq!(condition.min_replicas, 2);
    assert!(condition.empty && !condition.cannot_persist && !condition.out_of_memory);
    let deciders = eyes.find("deciders", |observation| match &observation.seen {
        Seen::Deciders(deciders) => Some(deciders.clone()),
        _ => None,
    });
    let deciders = deciders.await;
    assert!(deciders.rivals.is_empty() && !deciders.older_hands);
    Ok(())
}

async fn a_sentinel_is_a_rival(version: Version) -> Result {
    let server = Server::start(&Binary::of(version)?)?;
    let mut client = server.client()?;
    client.text(&["CLIENT", "SETNAME", "sentinel-01234567-cmd"])?;
    let mut eyes = Eyes::on(&server);
    let rivals = |seen: &Seen| match seen {
        Seen::Deciders(deciders) => Some(deciders.rivals.clone()),
        _ => None,
    };
    let found = eyes.find("a rival", |it| rivals(&it.seen)).await;
    assert_eq!(found, ["sentinel-01234567-cmd"]);
    drop(client);
    eyes.find("the rival leaving", |it| {
        rivals(&it.seen).filter(Vec::is_empty)
    })
    .await;
    Ok(())
}

#[test]
fn suspicion_asks_more_often_than_calm() {
    check(async {
        let server = Server::start(&Binary::find()?)?;
        let mut eyes = Eyes::on(&server);
        eyes.replication().await;
        eyes.pace.send_replace(Pace::Suspicion);
        let began = eyes.clock.now();
        for _ in 0..20 {
            eyes.replication().await;
        }
        // Calm would have taken as many seconds.
        let spent = eyes.clock.now().since(began);
        assert!(spent <= Duration::from_secs(10), "{spent:?}");
        eyes.pace.send_replace(Pace::Calm);
        eyes.forget();
        Ok(())
    });
}

#[test]
fn a_command_without_either_name_is_missed() {
    check(async {
        let server = Server::builder(&Binary::find()?)
            .set("rename-command", &["REPLICAOF", "hidden"])
            .set("rename-command", &["SLAVEOF", ""])
            .start()?;
        let can_replicate = |seen: &Seen| match seen {
            Seen::Identity(identity) => Some(identity.can_replicate),
            _ => None,
        };
        let mut eyes = Eyes::on(&server);
        assert!(!eyes.find("identity", |it| can_replicate(&it.seen)).await);

        let mut knowing = settings();
        knowing.commands = Commands::default().with_rename("REPLICAOF", "hidden");
        let mut eyes = Eyes::open(address(&server), knowing);
        assert!(eyes.find("identity", |it| can_replicate(&it.seen)).await);
        Ok(())
    });
}
