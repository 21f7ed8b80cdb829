//! Many groups, and several primaries are killed in the same moment, as with a machine.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};

use super::Bed;
use super::fleet::{SETTLE, name};
use super::idle::describe;
use crate::contender::{Contender, DOWN, Running};
use crate::measure::Sweep;
use crate::raw::{Figure, Line};
use crate::sample::Sample;
use crate::stop;

/// A Sentinel that missed its first chance waits for twice its failover timeout.
const DEADLINE: Duration = Duration::from_secs(90);

/// Until nobody is busy with the failovers any more.
const QUIET: Duration = Duration::from_secs(3);

/// How many primaries are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victims {
    Some(usize),
    All,
}

pub(super) fn scale(
    bed: &Bed,
    contender: &Contender,
    (groups, victims): (usize, Victims),
    line: &mut Line,
) -> anyhow::Result<()> {
    let mut fleet = bed.fleet(groups)?;
    describe(&fleet, line)?;
    line.set("killed", victims);
    let count = victims.of(groups);
    ensure!(count <= groups, "more primaries to kill than groups");

    let watched = fleet.watched();
    let running = contender.start(&bed.tools, &watched)?;
    line.tell_of(running.as_ref());
    let replicas = watched[..count]
        .iter()
        .map(|group| group.nodes[1..].to_vec());
    let sweep = Sweep::start(&replicas.collect::<Vec<_>>());
    stop::sleep(SETTLE)?;

    let fault = fleet.kill_primaries(count)?;
    let promoted = sweep.wait(DEADLINE).with_context(|| running.log_tail());
    let detected = detected(running.as_ref(), count, fault);
    // Whoever replaces the last primaries shall finish before the fleet is put in order again.
    stop::sleep(QUIET)?;
    drop(running);
    fleet.repair()?;

    let promoted = promoted?.into_iter().map(|at| milliseconds(at - fault));
    put(
        line,
        promoted.collect(),
        Figure::PromotedMs,
        Figure::PromotedAllMs,
    );
    if detected.len() == count {
        put(line, detected, Figure::DetectedMs, Figure::DetectedAllMs);
    }
    Ok(())
}

/// When the contender said that each of the primaries is lost.
fn detected(running: &dyn Running, count: usize, fault: Instant) -> Vec<f64> {
    let Some(fault) = SystemTime::now().checked_sub(fault.elapsed()) else {
        return Vec::new();
    };
    let down = |group| {
        let phases = running.phases(&name(group), fault);
        phases.into_iter().find(|phase| phase.name == DOWN)
    };
    (0..count)
        .filter_map(|group| Some(down(group)?.after_ms))
        .collect()
}

fn put(line: &mut Line, values: Vec<f64>, median: Figure, last: Figure) {
    if let Some(sample) = Sample::new(values) {
        line.figures.put(median, sample.median());
        line.figures.put(last, sample.max());
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Victims {
    fn of(self, groups: usize) -> usize {
        match self {
            Self::Some(count) => count,
            Self::All => groups,
        }
    }
}

impl fmt::Display for Victims {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Some(count) => write!(out, "{count}"),
            Self::All => out.write_str("all"),
        }
    }
}

impl FromStr for Victims {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Ok(match text {
            "all" => Self::All,
            number => Self::Some(number.parse().context("neither a number nor `all`")?),
        })
    }
}
