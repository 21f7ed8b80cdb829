//! Several monitors as processes of their own, on one etcd.

use redis_cluster_monitor::local::{Etcd, Group, Server, Version, wait_for};
use rustix::process::Signal;

use crate::monitor::{Monitor, Result, SOON, State, builder, check};

/// Two monitors, and what they share.
struct Pair {
    group: Group,
    monitors: Vec<Monitor>,
    _states: [State; 2],
    _etcd: Etcd,
}

impl Pair {
    fn start() -> Result<Self> {
        let etcd = Etcd::start()?;
        let group = Group::start(&builder(Version::System)?, 2)?;
        let states = [State::new(), State::new()];
        let store = etcd.store();
        let start = |state: &State| state.monitor(&group.addresses(), &["--store", &store]);
        let monitors = states.iter().map(start).collect();
        let pair = Self {
            group,
            monitors,
            _states: states,
            _etcd: etcd,
        };
        pair.wait_for_one("primary-adopted")?;
        Ok(pair)
    }

    /// Waits until one monitor tells this, and gives its number.
    fn wait_for_one(&self, code: &str) -> Result<usize> {
        let mut teller = None;
        let told = wait_for(SOON, code, || {
            teller = self
                .monitors
                .iter()
                .position(|monitor| !monitor.told(code).is_empty());
            teller.is_some()
        });
        // The logs of both tell more than the error.
        let told = self
            .monitors
            .iter()
            .fold(told, |told, monitor| monitor.explain(told));
        told.map(|()| teller.unwrap())
    }

    fn heir(&self) -> Result<usize> {
        let mut heir = None;
        wait_for(SOON, "a new primary", || {
            let nodes = self.group.nodes().iter().enumerate();
            let is_primary = |server: &Server| {
                server.pid().is_some()
                    && server
                        .info("replication")
                        .is_ok_and(|it| it["role"] == "master")
            };
            heir = nodes
                .filter(|(_, server)| is_primary(server))
                .map(|(number, _)| number)
                .next();
            heir.is_some()
        })?;
        Ok(heir.unwrap())
    }
}

#[test]
fn of_two_monitors_one_acts_and_the_other_takes_over_when_it_dies() {
    check(one_acts());
}

fn one_acts() -> Result {
    let mut pair = Pair::start()?;
    pair.group.nodes_mut()[0].kill();
    let actor = pair.wait_for_one("primary-switched")?;
    let heir = pair.heir()?;
    let other = &pair.monitors[1 - actor];
    other.wait_for("primary-learned")?;
    pair.group.wait_until_in_step(heir, SOON)?;
    assert_eq!(pair.monitors[actor].told("primary-switched").len(), 1);
    assert!(other.told("primary-switched").is_empty());

    // The old primary comes back, and whoever could attach it is gone.
    pair.monitors.remove(actor).kill();
    pair.group.nodes_mut()[0].restart()?;
    let left = &pair.monitors[0];
    left.explain(pair.group.wait_until_in_step(heir, SOON))?;
    pair.group.nodes_mut()[heir].kill();
    left.wait_for("primary-switched")?;
    let next = pair.heir()?;
    assert_ne!(next, heir);
    left.explain(pair.group.wait_until_in_step(next, SOON))
}

#[test]
fn a_monitor_that_was_stopped_obeys_when_it_wakes() {
    check(stopped_one_obeys());
}

fn stopped_one_obeys() -> Result {
    let mut pair = Pair::start()?;
    let leader = pair.wait_for_one("primary-adopted")?;
    let (stopped, other) = (&pair.monitors[leader], &pair.monitors[1 - leader]);
    stopped.signal(Signal::STOP);
    pair.group.nodes_mut()[0].kill();
    other.wait_for("primary-switched")?;
    let heir = pair.heir()?;
    stopped.signal(Signal::CONT);
    stopped.wait_for("primary-learned")?;
    pair.group.wait_until_in_step(heir, SOON)?;
    assert!(stopped.told("primary-switched").is_empty());
    assert_eq!(other.told("primary-switched").len(), 1);
    Ok(())
}
