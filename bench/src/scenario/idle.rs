//! Many groups, and nothing happens.
//!
//! Three numbers: what the contender costs on its own machines, what it costs on those of the
//! servers, and how much memory it takes. Nobody writes, so the servers' own work is small and the
//! same for everybody; it is measured once without a contender and taken off.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use redis_cluster_monitor::local::{self, Group, Server};

use super::Bed;
use crate::contender::{Contender, Watched};
use crate::measure::Usage;
use crate::raw::{Figure, Line, Versions};
use crate::stop;

const REPLICAS: usize = 2;

/// How many groups are started at once: most of a start is waiting.
const STARTERS: usize = 8;

/// A contender that has just met everybody is not idle yet.
const SETTLE: Duration = Duration::from_secs(5);

const MEGABYTE: f64 = 1e6;

/// Groups that nobody writes to.
#[derive(Debug)]
pub(crate) struct Fleet {
    groups: Vec<Group>,
    /// What all servers together use in a window without a contender.
    unwatched: Duration,
}

pub(super) fn idle(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    if bed.fleet.get().is_none() {
        let fleet = Fleet::start(bed)?;
        bed.fleet.get_or_init(|| fleet);
    }
    let fleet = bed.fleet.get().context("the fleet was started")?;
    line.versions = Versions::here(&fleet.groups[0].nodes()[0].info("server")?);
    let window = humantime::format_duration(bed.window).to_string();
    let parameters = [
        ("groups", bed.groups.to_string()),
        ("replicas", REPLICAS.to_string()),
        ("window", window),
    ];
    for (name, value) in parameters {
        line.parameters.insert(name.into(), value);
    }

    let running = contender.start(&bed.tools, &fleet.watched())?;
    line.versions.contender = running.version();
    for (name, value) in running.parameters() {
        line.parameters.insert(format!("contender.{name}"), value);
    }
    stop::sleep(SETTLE)?;

    let (pids, servers) = (running.pids(), fleet.pids());
    let before = (Usage::of(&pids)?, Usage::of(&servers)?);
    stop::sleep(bed.window)?;
    let after = (Usage::of(&pids)?, Usage::of(&servers)?);

    let count = f64::from(u32::try_from(pids.len())?);
    let cpu = after.0.cpu.saturating_sub(before.0.cpu).as_secs_f64() * 1000.0;
    let watched = after.1.cpu.saturating_sub(before.1.cpu).as_secs_f64() * 1000.0;
    let unwatched = fleet.unwatched.as_secs_f64() * 1000.0;
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
    let memory = after.0.memory as f64 / MEGABYTE;
    for (figure, value) in [
        (Figure::Processes, count),
        (Figure::CpuMs, cpu),
        (Figure::CpuPerProcessMs, cpu / count),
        (Figure::MemoryMb, memory),
        (Figure::MemoryPerProcessMb, memory / count),
        (Figure::ServersCpuMs, watched - unwatched),
    ] {
        line.figures.put(figure, value);
    }
    Ok(())
}

impl Fleet {
    fn start(bed: &Bed) -> anyhow::Result<Self> {
        ensure!(bed.groups > 0, "at least one group is needed");
        eprintln!("starting {} servers ...", bed.groups * (REPLICAS + 1));
        let (wanted, server) = (bed.groups, &bed.server);
        let groups = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        let start_some = || -> Result<(), local::Error> {
            while next.fetch_add(1, Ordering::Relaxed) < wanted && stop::check().is_ok() {
                let settings = Server::builder(server).with_config_file();
                let group = Group::start(&settings, REPLICAS)?;
                groups.lock().expect("nobody panics with it").push(group);
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
        let groups = groups.into_inner().context("a starter panicked")?;
        let mut fleet = Self {
            groups,
            unwatched: Duration::ZERO,
        };

        eprintln!(
            "looking at them for {:?} without a contender ...",
            bed.window
        );
        stop::sleep(SETTLE)?;
        let pids = fleet.pids();
        let before = Usage::of(&pids)?;
        stop::sleep(bed.window)?;
        fleet.unwatched = Usage::of(&pids)?.cpu.saturating_sub(before.cpu);
        Ok(fleet)
    }

    fn watched(&self) -> Vec<Watched> {
        let watched = |(number, group): (usize, &Group)| Watched {
            name: format!("group{number}"),
            nodes: group.addresses(),
        };
        self.groups.iter().enumerate().map(watched).collect()
    }

    fn pids(&self) -> Vec<u32> {
        let nodes = self.groups.iter().flat_map(Group::nodes);
        nodes.filter_map(Server::pid).collect()
    }
}
