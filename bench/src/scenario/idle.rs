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

const MEGABYTE: f64 = 1e6;

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
    let before = (Usage::of(&pids)?, Usage::of(&servers)?);
    let (traffic, wakeups) = (Traffic::now()?, Wakeups::of(&pids)?);
    stop::sleep(bed.window)?;
    let after = (Usage::of(&pids)?, Usage::of(&servers)?);
    let packets = Traffic::now()?.per_second_since(traffic);
    let wakeups = Wakeups::of(&pids)?.per_second_since(wakeups);

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
        (Figure::WakeupsPerS, wakeups),
        (Figure::PacketsPerS, packets - fleet.unwatched_packets_per_s),
    ] {
        line.figures.put(figure, value);
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
