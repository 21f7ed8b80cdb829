//! The servers of the tests are themselves what they promise to be.

use std::fs;
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use redis_cluster_monitor::local::{
    Binary, Client, Error, Group, Reply, Server, Version, wait_for,
};

type Result<T = ()> = std::result::Result<T, Error>;

const SOON: Duration = Duration::from_secs(10);

/// Shows the error as a person reads it.
fn check(body: impl FnOnce() -> Result) {
    if let Err(error) = body() {
        panic!("{error}");
    }
}

macro_rules! on_every_version {
    ($($test:ident)*) => {
        mod redis_6_2 { $(#[test] fn $test() { super::check(|| super::$test(super::Version::Redis62)); })* }
        mod valkey_9 { $(#[test] fn $test() { super::check(|| super::$test(super::Version::Valkey9)); })* }
        mod system { $(#[test] fn $test() { super::check(|| super::$test(super::Version::System)); })* }
    };
}

on_every_version! {
    replicas_are_in_step_when_a_group_has_started
    a_killed_server_comes_back_on_its_port
    a_paused_server_is_mute_until_resumed
    a_terminated_server_is_gone_and_its_data_is_kept_if_told_so
    a_server_with_a_config_file_can_rewrite_it
    a_password_is_used_throughout_the_group
    an_emptied_server_forgets_its_data_and_its_primary
}

fn replicas_are_in_step_when_a_group_has_started(version: Version) -> Result {
    let group = Group::start(&Server::builder(&Binary::of(version)?), 2)?;
    let [primary, replicas @ ..] = group.nodes() else {
        unreachable!("three nodes")
    };

    primary.text(&["SET", "key", "value"])?;
    group.wait_until_in_step(0, SOON)?;
    for replica in replicas {
        assert_eq!(replica.text(&["GET", "key"])?, "value");
    }
    assert_eq!(primary.info("replication")?["connected_slaves"], "2");
    Ok(())
}

fn a_killed_server_comes_back_on_its_port(version: Version) -> Result {
    let mut group = Group::start(&Server::builder(&Binary::of(version)?), 1)?;
    let address = group.nodes()[0].address();
    let mut connection = group.nodes()[0].client()?;
    let old_pid = group.nodes()[0].pid();

    group.nodes_mut()[0].kill();
    assert!(!group.nodes_mut()[0].is_running());
    assert_eq!(group.nodes()[0].pid(), None);
    assert!(connection.command(&["PING"]).is_err());
    assert!(Client::connect(address, SOON).is_err());

    group.nodes_mut()[0].restart()?;
    assert!(group.nodes_mut()[0].is_running());
    assert_eq!(group.nodes()[0].address(), address);
    assert_ne!(group.nodes()[0].pid(), old_pid);
    group.wait_until_in_step(0, SOON)
}

fn a_paused_server_is_mute_until_resumed(version: Version) -> Result {
    let mut server = Server::start(&Binary::of(version)?)?;
    let mut before = server.client()?;

    server.pause()?;
    assert!(server.is_running());
    let mut during = Client::connect(server.address(), Duration::from_millis(50))?;
    assert!(during.command(&["PING"]).is_err());

    server.resume()?;
    assert_eq!(before.text(&["PING"])?, "PONG");
    assert!(
        during.command(&["PING"]).is_err(),
        "a late reply must not answer a new command"
    );
    Ok(())
}

fn a_terminated_server_is_gone_and_its_data_is_kept_if_told_so(version: Version) -> Result {
    let mut server = Server::builder(&Binary::of(version)?)
        .set("save", &["900", "1"])
        .start()?;
    server.text(&["SET", "key", "value"])?;

    server.terminate()?;
    assert!(!server.is_running());
    assert!(server.folder().join("dump.rdb").exists());
    assert!(matches!(server.pause(), Err(Error::NotRunning { .. })));

    server.restart()?;
    assert_eq!(server.text(&["GET", "key"])?, "value");
    Ok(())
}

fn a_server_with_a_config_file_can_rewrite_it(version: Version) -> Result {
    let binary = Binary::of(version)?;
    let primary = Server::start(&binary)?;
    let mut server = Server::builder(&binary).with_config_file().start()?;
    let port = primary.port().to_string();
    server.text(&["REPLICAOF", "127.0.0.1", &port])?;
    server.text(&["CONFIG", "REWRITE"])?;

    server.restart()?;
    assert_eq!(server.info("replication")?["master_port"], port);
    server.restart_empty()?;
    assert_eq!(server.info("replication")?["role"], "master");
    Ok(())
}

fn a_password_is_used_throughout_the_group(version: Version) -> Result {
    let group = Group::start(
        &Server::builder(&Binary::of(version)?).password("se cret"),
        1,
    )?;
    let mut stranger = Client::connect(group.addresses()[1], SOON)?;
    let Reply::Error(refusal) = stranger.command(&["GET", "key"])? else {
        panic!("a stranger was let in");
    };
    assert!(refusal.starts_with("NOAUTH"), "{refusal}");
    Ok(())
}

fn an_emptied_server_forgets_its_data_and_its_primary(version: Version) -> Result {
    let settings = Server::builder(&Binary::of(version)?)
        .set("appendonly", &["yes"])
        .with_config_file();
    let mut group = Group::start(&settings, 1)?;
    group.nodes()[0].text(&["SET", "key", "value"])?;
    group.wait_until_in_step(0, SOON)?;

    let replica = &mut group.nodes_mut()[1];
    replica.restart_empty()?;
    assert_eq!(replica.info("replication")?["role"], "master");
    assert_eq!(replica.client()?.command(&["GET", "key"])?, Reply::Null);
    Ok(())
}

#[test]
fn a_missing_server_is_named_with_the_command_that_fetches_it() {
    let nowhere = Path::new("/nowhere");
    for version in Version::ALL {
        let error = Binary::in_folder(version, nowhere).unwrap_err().to_string();
        assert!(error.contains("not found"), "{error}");
        assert!(error.contains("`make servers`"), "{error}");
    }
    assert!(Binary::at("/nowhere/redis-server").is_err());
}

#[test]
fn a_server_that_ends_at_once_is_reported_with_its_log() {
    check(|| {
        let builder = Server::builder(&Binary::find()?).set("no-such-directive", &["1"]);
        let Err(Error::Died { log, .. }) = builder.start() else {
            panic!("it did not die")
        };
        assert!(log.contains("no-such-directive"), "{log}");
        Ok(())
    });
}

#[test]
fn another_server_on_the_port_is_not_taken_for_ours() {
    check(|| {
        let binary = Binary::find()?;
        let first = Server::start(&binary)?;
        let second = Server::builder(&binary).port(first.port()).start();
        let Err(Error::Died { log, .. }) = second else {
            panic!("it did not die")
        };
        assert!(log.contains("Address already in use"), "{log}");
        Ok(())
    });
}

#[test]
fn servers_listen_where_they_are_told() {
    check(|| {
        let binary = Binary::find()?;
        let ipv6 = Server::builder(&binary).bind(Ipv6Addr::LOCALHOST).start()?;
        assert!(ipv6.address().is_ipv6());
        assert_eq!(ipv6.text(&["PING"])?, "PONG");
        let everywhere = Server::builder(&binary).bind([0, 0, 0, 0]).start()?;
        assert!(everywhere.address().ip().is_loopback());
        assert_eq!(everywhere.text(&["PING"])?, "PONG");
        Ok(())
    });
}

#[test]
fn a_sentinel_watches_a_group() {
    check(|| {
        let binary = Binary::find()?;
        let group = Group::start(&Server::builder(&binary), 1)?;
        let port = group.nodes()[0].port().to_string();
        let sentinel = Server::builder(&binary)
            .sentinel()
            .set(
                "sentinel",
                &["monitor", "mymaster", "127.0.0.1", &port, "1"],
            )
            .start()?;
        wait_for(SOON, "the sentinel sees the replica", || {
            sentinel
                .info("sentinel")
                .is_ok_and(|info| info["master0"].contains("slaves=1"))
        })
    });
}

#[test]
fn nothing_is_left_of_a_dropped_server() {
    check(|| {
        let mut server = Server::start(&Binary::find()?)?;
        let (address, folder) = (server.address(), server.folder().to_owned());
        assert!(folder.join("server.log").exists());
        assert!(server.log_tail(1).contains("eady to accept connections"));
        server.pause()?;
        drop(server);
        assert!(!folder.exists());
        assert!(Client::connect(address, SOON).is_err());
        Ok(())
    });
}

#[test]
fn a_file_that_may_not_be_executed_is_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("redis-server");
    fs::write(&program, "").unwrap();
    assert!(Binary::at(&program).is_err());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Binary::at(&program).is_ok());
}
