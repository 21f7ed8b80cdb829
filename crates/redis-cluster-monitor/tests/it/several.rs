//! Several monitors as processes of their own, on one etcd.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use redis_cluster_monitor::local::{Client, Etcd, Group, Reply, Server, Version, wait_for};
use rustix::process::Signal;

use crate::monitor::{Monitor, Result, SOON, State, builder, check};

/// Some monitors of one group, and what they share.
struct Several {
    group: Group,
    /// Those that were started, also when they have ended.
    monitors: Vec<Watching>,
    etcd: Etcd,
}

/// One of the monitors.
struct Watching {
    monitor: Monitor,
    state: State,
    sentinel: SocketAddr,
}

impl Watching {
    fn start(state: State, group: &Group, store: &str) -> Result<Self> {
        let options = ["--store", store, "--sentinel", "127.0.0.1:0"];
        let monitor = state.monitor(&group.addresses(), &options);
        let sentinel = monitor.sentinel()?;
        Ok(Self {
            monitor,
            state,
            sentinel,
        })
    }

    /// What its Sentinel API answers.
    fn ask(&self, words: &str) -> Result<Reply> {
        let words: Vec<_> = words.split(' ').collect();
        Client::connect(self.sentinel, SOON)?.command(&words)
    }

    /// The same as text, errors included.
    fn text(&self, words: &str) -> Result<String> {
        self.ask(words).map(|reply| reply.to_string())
    }

    /// What it says of the primary.
    fn primary(&self) -> Result<BTreeMap<String, String>> {
        self.ask("SENTINEL MASTER mymaster").map(map)
    }

    /// The flags of the other monitors, by their ports.
    fn others(&self) -> Result<BTreeMap<u16, String>> {
        let Reply::Array(others) = self.ask("SENTINEL SENTINELS mymaster")? else {
            return Ok(BTreeMap::new());
        };
        let port_and_flags = |other| {
            let other = map(other);
            (other["port"].parse().unwrap(), other["flags"].clone())
        };
        Ok(others.into_iter().map(port_and_flags).collect())
    }
}

fn map(reply: Reply) -> BTreeMap<String, String> {
    let Reply::Array(words) = reply else {
        return BTreeMap::new();
    };
    let words: Vec<_> = words.iter().map(ToString::to_string).collect();
    let pairs = words.chunks_exact(2);
    pairs.map(|it| (it[0].clone(), it[1].clone())).collect()
}

impl Several {
    fn start(count: usize, members: usize) -> Result<Self> {
        let etcd = Etcd::with(members, &[])?;
        let group = Group::start(&builder(Version::System)?, 2)?;
        let store = etcd.store();
        let start = |_| Watching::start(State::new(), &group, &store);
        let monitors = (0..count).map(start).collect::<Result<Vec<_>>>()?;
        let several = Self {
            group,
            monitors,
            etcd,
        };
        several.wait_for_teller("primary-adopted")?;
        let numbers: Vec<_> = (0..count).collect();
        several.wait_until_agreed(&numbers, 0, "1")?;
        several.wait_until("everybody knows everybody", || {
            let known = several.monitors.iter().map(Watching::others);
            known.flatten().filter(|it| it.len() == count - 1).count() == count
        })?;
        Ok(several)
    }

    /// Shows all logs with what went wrong.
    fn explain<T>(&self, result: Result<T>) -> Result<T> {
        let explain = |told, it: &Watching| it.monitor.explain(told);
        self.monitors.iter().fold(result, explain)
    }

    fn wait_until(&self, what: &str, condition: impl FnMut() -> bool) -> Result {
        self.explain(wait_for(SOON, what, condition))
    }

    /// Waits until one monitor tells this, and gives its number.
    fn wait_for_teller(&self, code: &str) -> Result<usize> {
        let mut teller = None;
        self.wait_until(code, || {
            let tells = |it: &Watching| !it.monitor.told(code).is_empty();
            teller = self.monitors.iter().position(tells);
            teller.is_some()
        })?;
        Ok(teller.unwrap())
    }

    /// The numbers of the monitors besides this one.
    fn without(&self, number: usize) -> Vec<usize> {
        (0..self.monitors.len())
            .filter(|it| *it != number)
            .collect()
    }

    /// Waits until a node that runs says that it is a primary, and gives its number.
    fn heir(&self) -> Result<usize> {
        let mut heir = None;
        self.wait_until("a new primary", || {
            heir = self.group.nodes().iter().position(is_primary);
            heir.is_some()
        })?;
        Ok(heir.unwrap())
    }

    /// Waits until all nodes follow this one, and these monitors name it, in this epoch.
    fn wait_until_agreed(&self, monitors: &[usize], primary: usize, epoch: &str) -> Result {
        self.explain(self.group.wait_until_in_step(primary, SOON))?;
        let port = self.group.nodes()[primary].port().to_string();
        self.wait_until("all doors agree", || {
            monitors.iter().all(|&number| {
                let said = self.monitors[number].primary();
                said.is_ok_and(|it| {
                    it.get("port") == Some(&port)
                        && it.get("config-epoch").map(String::as_str) == Some(epoch)
                })
            })
        })
    }

    /// How often all monitors together have put another node into office.
    fn switches(&self) -> usize {
        let told = |it: &Watching| it.monitor.told("primary-switched").len();
        self.monitors.iter().map(told).sum()
    }

    fn kill_node(&mut self, number: usize) {
        self.group.nodes_mut()[number].kill();
    }
}

