//! Many groups that nobody writes to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use redis_cluster_monitor::local::{self, Group, Server};
use rustix::process::{Pid, Signal, kill_process};

use super::Bed;
use crate::contender::Watched;
use crate::measure::{Traffic, Usage};
use crate::stop;

pub(super) const REPLICAS: usize = 2;

/// How many groups are started at once: most of a start is waiting.
const STARTERS: usize = 8;

/// Servers that have just met, and a contender that has just met them, are not idle yet.
pub(super) const SETTLE: Duration = Duration::from_secs(5);

const REPAIR_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Fleet {
    groups: Vec<Member>,
    /// What all servers together use in a window without a contender.
    pub(super) unwatched: Duration,
    /// Packets in a second of such a window.
    pub(super) unwatched_packets_per_s: f64,
}

/// A group, and which of its nodes is the primary.
#[derive(Debug)]
struct Member {
    group: Group,
    primary: usize,
}

impl Fleet {
    pub(super) fn start(bed: &Bed, wanted: usize) -> anyhow::Result<Self> {
        ensure!(wanted > 0, "at least one group is needed");
        eprintln!("starting {} servers ...", wanted * (REPLICAS + 1));
        let server = &bed.server;
        let groups = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        let start_some = || -> Result<(), local::Error> {
            while next.fetch_add(1, Ordering::Relaxed) < wanted && stop::check().is_ok() {
                let settings = Server::builder(server).with_config_file();
                let group = Group::start(&settings, REPLICAS)?;
                let member = Member { group, primary: 0 };
                groups.lock().expect("nobody panics with it").push(member);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start_some)).collect();
            for starter in starters {
                starter.join().ok().context("a starter panicked")??;
            }
            anyhow::Ok(())
        })?;
        stop::check()?;
        let mut fleet = Self {
            groups: groups.into_inner().context("a starter panicked")?,
            unwatched: Duration::ZERO,
            unwatched_packets_per_s: 0.0,
        };
        let window = bed.window;
        eprintln!("looking at them for {window:?} without a contender ...");
        stop::sleep(SETTLE)?;
        let pids = fleet.pids();
        let before = (Usage::of(&pids)?, Traffic::now()?);
        stop::sleep(window)?;
        let (usage, traffic) = (Usage::of(&pids)?, Traffic::now()?);
        fleet.unwatched = usage.cpu.saturating_sub(before.0.cpu);
        fleet.unwatched_packets_per_s = traffic.per_second_since(before.1);
        Ok(fleet)
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn first(&self) -> Option<&Server> {
        self.groups.first()?.group.nodes().first()
    }

    pub(super) fn watched(&self) -> Vec<Watched> {
        let watched = |(number, member): (usize, &Member)| Watched {
            name: name(number),
            nodes: member.in_order(),
        };
        self.groups.iter().enumerate().map(watched).collect()
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        let nodes = self.groups.iter().flat_map(|member| member.group.nodes());
        nodes.filter_map(Server::pid).collect()
    }

    /// Kills the primaries of the first `count` groups at once. Returns when.
    pub(super) fn kill_primaries(&mut self, count: usize) -> anyhow::Result<Instant> {
        let victims = &mut self.groups[..count];
        let pid = |member: &Member| {
            let pid = member.group.nodes()[member.primary].pid()?;
            Pid::from_raw(i32::try_from(pid).ok()?)
        };
        let pids: Option<Vec<_>> = victims.iter().map(pid).collect();
        let pids = pids.context("a primary is not running")?;
        let at = Instant::now();
        for pid in pids {
            kill_process(pid, Signal::KILL).context("a primary is not running")?;
        }
        for member in victims {
            // It is dead; so that it is known to be.
            member.group.nodes_mut()[member.primary].kill();
        }
        Ok(at)
    }

    /// Nobody watches any more: starts what was killed, as replicas of whoever is primary.
    pub(super) fn repair(&mut self) -> anyhow::Result<()> {
        for member in &mut self.groups {
            stop::check()?;
            member.attach()?;
        }
        for member in &self.groups {
            let Member { group, primary } = member;
            group.wait_until_in_step(*primary, REPAIR_DEADLINE)?;
        }
        Ok(())
    }
}

impl Member {
    /// Its addresses, the primary's first.
    fn in_order(&self) -> Vec<std::net::SocketAddr> {
        let mut nodes = self.group.addresses();
        nodes.swap(0, self.primary);
        nodes
    }

    fn attach(&mut self) -> anyhow::Result<()> {
        let nodes = self.group.nodes();
        let is_primary = |node: &Server| {
            let role = node.info("replication").ok()?.remove("role")?;
            (role == "master").then_some(())
        };
        let alive = |&number: &usize| nodes[number].pid().is_some();
        let mut alive = (0..nodes.len()).filter(alive);
        let Some(primary) = alive.find(|&number| is_primary(&nodes[number]).is_some()) else {
            bail!("a group has no primary any more");
        };
        self.primary = primary;
        let address = self.group.addresses()[primary];
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        for number in (0..self.group.nodes().len()).filter(|number| *number != primary) {
            let node = &mut self.group.nodes_mut()[number];
            if node.pid().is_none() {
                node.restart()?;
            }
            node.text(&["REPLICAOF", &ip, &port])?;
        }
        Ok(())
    }
}

/// A group's name by its number.
pub(super) fn name(number: usize) -> String {
    format!("group{number}")
}
