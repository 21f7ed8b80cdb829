//! The rows that people read first: ours beside what they use today.

use std::fmt::Write as _;

use crate::raw::{Figure, Line};
use crate::report::number;
use crate::sample::Sample;

/// One row. What was not measured by both is left out.
pub(super) struct Claim {
    pub(super) says: &'static str,
    scenario: &'static str,
    ours: &'static str,
    theirs: &'static str,
    figure: Figure,
    shows: Shows,
    /// Whether it stands in README too, which has room for a few.
    is_first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// A time or an amount; less is better.
    Median,
    /// Something that should not happen; summed over all repetitions.
    Total,
}

/// As a row of medians in which both sides are reached directly, with a second of doubt.
const fn direct(says: &'static str, scenario: &'static str, figure: Figure) -> Claim {
    Claim {
        says,
        scenario,
        ours: "ours",
        theirs: "redis-sentinel",
        figure,
        shows: Shows::Median,
        is_first: false,
    }
}

/// As a row that stands in README too.
const fn first(claim: Claim) -> Claim {
    let mut claim = claim;
    claim.is_first = true;
    claim
}

const fn total(says: &'static str, scenario: &'static str, figure: Figure) -> Claim {
    let mut claim = direct(says, scenario, figure);
    claim.shows = Shows::Total;
    claim
}

impl Claim {
    pub(super) const ALL: [Self; 29] = [
        first(direct(
            "`kill -9` until a replica is the primary, ms",
            "crash",
            Figure::PromotedMs,
        )),
        first(direct(
            "`kill -9`, the longest wait of a write, ms",
            "crash",
            Figure::OutageMs,
        )),
        first(Self {
            says: "the same with three monitors that agree in etcd, ms",
            ours: "ours:monitors=3",
            ..direct("", "crash", Figure::OutageMs)
        }),
        first(Self {
            says: "the same for a client that asks Sentinels, ms",
            ours: "ours:via=sentinel",
            theirs: "redis-sentinel:via=sentinel",
            ..direct("", "crash", Figure::OutageMs)
        }),
        first(Self {
            says: "the same through a proxy: ours, and Sentinel with HAProxy, ms",
            ours: "ours:via=proxy",
            theirs: "redis-sentinel:via=haproxy",
            ..direct("", "crash", Figure::OutageMs)
        }),
        direct(
            "`kill -9` until the first correct answer of the Sentinel API, ms",
            "crash",
            Figure::AnsweredMs,
        ),
        direct(
            "`kill -9` until all survivors follow the new primary, ms",
            "crash",
            Figure::FollowingMs,
        ),
        total(
            "`kill -9`, acknowledged writes lost in all runs",
            "crash",
            Figure::LostWrites,
        ),
        direct(
            "`kill -9` with a gigabyte of data until a replica is the primary, ms",
            "crash-1g",
            Figure::PromotedMs,
        ),
        direct(
            "`kill -9` while a child saves until a replica is the primary, ms",
            "fork",
            Figure::PromotedMs,
        ),
        direct(
            "`SIGTERM`, the longest wait of a write, ms",
            "term",
            Figure::OutageMs,
        ),
        first(Self {
            ours: "ours:hang-after=1s",
            ..direct(
                "a hang (`SIGSTOP`) that may last 1 s until a replica is the primary, ms",
                "hang",
                Figure::PromotedMs,
            )
        }),
        first(direct(
            "a host that is cut off until a replica is the primary, ms",
            "cut",
            Figure::PromotedMs,
        )),
        total(
            "a host that is cut off, writes that it took when there was another primary, in all runs",
            "cut",
            Figure::StaleWrites,
        ),
        first(direct(
            "an old primary that returns goes on taking writes for, ms",
            "return",
            Figure::StalePrimaryMs,
        )),
        total(
            "a primary that is back at once without its data, acknowledged writes lost in all runs",
            "empty",
            Figure::LostWrites,
        ),
        direct(
            "a second crash right after the first until a third node is the primary, ms",
            "second",
            Figure::SecondPromotedMs,
        ),
        direct(
            "a crash during which the monitor is killed, the longest wait of a write, ms",
            "monitor",
            Figure::OutageMs,
        ),
        Self {
            says: "the same with three monitors, ms",
            ours: "ours:monitors=3",
            ..direct("", "monitor", Figure::OutageMs)
        },
        first(Self {
            says: "a crash together with the one of three monitors that would act, the longest wait, ms",
            ours: "ours:monitors=3",
            ..direct("", "holder", Figure::OutageMs)
        }),
        Self {
            says: "the same, acknowledged writes lost in all runs",
            ours: "ours:monitors=3",
            ..total("", "holder", Figure::LostWrites)
        },
        first(direct(
            "a planned switchover, the longest wait of a write, ms",
            "switchover",
            Figure::OutageMs,
        )),
        first(total(
            "a planned switchover, acknowledged writes lost in all runs",
            "switchover",
            Figure::LostWrites,
        )),
        total(
            "failovers that nobody needed while scripts of 3 s run",
            "false-script",
            Figure::FalseFailovers,
        ),
        total(
            "failovers that nobody needed under many slow commands",
            "false-load",
            Figure::FalseFailovers,
        ),
        first(direct(
            "watching idle groups, CPU time of all processes in the window, ms",
            "idle",
            Figure::CpuMs,
        )),
        first(direct(
            "watching idle groups, memory of all processes, MB",
            "idle",
            Figure::MemoryMb,
        )),
        Self {
            says: "the same with three monitors, CPU time without that of etcd, ms",
            ours: "ours:monitors=3",
            ..direct("", "idle", Figure::CpuMs)
        },
        Self {
            says: "the same with three monitors, memory without that of etcd, MB",
            ours: "ours:monitors=3",
            ..direct("", "idle", Figure::MemoryMb)
        },
    ];

