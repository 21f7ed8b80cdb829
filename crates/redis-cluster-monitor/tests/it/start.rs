//! What the monitor finds when it starts, and what it refuses.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;

use redis_cluster_monitor::local::{Group, Server, Version, wait_for};

use crate::monitor::{Result, SOON, State, Watched, builder, check};

#[test]
fn a_replica_that_is_not_listed_is_found_and_watched() {
    check((|| {
        let group = Group::start(&builder(Version::System)?, 2)?;
        let state = State::new();
        let listed = &group.addresses()[..1];
        let monitor = state.monitor(listed, &[]);
        monitor.wait_for_nth("node-discovered", 2)?;
        Ok(())
    })());
}

#[test]
fn a_group_with_a_password_is_watched_with_it_and_named_without_it() {
    check((|| {
        let settings = builder(Version::System)?.password("open sesame");
        let group = Group::start(&settings, 1)?;
        let without = State::new();
        let refused = without.monitor(&group.addresses(), &[]);
        let down = refused.wait_for("node-down")?;
        assert_eq!(down["failure"], "unauthorised");
        drop(refused);
        let with = State::new();
        let file = with.path().with_extension("password");
        std::fs::write(&file, "open sesame\n").unwrap();
        let options = ["--password-file", file.to_str().unwrap()];
        let monitor = with.monitor(&group.addresses(), &options);
        monitor.wait_for("primary-adopted")?;
        Ok(())
    })());
}

#[test]
fn a_server_without_replicaof_is_refused_by_name() {
    check((|| {
        let settings = builder(Version::System)?
            .set("rename-command", &["REPLICAOF", ""])
            .with_config_file();
        let settings = settings.set("rename-command", &["SLAVEOF", ""]);
        let server = settings.start()?;
        let state = State::new();
        let monitor = state.monitor(&[server.address()], &[]);
        let (code, log) = monitor.ended();
        assert_eq!(code, Some(3), "{log}");
        assert!(log.contains("has neither REPLICAOF nor SLAVEOF"), "{log}");
        Ok(())
    })());
}

#[test]
fn something_that_is_no_redis_is_named_and_disturbs_nobody() {
    check((|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stranger = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
            }
        });
        let group = Group::start(&builder(Version::System)?, 1)?;
        let mut nodes = group.addresses();
        nodes.push(stranger);
        let state = State::new();
        let monitor = state.monitor(&nodes, &[]);
        monitor.wait_for("primary-adopted")?;
        let named = || {
            monitor
                .told("node-down")
                .iter()
                .any(|line| line["failure"] == "not-redis")
        };
        monitor.explain(wait_for(SOON, "the stranger is named", named))
    })());
}

#[test]
fn two_primaries_with_data_are_left_alone_and_named() {
    check((|| {
        let settings = builder(Version::System)?;
        let servers = [settings.clone().start()?, settings.start()?];
        for server in &servers {
            server.text(&["SET", "key", "value"])?;
        }
        let nodes = [servers[0].address(), servers[1].address()];
        let state = State::new();
        let monitor = state.monitor(&nodes, &[]);
        monitor.wait_for_nth("warning-raised", 2)?;
        // The operator settles it.
        let address = servers[0].address();
        servers[1].text(&["REPLICAOF", "127.0.0.1", &address.port().to_string()])?;
        monitor.wait_for("primary-adopted")?;
        Ok(())
    })());
}

#[test]
fn one_server_under_two_addresses_is_watched_once() {
    check((|| {
        let server = Server::builder(&redis_cluster_monitor::local::Binary::of(Version::System)?)
            .bind([0, 0, 0, 0])
            .start()?;
        let port = server.port();
        let state = State::new();
        let (one, two) = (format!("127.0.0.1:{port}"), format!("127.0.0.2:{port}"));
        let monitor = state.program(&[&one, &two]);
        monitor.wait_for("same-server")?;
        monitor.wait_for("primary-adopted")?;
        Ok(())
    })());
}

#[test]
fn a_record_of_other_servers_is_refused_with_its_path() {
    check((|| {
        let watched = Watched::start(Version::System)?;
        let Watched {
            group,
            state,
            monitor,
        } = watched;
        assert!(monitor.terminate().success());
        drop(group);
        let others = Group::start(&builder(Version::System)?, 1)?;
        let monitor = state.monitor(&others.addresses(), &[]);
        let (code, log) = monitor.ended();
        assert_eq!(code, Some(3), "{log}");
        assert!(log.contains(state.path().to_str().unwrap()), "{log}");
        Ok(())
    })());
}

#[test]
fn a_second_monitor_on_the_same_state_is_refused() {
    check((|| {
        let watched = Watched::start(Version::System)?;
        let second = watched.state.monitor(&watched.group.addresses(), &[]);
        let (code, log) = second.ended();
        assert_eq!(code, Some(4), "{log}");
        Ok(())
    })());
}

#[test]
fn a_monitor_of_another_deployment_makes_this_one_observe() {
    check((|| {
        let watched = Watched::start(Version::System)?;
        let other = State::new();
        let second = other.monitor(&watched.group.addresses(), &[]);
        second.wait_for("rival-controllers")?;
        Ok(())
    })());
}

#[test]
fn an_observer_touches_nothing_and_says_what_it_would_do() {
    check((|| {
        let mut group = Group::start(&builder(Version::System)?, 2)?;
        let state = State::new();
        let monitor = state.monitor(&group.addresses(), &["--observe"]);
        monitor.wait_for("primary-adopted")?;
        group.nodes_mut()[0].kill();
        let would = monitor.wait_for("would-act")?;
        assert_eq!(would["verdict"], "primary-crashed");
        for node in [1, 2] {
            let info = group.nodes()[node].info("replication")?;
            assert_eq!(info["role"], "slave");
            assert_eq!(info["master_port"], group.addresses()[0].port().to_string());
        }
        assert!(!state.path().exists(), "an observer leaves nothing behind");
        Ok(())
    })());
}

