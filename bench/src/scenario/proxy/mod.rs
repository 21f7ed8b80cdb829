//! What stands before one server costs: throughput and CPU time under load, latency at a fixed rate,
//! memory of idle clients.
//!
//! The group is one server, so that replicas take nothing of the machine.

mod crowd;
mod pace;
mod throughput;

use std::net::SocketAddr;

use redis_cluster_monitor::local::Server;

use super::Bed;
use crate::contender::{Contender, Running, Watched};
use crate::measure::Usage;
use crate::raw::{Figure, Line, Versions};
use crate::stop;

const GROUP: &str = "mymaster";

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// As much as they can.
    Throughput(Demand),
    /// A request now and then, all together so many in a second.
    Pace { per_second: u32 },
    /// So many are connected and do nothing.
    Crowd { clients: usize },
}

/// Requests of clients that wait for nothing but their replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) connections: u32,
    /// How many requests each sends at once.
    pub(crate) pipeline: u32,
    /// The size of a value.
    pub(crate) bytes: u32,
}

/// What is measured on.
struct Ground {
    running: Box<dyn Running>,
    /// Where clients connect.
    address: SocketAddr,
    /// Ends after who watches it.
    _server: Server,
}

impl Load {
    /// All that is measured.
    pub(crate) fn all(is_quick: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for connections in [1, 50, 500] {
            for pipeline in [1, 16] {
                for bytes in [64, 16 * 1024] {
                    // Large values are about bytes, however many clients they are for.
                    let is_wanted = if is_quick {
                        connections == 50 && bytes == 64
                    } else {
                        connections == 50 || bytes == 64
                    };
                    if is_wanted {
                        all.push(Self::Throughput(Demand {
                            connections,
                            pipeline,
                            bytes,
                        }));
                    }
                }
            }
        }
        all.push(Self::Pace { per_second: 2000 });
        let clients = if is_quick { 1000 } else { 4000 };
        all.push(Self::Crowd { clients });
        all
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughput(_) => "proxy-throughput",
            Self::Pace { .. } => "proxy-latency",
            Self::Crowd { .. } => "proxy-idle",
        }
    }

    /// Who takes part: somebody before the server, or nobody.
    pub(crate) fn contenders(self) -> &'static [&'static str] {
        const ALL: &[&str] = &[
            "ours:via=proxy",
            "ours",
            "ours:via=haproxy",
            "ours:via=nutcracker",
        ];
        match self {
            Self::Throughput(_) | Self::Pace { .. } => ALL,
            Self::Crowd { .. } => &["ours:via=proxy", "ours:via=haproxy", "ours:via=nutcracker"],
        }
    }
}

impl Ground {
    fn prepare(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<Self> {
        stop::check()?;
        let server = Server::start(&bed.server)?;
        line.versions = Versions::here(&server.info("server")?);
        let watched = Watched {
            name: GROUP.to_owned(),
            nodes: vec![server.address()],
        };
        let running = contender.start(&bed.tools, &[watched])?;
        line.tell_of(running.as_ref());
        let address = running.proxy().unwrap_or(server.address());
        Ok(Self {
            running,
            address,
            _server: server,
        })
    }

    /// What the process before the server has used; nothing if there is none.
    fn usage(&self) -> anyhow::Result<Option<Usage>> {
        let front = self.running.front();
        front.map(|pid| Usage::of(&[pid])).transpose()
    }
}

pub(super) fn run(
    bed: &Bed,
    contender: &Contender,
    load: Load,
    line: &mut Line,
) -> anyhow::Result<()> {
    let ground = Ground::prepare(bed, contender, line)?;
    match load {
        Load::Throughput(demand) => throughput::measure(&ground, demand, line),
        Load::Pace { per_second } => pace::measure(&ground, per_second, bed.window, line),
        Load::Crowd { clients } => crowd::measure(&ground, clients, line),
    }
}

/// CPU time per request of the process before the server, if there is one.
fn put_cpu(line: &mut Line, before: Option<Usage>, after: Option<Usage>, requests: u32) {
    if let (Some(before), Some(after)) = (before, after) {
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6;
        line.figures
            .put(Figure::CpuPerRequestUs, cpu / f64::from(requests));
    }
}
