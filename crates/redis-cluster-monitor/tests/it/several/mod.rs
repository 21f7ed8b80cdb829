//! Several monitors as processes of their own, on one etcd.

mod announced;
mod losses;
mod moving;
#[cfg(target_os = "linux")]
mod network;
mod stopped;
mod without_etcd;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use redis_cluster_monitor::local::{Client, Etcd, Group, Reply, Server, Version, wait_for};

use crate::http;
use crate::monitor::{Monitor, Result, SOON, State, builder};

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
    http: SocketAddr,
    proxy: SocketAddr,
}

/// What a monitor says of a group: the address of the primary, and the epoch.
type Said = (String, String);

impl Watching {
    fn start(state: State, nodes: &[SocketAddr], store: &str) -> Result<Self> {
        Self::at(Ipv4Addr::LOCALHOST.into(), state, nodes, store)
    }

    /// One whose doors are open at this address.
    fn at(ip: IpAddr, state: State, nodes: &[SocketAddr], store: &str) -> Result<Self> {
        let door = SocketAddr::new(ip, 0).to_string();
        let doors = ["--sentinel", &door, "--http", &door, "--proxy", &door];
        let monitor = state.monitor(nodes, &[&doors[..], &["--store", store]].concat());
        Ok(Self {
            sentinel: monitor.sentinel()?,
            http: monitor.http()?,
            proxy: monitor.proxy()?,
            monitor,
            state,
        })
    }

    /// Starts it again where it has ended.
    fn restarted(self, nodes: &[SocketAddr], store: &str) -> Result<Self> {
        Self::at(self.sentinel.ip(), self.state, nodes, store)
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

    fn said(&self) -> Option<Said> {
        let mut said = self.primary().ok()?;
        Some((address(&said)?, said.remove("config-epoch")?))
    }

    /// The flags of the other monitors, by their addresses.
    fn others(&self) -> Result<BTreeMap<String, String>> {
        let Reply::Array(others) = self.ask("SENTINEL SENTINELS mymaster")? else {
            return Ok(BTreeMap::new());
        };
        let address_and_flags = |other| {
            let mut other = map(other);
            Some((address(&other)?, other.remove("flags")?))
        };
        Ok(others.into_iter().filter_map(address_and_flags).collect())
    }

    /// Whether it says that it is the one that acts.
    fn leads(&self) -> bool {
        let group = http::get(self.http, "/v1/groups/mymaster").body;
        group["leader"].is_string() && group["leader"] == group["monitor"]
    }

    fn has_logged(&self, beginning: &str) -> bool {
        let lines = self.monitor.lines();
        let mut messages = lines.iter().filter_map(|line| line["message"].as_str());
        messages.any(|message| message.starts_with(beginning))
    }
}

fn address(fields: &BTreeMap<String, String>) -> Option<String> {
    let (ip, port) = (fields.get("ip")?, fields.get("port")?);
    Some(format!("{ip}:{port}"))
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
    /// So many monitors and members of etcd, all on loopback, of a primary and two replicas.
    fn start(count: usize, members: usize) -> Result<Self> {
        let etcd = Etcd::with(members, &[])?;
        let group = Group::start(&builder(Version::System)?, 2)?;
        let (nodes, store) = (group.addresses(), etcd.store());
        let start = |_| Watching::start(State::new(), &nodes, &store);
        let monitors = (0..count).map(start).collect::<Result<_>>()?;
        Self::of(group, monitors, etcd)
    }

    /// Returns when all of them agree on node 0, and know each other, and all nodes hold something.
    fn of(group: Group, monitors: Vec<Watching>, etcd: Etcd) -> Result<Self> {
        let several = Self {
            group,
            monitors,
            etcd,
        };
        let all = several.all();
        several.group.nodes()[0].text(&["SET", "key", "value"])?;
        several.wait_until_agreed(&all, 0, "1")?;
        several.wait_until("everybody knows everybody", || {
            let known = several.monitors.iter().map(Watching::others);
            let complete = known.flatten().filter(|it| it.len() == all.len() - 1);
            complete.count() == all.len()
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

    /// The numbers of all monitors.
    fn all(&self) -> Vec<usize> {
        (0..self.monitors.len()).collect()
    }

    /// The numbers of the monitors besides this one.
    fn without(&self, number: usize) -> Vec<usize> {
        let mut others = self.all();
        others.retain(|it| *it != number);
        others
    }

    /// Waits until one of these monitors says that it acts, and gives its number.
    fn leader_of(&self, monitors: &[usize]) -> Result<usize> {
        let mut leader = None;
        self.wait_until("a monitor that acts", || {
            let mut monitors = monitors.iter().copied();
            leader = monitors.find(|&number| self.monitors[number].leads());
            leader.is_some()
        })?;
        Ok(leader.unwrap())
    }

    fn leader(&self) -> Result<usize> {
        self.leader_of(&self.all())
    }

    /// Waits until another node than the first one says that it is a primary, and gives its number.
    fn heir(&self) -> Result<usize> {
        let mut heir = None;
        self.wait_until("a new primary", || {
            let nodes = self.group.nodes();
            heir = (1..nodes.len()).find(|&number| is_primary(&nodes[number]));
            heir.is_some()
        })?;
        Ok(heir.unwrap())
    }

    /// Waits until these monitors say that this node is the primary, in this epoch.
    fn wait_until_named(&self, monitors: &[usize], primary: usize, epoch: &str) -> Result {
        let address = self.group.nodes()[primary].address().to_string();
        let said = Some((address, epoch.to_owned()));
        self.wait_until("all doors agree", || {
            let mut monitors = monitors.iter();
            monitors.all(|&number| self.monitors[number].said() == said)
        })
    }

    /// The same, and until all nodes that run follow it. What was written at the start is kept.
    fn wait_until_agreed(&self, monitors: &[usize], primary: usize, epoch: &str) -> Result {
        self.explain(self.group.wait_until_in_step(primary, SOON))?;
        self.wait_until_named(monitors, primary, epoch)?;
        assert!(self.holds(primary)?);
        Ok(())
    }

    /// Waits until all monitors say the same, and all nodes that run follow the primary that they
    /// name, which has kept what was written at the start. Gives its number, and the epoch.
    fn settled(&self) -> Result<(usize, String)> {
        let mut settled = None;
        self.wait_until("everybody agrees", || {
            let said: BTreeSet<_> = self.monitors.iter().map(Watching::said).collect();
            let only = said.first().filter(|_| said.len() == 1);
            settled = only.cloned().flatten().and_then(|(address, epoch)| {
                let mut nodes = self.group.nodes().iter();
                let primary = nodes.position(|it| it.address().to_string() == address)?;
                let whole = self.group.wait_until_in_step(primary, Duration::ZERO);
                whole.is_ok().then_some((primary, epoch))
            });
            settled.is_some()
        })?;
        let (primary, epoch) = settled.unwrap();
        assert!(self.holds(primary)?);
        Ok((primary, epoch))
    }

    /// Whether a node holds what was written at the start.
    fn holds(&self, number: usize) -> Result<bool> {
        let value = self.group.nodes()[number].text(&["GET", "key"])?;
        Ok(value == "value")
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