#[test]
fn a_change_made_by_hand_while_nobody_looked_is_adopted() {
    check((|| {
        let watched = Watched::start(Version::System)?;
        let Watched {
            group,
            state,
            monitor,
        } = watched;
        assert!(monitor.terminate().success());
        let heir = group.addresses()[1].port().to_string();
        group.nodes()[1].text(&["REPLICAOF", "NO", "ONE"])?;
        for node in [0, 2] {
            group.nodes()[node].text(&["REPLICAOF", "127.0.0.1", &heir])?;
        }
        group.wait_until_in_step(1, SOON)?;
        let monitor = state.monitor(&group.addresses(), &[]);
        let adopted = monitor.wait_for("primary-adopted")?;
        assert_eq!(adopted["how"], "changed-by-hand");
        group.wait_until_in_step(1, SOON)
    })());
}

#[test]
fn a_handover_by_hand_ends_the_connections_of_the_old_primary() {
    check((|| {
        let watched = Watched::start(Version::System)?;
        let mut old = watched.group.nodes()[0].client()?;
        old.text(&["SET", "key", "value"])?;
        watched.wait_until_whole(0)?;
        let port = watched.group.addresses()[1].port().to_string();
        let words = ["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "5000"];
        watched.group.nodes()[0].text(&words)?;
        watched.monitor.wait_for_nth("primary-adopted", 2)?;
        let ended = wait_for(SOON, "the end of an old connection", || {
            old.text(&["GET", "key"]).is_err()
        });
        watched.monitor.explain(ended)?;
        watched.wait_until_whole(1)?;
        assert_eq!(watched.get(0, "key")?, "value");
        assert_eq!(watched.monitor.told("rival-sealed").len(), 0);
        Ok(())
    })());
}

#[test]
fn a_replica_that_somebody_promoted_or_repointed_is_brought_back() {
    check((|| {
        let watched = Watched::start(Version::System)?;
        let group = &watched.group;
        group.nodes()[1].text(&["REPLICAOF", "NO", "ONE"])?;
        watched.monitor.wait_for("rival-sealed")?;
        watched.wait_until_whole(0)?;
        group.nodes()[2].text(&["REPLICAOF", "127.0.0.1", "9"])?;
        watched.monitor.wait_for_nth("node-attached", 2)?;
        watched.wait_until_whole(0)
    })());
}

#[test]
fn many_groups_are_watched_by_one_monitor() {
    check(many_groups());
}

fn many_groups() -> Result {
    let settings = builder(Version::System)?;
    let mut groups = [Group::start(&settings, 1)?, Group::start(&settings, 1)?];
    let state = State::new();
    let mut file = String::new();
    for (number, group) in groups.iter().enumerate() {
        let nodes: Vec<String> = group
            .addresses()
            .iter()
            .map(|node| format!("{node:?}"))
            .collect();
        let nodes: Vec<String> = nodes.iter().map(|node| format!("\"{node}\"")).collect();
        let nodes = nodes.join(", ");
        writeln!(file, "[groups.g{number}]\nnodes = [{nodes}]").unwrap();
    }
    let path = state.path().with_extension("toml");
    std::fs::write(&path, file).unwrap();
    let log = ["run", "--config", path.to_str().unwrap()];
    let monitor = state.subcommand(&log);
    monitor.wait_for_nth("primary-adopted", 2)?;
    groups[1].nodes_mut()[0].kill();
    let switched = monitor.wait_for("primary-switched")?;
    assert_eq!(switched["group"], "g1");
    Ok(())
}

#[test]
fn names_and_ipv6_addresses_work() {
    check((|| {
        let settings = builder(Version::System)?.bind(std::net::Ipv6Addr::LOCALHOST);
        let mut group = Group::start(&settings, 1)?;
        let state = State::new();
        let monitor = state.monitor(&group.addresses(), &[]);
        monitor.wait_for("primary-adopted")?;
        group.nodes_mut()[0].kill();
        monitor.wait_for("primary-switched")?;
        group.nodes_mut()[0].restart()?;
        monitor.explain(group.wait_until_in_step(1, SOON))?;
        drop(monitor);
        let group = Group::start(&builder(Version::System)?, 1)?;
        let ports = group.addresses().into_iter().map(|node| node.port());
        let names: Vec<String> = ports.map(|port| format!("localhost:{port}")).collect();
        let by_name = State::new();
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        let monitor = by_name.program(&words);
        monitor.wait_for("primary-adopted")?;
        group.nodes()[1].text(&["REPLICAOF", "NO", "ONE"])?;
        monitor.wait_for("node-attached")?;
        monitor.explain(group.wait_until_in_step(0, SOON))
    })());
}

#[test]
fn a_node_that_does_not_resolve_disturbs_nobody() {
    check((|| {
        let group = Group::start(&builder(Version::System)?, 1)?;
        let nodes: Vec<String> = group.addresses().iter().map(ToString::to_string).collect();
        let state = State::new();
        let monitor = state.program(&[&nodes[0], &nodes[1], "no-such-host.invalid"]);
        monitor.wait_for("primary-adopted")?;
        let named = || {
            monitor
                .told("node-down")
                .iter()
                .any(|line| line["failure"] == "unresolved")
        };
        monitor.explain(wait_for(SOON, "the name is named", named))
    })());
}
