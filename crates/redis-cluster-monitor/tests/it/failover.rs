//! Losing a primary: by crash, by hang, by a clean shutdown, twice, and with a monitor that dies.

use std::time::Duration;

use redis_cluster_monitor::local::{Builder, Version, wait_for};

use crate::monitor::{Result, SOON, Watched, builder, check};

macro_rules! on_every_version {
    ($($test:ident)*) => {
        mod redis_6_2 { $(#[test] fn $test() { crate::monitor::check(super::$test(redis_cluster_monitor::local::Version::Redis62)); })* }
        mod valkey_9 { $(#[test] fn $test() { crate::monitor::check(super::$test(redis_cluster_monitor::local::Version::Valkey9)); })* }
        mod system { $(#[test] fn $test() { crate::monitor::check(super::$test(redis_cluster_monitor::local::Version::System)); })* }
    };
}

on_every_version! {
    a_crashed_primary_is_replaced_and_follows_when_it_returns
    a_hung_primary_is_replaced_and_follows_when_it_wakes
    a_primary_that_restarts_empty_does_not_wipe_its_replicas
}

fn a_crashed_primary_is_replaced_and_follows_when_it_returns(version: Version) -> Result {
    let mut watched = Watched::start(version)?;
    watched.set(0, "key", "value")?;
    watched.wait_until_whole(0)?;
    watched.node(0).kill();
    let heir = watched.wait_for_heir(0)?;
    assert_eq!(watched.get(heir, "key")?, "value");
    watched.wait_until_whole(heir)?;
    let switched = watched.monitor.wait_for("primary-switched")?;
    assert_eq!(switched["to"], watched.group.addresses()[heir].to_string());
    // Without a configuration file it comes back as the primary that it was.
    watched.set(heir, "key", "newer")?;
    watched.node(0).restart()?;
    watched.wait_until_whole(heir)?;
    assert_eq!(watched.get(0, "key")?, "newer");
    assert_eq!(watched.monitor.told("primary-switched").len(), 1);
    Ok(())
}

fn a_hung_primary_is_replaced_and_follows_when_it_wakes(version: Version) -> Result {
    let settings = builder(version)?;
    let mut watched = Watched::with(&settings, &["--hang-after", "500ms"])?;
    watched.set(0, "key", "value")?;
    watched.wait_until_whole(0)?;
    watched.node(0).pause()?;
    let heir = watched.wait_for_heir(0)?;
    assert_eq!(watched.get(heir, "key")?, "value");
    watched.node(0).resume()?;
    watched.wait_until_whole(heir)?;
    watched.monitor.wait_for("loss-final")?;
    Ok(())
}

fn a_primary_that_restarts_empty_does_not_wipe_its_replicas(version: Version) -> Result {
    let mut watched = Watched::start(version)?;
    for key in 0..100 {
        watched.set(0, &format!("key:{key}"), "value")?;
    }
    watched.wait_until_whole(0)?;
    watched.node(0).kill();
    watched.node(0).restart_empty()?;
    let heir = watched.wait_for_heir(0)?;
    watched.wait_until_whole(heir)?;
    for node in 0..3 {
        assert_eq!(watched.group.nodes()[node].text(&["DBSIZE"])?, "100");
    }
    Ok(())
}

#[test]
fn a_primary_that_shuts_down_cleanly_is_replaced_without_loss() {
    check((|| {
        let mut watched = Watched::start(Version::System)?;
        watched.set(0, "key", "value")?;
        watched.node(0).terminate()?;
        let heir = watched.wait_for_heir(0)?;
        assert_eq!(watched.get(heir, "key")?, "value");
        watched.wait_until_whole(heir)
    })());
}

#[test]
fn a_second_failure_right_after_the_first_is_survived() {
    check((|| {
        let mut watched = Watched::start(Version::System)?;
        watched.node(0).kill();
        let heir = watched.wait_for_heir(0)?;
        watched.set(heir, "key", "value")?;
        watched.wait_until_whole(heir)?;
        watched.node(heir).kill();
        let last = watched.wait_for_heir(heir)?;
        assert_eq!(watched.get(last, "key")?, "value");
        watched.node(0).restart()?;
        watched.node(heir).restart()?;
        watched.wait_until_whole(last)
    })());
}

/// A server that keeps every write when it is killed.
fn durable() -> Result<Builder> {
    let server = builder(Version::System)?.set("appendonly", &["yes"]);
    // Otherwise a slow disk keeps the last two seconds in the process.
    Ok(server.set("appendfsync", &["always"]))
}

#[test]
fn all_nodes_go_down_and_come_back() {
    check((|| {
        let mut watched = Watched::with(&durable()?.with_config_file(), &[])?;
        watched.set(0, "key", "value")?;
        watched.wait_until_whole(0)?;
        for node in 0..3 {
            watched.node(node).kill();
        }
        for node in [1, 2, 0] {
            watched.node(node).restart()?;
        }
        let whole = wait_for(SOON, "one primary that all follow", || {
            let primary = watched.primary();
            primary.is_some_and(|primary| {
                watched
                    .group
                    .wait_until_in_step(primary, Duration::from_millis(1))
                    .is_ok()
            })
        });
        watched.monitor.explain(whole)?;
        let primary = watched.primary().unwrap();
        assert_eq!(watched.get(primary, "key")?, "value");
        Ok(())
    })());
}

#[test]
fn roles_survive_a_power_cycle_of_all_nodes_after_a_failover() {
    check((|| {
        let mut watched = Watched::with(&durable()?.with_config_file(), &[])?;
        watched.node(0).kill();
        let heir = watched.wait_for_heir(0)?;
        watched.node(0).restart()?;
        watched.wait_until_whole(heir)?;
        for key in 0..50 {
            watched.set(heir, &format!("key:{key}"), "value")?;
        }
        watched.wait_until_whole(heir)?;
        let persisted = watched.monitor.wait_for_nth("role-persisted", 3);
        watched.monitor.explain(persisted)?;
        let Watched {
            mut group,
            state,
            monitor,
        } = watched;
        assert!(monitor.terminate().success());
        for node in group.nodes_mut() {
            node.kill();
        }
        for node in group.nodes_mut() {
            node.restart()?;
        }
        group.wait_until_in_step(heir, SOON)?;
        assert_eq!(group.nodes()[heir].text(&["DBSIZE"])?, "50");
        let monitor = state.monitor(&group.addresses(), &[]);
        let healthy = || {
            monitor
                .told("verdict-changed")
                .iter()
                .any(|line| line["to"] == "healthy")
        };
        monitor.explain(wait_for(SOON, "a healthy group", healthy))?;
        assert_eq!(group.nodes()[heir].text(&["DBSIZE"])?, "50");
        Ok(())
    })());
}

#[test]
fn a_monitor_that_is_killed_at_any_step_is_continued_by_the_next_start() {
    let steps = [
        "node-down",
        "failover-started",
        "node-sealed",
        "candidate-chosen",
        "node-promoted",
        "primary-switched",
        "node-attached",
    ];
    for step in steps {
        check(killed_at(step));
    }
}

fn killed_at(step: &str) -> Result {
    // Replicas may meet the old primary again before the next monitor looks, and hold what it holds.
    let mut watched = Watched::with(&durable()?, &[])?;
    watched.set(0, "key", "value")?;
    watched.wait_until_whole(0)?;
    watched.node(0).kill();
    watched.monitor.wait_for(step)?;
    let Watched {
        mut group,
        state,
        monitor,
    } = watched;
    monitor.kill();
    let monitor = state.monitor(&group.addresses(), &[]);
    group.nodes_mut()[0].restart()?;
    let mut watched = Watched {
        group,
        state,
        monitor,
    };
    let mut primary = None;
    let found = wait_for(
        SOON,
        &format!("one primary after a death at {step}"),
        || {
            primary = watched.primary();
            primary.is_some_and(|primary| {
                watched
                    .group
                    .wait_until_in_step(primary, Duration::from_millis(1))
                    .is_ok()
            })
        },
    );
    watched.monitor.explain(found)?;
    let primary = primary.unwrap();
    assert_eq!(
        watched.get(primary, "key")?,
        "value",
        "after a death at {step}"
    );
    watched.node(primary).kill();
    watched.wait_for_heir(primary)?;
    Ok(())
}