fn is_primary(server: &Server) -> bool {
    server.pid().is_some()
        && server
            .info("replication")
            .is_ok_and(|it| it["role"] == "master")
}

#[test]
fn of_three_monitors_one_acts_and_all_doors_agree() {
    check(one_acts());
}

fn one_acts() -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.wait_for_teller("primary-adopted")?;
    let follower = &several.monitors[several.without(leader)[0]];
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
    let refused = follower.text("SENTINEL FAILOVER mymaster")?;
    let address = several.monitors[leader].sentinel.to_string();
    assert!(refused.contains("another monitor acts"), "{refused}");
    assert!(refused.contains(&address), "{refused}");

    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1, 2], heir, "2")?;
    assert_eq!(several.switches(), 1);

    // Whoever says goodbye is not missed.
    let gone = several.without(leader)[0];
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
    let leader = several.wait_for_teller("primary-adopted")?;
    several.monitors[leader].monitor.stop();
    several.kill_node(0);
    let heir = several.heir()?;
    let left = several.without(leader);
    several.wait_until_agreed(&left, heir, "2")?;
    assert_eq!(several.switches(), 1);

    // It is missed, and still counts.
    let dead = several.monitors[leader].sentinel.port();
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
    let leader = several.wait_for_teller("primary-adopted")?;
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
    let back = &mut several.monitors[dead[0]];
    let store = several.etcd.store();
    let options = ["--store", &store, "--sentinel", "127.0.0.1:0"];
    back.monitor = back.state.monitor(&several.group.addresses(), &options);
    back.sentinel = back.monitor.sentinel()?;
    let heir = several.heir()?;
    several.wait_until_agreed(&[leader, dead[0]], heir, "2")
}

#[test]
fn a_follower_may_be_dead_when_the_primary_crashes() {
    check(a_follower_is_dead());
}

fn a_follower_is_dead() -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.wait_for_teller("primary-adopted")?;
    let dead = several.without(leader)[0];
    several.monitors[dead].monitor.stop();
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&several.without(dead), heir, "2")?;
    assert_eq!(
        several.monitors[leader]
            .monitor
            .told("primary-switched")
            .len(),
        1
    );
    Ok(())
}

#[test]
fn a_monitor_that_was_stopped_in_a_failover_obeys_when_it_wakes() {
    check(stopped_one_obeys());
}

fn stopped_one_obeys() -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.wait_for_teller("primary-adopted")?;
    // A replica that does not answer is waited for: long enough to be in the middle.
    several.group.nodes_mut()[1].pause()?;
    several.kill_node(0);
    several.monitors[leader]
        .monitor
        .wait_for("failover-started")?;
    several.monitors[leader].monitor.signal(Signal::STOP);
    several.group.nodes_mut()[1].resume()?;
    let left = several.without(leader);
    let heir = several.heir()?;
    several.wait_until_in_office(&left, heir)?;
    several.monitors[leader].monitor.signal(Signal::CONT);
    // One primary, one epoch, and everybody follows.
    let epoch = several.monitors[left[0]].primary()?["config-epoch"].clone();
    several.wait_until_agreed(&[0, 1, 2], heir, &epoch)?;
    several.group.nodes_mut()[0].restart()?;
    several.wait_until_agreed(&[0, 1, 2], heir, &epoch)
}

impl Several {
    /// Waits until these monitors call this node the primary.
    fn wait_until_in_office(&self, monitors: &[usize], primary: usize) -> Result {
        let port = self.group.nodes()[primary].port().to_string();
        self.wait_until("it is in office", || {
            monitors.iter().all(|&number| {
                let said = self.monitors[number].primary();
                said.is_ok_and(|it| it.get("port") == Some(&port))
            })
        })
    }
}

#[test]
fn without_etcd_the_doors_stay_open_and_nobody_acts_until_it_is_back() {
    check(etcd_is_away());
}

fn etcd_is_away() -> Result {
    let mut several = Several::start(3, 1)?;
    several.etcd.pause(0)?;
    let cannot = |it: &Watching| {
        let lines = it.monitor.lines();
        lines.iter().any(|line| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("this monitor may not act"))
        })
    };
    several.wait_until("nobody may act", || several.monitors.iter().all(cannot))?;
    several.kill_node(0);
    for watching in &several.monitors {
        watching.monitor.wait_for("would-act")?;
        let address = watching.ask("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster")?;
        let port = several.group.nodes()[0].port();
        assert_eq!(address.to_string(), format!("[127.0.0.1, {port}]"));
    }
    assert!(!several.group.nodes().iter().any(is_primary));

    several.etcd.resume(0)?;
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1, 2], heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}

#[test]
fn a_member_of_etcd_may_be_dead_when_the_primary_crashes() {
    check(a_member_is_dead());
}

fn a_member_is_dead() -> Result {
    let mut several = Several::start(3, 3)?;
    several.etcd.kill(0);
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1, 2], heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}

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
    let first = Watching::start(state, &group, &etcd.store())?;
    let is_in_epoch_two = |it: &Watching| {
        let primary = it.primary();
        primary.is_ok_and(|it| it.get("config-epoch").is_some_and(|epoch| epoch == "2"))
    };
    let reached = wait_for(SOON, "epoch 2", || is_in_epoch_two(&first));
    first.monitor.explain(reached)?;
    let second = Watching::start(State::new(), &group, &etcd.store())?;
    let reached = wait_for(SOON, "epoch 2", || is_in_epoch_two(&second));
    second.monitor.explain(reached)
}
