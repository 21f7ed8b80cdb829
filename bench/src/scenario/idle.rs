//! Many groups, and nothing happens.
//!
//! What the contender costs on its own machines, what it costs on those of the servers, how much
//! memory it takes, how often it wakes and how many packets it sends. Nobody writes, so the servers'
//! own work is small and the same for everybody; it is measured once without a contender and taken
//! off.

use anyhow::Context;

use super::Bed;
use super::fleet::{Fleet, REPLICAS, SETTLE};
use crate::contender::Contender;
use crate::measure::{Traffic, Usage, Wakeups};
use crate::raw::{Figure, Line, Versions};
use crate::stop;

pub(super) fn idle(
    bed: &Bed,
    contender: &Contender,
    groups: usize,
    line: &mut Line,
) -> anyhow::Result<()> {
    let fleet = bed.fleet(groups)?;
    describe(&fleet, line)?;
    line.set("window", humantime::format_duration(bed.window));

    let running = contender.start(&bed.tools, &fleet.watched())?;
    line.tell_of(running.as_ref());
    stop::sleep(SETTLE)?;

    let (pids, servers) = (running.pids(), fleet.pids());
    let store = running.store_pids();
    let before = (Usage::of(&pids)?, Usage::of(&servers)?, Usage::of(&store)?);
    let (traffic, wakeups) = (Traffic::now()?, Wakeups::of(&pids)?);
    stop::sleep(bed.window)?;
    let after = (Usage::of(&pids)?, Usage::of(&servers)?, Usage::of(&store)?);
    let packets = Traffic::now()?.per_second_since(traffic);
    let wakeups = Wakeups::of(&pids)?.per_second_since(wakeups);

    let count = f64::from(u32::try_from(pids.len())?);
    let cpu = after.0.cpu_ms_since(before.0);
    let watched = after.1.cpu_ms_since(before.1);
    let unwatched = fleet.unwatched.as_secs_f64() * 1000.0;
    let memory = after.0.megabytes();
    for (figure, value) in [
        (Figure::Processes, count),
        (Figure::CpuMs, cpu),
        (Figure::CpuPerProcessMs, cpu / count),
        (Figure::MemoryMb, memory),
        (Figure::MemoryPerProcessMb, memory / count),
        (Figure::ServersCpuMs, watched - unwatched),
        (Figure::WakeupsPerS, wakeups),
        (Figure::PacketsPerS, packets - fleet.unwatched_packets_per_s),
    ] {
        line.figures.put(figure, value);
    }
    if !store.is_empty() {
        let cpu = after.2.cpu_ms_since(before.2);
        line.figures.put(Figure::StoreCpuMs, cpu);
        line.figures.put(Figure::StoreMemoryMb, after.2.megabytes());
    }
    Ok(())
}

/// What was measured on, for the line.
pub(super) fn describe(fleet: &Fleet, line: &mut Line) -> anyhow::Result<()> {
    let first = fleet.first().context("a fleet has a node")?;
    line.versions = Versions::here(&first.info("server")?);
    line.set("groups", fleet.len());
    line.set("replicas", REPLICAS);
    Ok(())
}
