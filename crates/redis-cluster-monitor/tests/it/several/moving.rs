//! From one monitor with a state folder to several on etcd, and back.

use std::process::{Command, Output};

use redis_cluster_monitor::local::{Etcd, Group, Version, wait_for};

use super::{Several, Watching};
use crate::http::get;
use crate::monitor::{Result, SOON, State, builder, check};
use crate::settings::{SETTINGS, done};

#[test]
fn from_one_monitor_to_several_the_epochs_go_on() {
    check(epochs_go_on());
}

fn epochs_go_on() -> Result {
    let mut group = Group::start(&builder(Version::System)?, 2)?;
    let state = State::new();
    let alone = state.monitor(&group.addresses(), &[]);
    alone.wait_for("primary-adopted")?;
    group.nodes_mut()[0].kill();
    alone.wait_for("primary-switched")?;
    alone.terminate();

    let etcd = Etcd::start()?;
    let first = Watching::start(state, &group.addresses(), &etcd.store())?;
    wait_until_in_epoch(&first, "2")?;
    let second = Watching::start(State::new(), &group.addresses(), &etcd.store())?;
    wait_until_in_epoch(&second, "2")
}

fn wait_until_in_epoch(watching: &Watching, epoch: &str) -> Result {
    let says_so = || watching.said().is_some_and(|(_, said)| said == epoch);
    let reached = wait_for(SOON, &format!("epoch {epoch}"), says_so);
    watching.monitor.explain(reached)
}

#[test]
fn from_several_monitors_back_to_one_epochs_and_settings_go_on() {
    check(everything_goes_on_alone());
}

fn everything_goes_on_alone() -> Result {
    let mut several = Several::start(2, 1)?;
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1], heir, "2")?;
    done(several.monitors[0].http, &["edit", "hang_after=3s"]);
    let store = several.etcd.store();
    let one_that_stays = State::new();
    let import = |state: &State| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"));
        command.args(["import", "--store", &store, "--state-dir"]);
        command.arg(state.path()).output().unwrap()
    };

    let refused = import(&one_that_stays);
    assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
    assert!(said(&refused).contains("still run on this etcd"));
    for watching in several.monitors.drain(..) {
        watching.monitor.terminate();
    }
    let brought = import(&one_that_stays);
    assert_eq!(brought.status.code(), Some(0), "{}", said(&brought));
    assert!(said(&brought).starts_with("mymaster: epoch 2 goes on in "));

    // Without etcd from now on.
    several.etcd.kill(0);
    let nodes = several.group.addresses();
    let alone = Watching::start(one_that_stays, &nodes, "file")?;
    wait_until_in_epoch(&alone, "2")?;
    let settings = get(alone.http, SETTINGS).body;
    assert_eq!(settings["settings"]["hang_after"], "3s", "{settings}");
    several.group.nodes_mut()[0].restart()?;
    alone
        .monitor
        .explain(several.group.wait_until_in_step(heir, SOON))?;
    several.kill_node(heir);
    alone.monitor.wait_for("primary-switched")?;
    wait_until_in_epoch(&alone, "3")?;

    // What it knows by then is not replaced by what etcd knew.
    let Watching { monitor, state, .. } = alone;
    monitor.terminate();
    several.etcd.restart(0)?;
    let refused = import(&state);
    assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
    assert!(said(&refused).contains("the folder is newer"));
    Ok(())
}

/// All that it wrote.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}
