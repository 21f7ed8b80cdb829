//! What is done when all is well.

use rcm_core::action::{Deed, Done, Failed, Outcome};
use redis_cluster_monitor::local::{Binary, Client, Group, Server, Version, wait_for};
use redis_cluster_monitor::redis::Commands;

use super::{EPOCH, Hand, NODE, silent};
use crate::eyes::{Result, SOON, address, check, on_every_version, settings};

on_every_version! {
    a_sealed_primary_keeps_its_lineage_and_loses_its_clients
    a_promoted_replica_names_its_fork
    a_sealed_peer_is_attached_without_a_full_resync
    older_hands_are_killed_and_newer_ones_are_not
    a_paused_node_keeps_writes_waiting_until_it_is_resumed
    a_cut_link_comes_back
    a_role_is_persisted_if_there_is_a_file
    a_renamed_command_is_used
}

fn group(version: Version, replicas: usize) -> Result<Group> {
    let group = Group::start(&silent(version)?, replicas)?;
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
