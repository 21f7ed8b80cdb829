//! What the loss of monitors costs, with and without the primary.

use std::collections::BTreeSet;

use super::{Several, Watching, is_primary};
use crate::monitor::{Result, check};

#[test]
fn of_three_monitors_one_acts_and_all_doors_agree() {
    check(one_acts());
}

fn one_acts() -> Result {
    let mut several = Several::start(3, 1)?;
    let follower = several.without(several.leader()?)[0];
    let follower = &several.monitors[follower];
    assert_eq!(
        follower.text("SENTINEL CKQUORUM mymaster")?,
        "OK 3 usable Sentinels. Quorum and failover authorization can be reached"
    );
    let primary = follower.primary()?;
    assert_eq!(primary["num-other-sentinels"], "2");
    assert_eq!(primary["quorum"], "2");
    let ids: BTreeSet<_> = several
        .monitors
        .iter()
        .map(|it| it.text("SENTINEL MYID"))
        .collect::<Result<_>>()?;
    assert_eq!(ids.len(), 3);
    assert!(follower.others()?.values().all(|flags| flags == "sentinel"));

    // Who asks the wrong one is told the right one.
    several.wait_until("the right one is named", || {
        let leader = several.leader().unwrap();
        let follower = &several.monitors[several.without(leader)[0]];
        let refused = follower.text("SENTINEL FAILOVER mymaster").unwrap();
        let address = several.monitors[leader].sentinel.to_string();
        refused.contains("another monitor acts") && refused.contains(&address)
    })?;

    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1, 2], heir, "2")?;
    assert_eq!(several.switches(), 1);

    // Whoever says goodbye is not missed.
    let gone = several.without(several.leader()?)[0];
    let gone = several.monitors.remove(gone);
    gone.monitor.terminate();
    several.wait_until("one monitor less", || {
        let others = several.monitors.iter().flat_map(Watching::others);
        others.filter(|others| others.len() == 1).count() == 2
    })?;
    assert_eq!(several.monitors[0].primary()?["num-other-sentinels"], "1");
    Ok(())
}

#[test]
fn the_acting_monitor_may_die_with_the_primary() {
    check(both_die());
}

fn both_die() -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.leader()?;
    several.monitors[leader].monitor.stop();
    several.kill_node(0);
    let heir = several.heir()?;
    let left = several.without(leader);
    several.wait_until_agreed(&left, heir, "2")?;
    assert_eq!(several.switches(), 1);

    // It is missed, and still counts.
    let dead = several.monitors[leader].sentinel.to_string();
    let witness = &several.monitors[left[0]];
    assert_eq!(witness.others()?[&dead], "s_down,sentinel,disconnected");
    assert_eq!(witness.primary()?["quorum"], "2");
    let said = witness.text("SENTINEL CKQUORUM mymaster")?;
    assert!(said.starts_with("OK 2 usable Sentinels."), "{said}");
    Ok(())
}

#[test]
fn one_monitor_of_three_does_nothing_until_a_second_one_is_back() {
    check(a_minority());
}

fn a_minority() -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.leader()?;
    let dead = several.without(leader);
    for &number in &dead {
        several.monitors[number].monitor.stop();
    }
    let left = &several.monitors[leader];
    several.wait_until("the verdict", || {
        let told = left.monitor.told("verdict-changed");
        told.iter()
            .any(|line| line.to_string().contains("monitors-without-quorum"))
    })?;
    let said = left.text("SENTINEL CKQUORUM mymaster")?;
    assert!(said.contains("NOQUORUM 1 usable Sentinels."), "{said}");

    several.kill_node(0);
    let left = &several.monitors[leader];
    left.monitor.wait_for("would-act")?;
    assert!(!several.group.nodes().iter().any(is_primary));

    // With two of three there is a majority again, and it acts.
    let back = several.monitors.remove(dead[0]);
    let back = back.restarted(&several.group.addresses(), &several.etcd.store())?;
    several.monitors.insert(dead[0], back);
    let heir = several.heir()?;
    several.wait_until_agreed(&[leader, dead[0]], heir, "2")
}

#[test]
fn a_follower_may_be_dead_when_the_primary_crashes() {
    check(a_follower_is_dead());
}

fn a_follower_is_dead() -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.leader()?;
    let dead = several.without(leader)[0];
    several.monitors[dead].monitor.stop();
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&several.without(dead), heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}