    /// Ours and theirs.
    fn values(&self, lines: &[Line]) -> Option<(f64, f64)> {
        let value = |contender: &str| {
            let its = |line: &&Line| line.scenario == self.scenario && line.contender == contender;
            let its: Vec<_> = largest(lines.iter().filter(its).collect());
            let sample = Sample::of(&its, self.figure)?;
            Some(match self.shows {
                Shows::Median => sample.median(),
                Shows::Total => sample.values().iter().sum(),
            })
        };
        Some((value(self.ours)?, value(self.theirs)?))
    }

    pub(super) fn is_behind(&self, lines: &[Line]) -> bool {
        self.values(lines)
            .is_some_and(|(ours, theirs)| ours > theirs)
    }

    fn row(&self, lines: &[Line]) -> Option<String> {
        let (ours, theirs) = self.values(lines)?;
        let ratio = match self.shows {
            Shows::Median if ours > 0.0 => format!("{} x", number(theirs / ours)),
            Shows::Median | Shows::Total => String::new(),
        };
        let (ours, theirs) = (number(ours), number(theirs));
        Some(format!("| {} | {ours} | {theirs} | {ratio} |", self.says))
    }
}

/// All rows that were measured.
pub(super) fn table(lines: &[Line]) -> String {
    rows(lines, |_| true)
}

/// Those of them that README has room for.
pub(super) fn first_rows(lines: &[Line]) -> String {
    rows(lines, |claim| claim.is_first)
}

fn rows(lines: &[Line], is_wanted: impl Fn(&Claim) -> bool) -> String {
    let mut text = "\
| medians, where nothing else is said | redis-cluster-monitor | three Sentinels, `down-after` 1 s | ratio |
|---|--:|--:|--:|
"
    .to_owned();
    let wanted = Claim::ALL.iter().filter(|claim| is_wanted(claim));
    for row in wanted.filter_map(|claim| claim.row(lines)) {
        writeln!(text, "{row}").expect("a string takes everything");
    }
    text
}

/// Where there are several sizes of a fleet, those of the largest.
fn largest(lines: Vec<&Line>) -> Vec<&Line> {
    let size = |line: &&Line| {
        let groups = line.parameters.get("groups")?;
        groups.parse::<u32>().ok()
    };
    let most = lines.iter().filter_map(size).max();
    let of = |line: &&Line| size(line) == most;
    lines.into_iter().filter(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scenario: &str, contender: &str, figure: Figure, value: f64) -> Line {
        let mut line = Line::begin(scenario, contender, 1);
        line.figures.put(figure, value);
        line
    }

    #[test]
    fn losses_are_summed_and_times_are_not() {
        let lines = [
            line("crash", "ours", Figure::LostWrites, 0.0),
            line("crash", "redis-sentinel", Figure::LostWrites, 2.0),
            line("crash", "redis-sentinel", Figure::LostWrites, 3.0),
            line("hang", "ours:hang-after=1s", Figure::PromotedMs, 1000.0),
            line("hang", "redis-sentinel", Figure::PromotedMs, 1500.0),
        ];
        let table = table(&lines);
        assert!(table.contains(" lost in all runs | 0 | 5 |  |"), "{table}");
        assert!(table.contains(" ms | 1000 | 1500 | 1.50 x |"), "{table}");
        assert_eq!(table.lines().count(), 4, "{table}");
    }

    #[test]
    fn of_several_fleets_the_largest_counts() {
        let with = |groups: u32, contender: &str, value| {
            let mut line = line("idle", contender, Figure::MemoryMb, value);
            line.set("groups", groups);
            line
        };
        let lines = [
            with(50, "ours", 12.0),
            with(200, "ours", 20.0),
            with(200, "redis-sentinel", 90.0),
        ];
        assert!(table(&lines).contains("| 20 | 90 | 4.50 x |"));
    }
}
