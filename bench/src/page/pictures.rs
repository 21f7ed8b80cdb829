//! Which pictures there are.

use crate::plot;
use crate::raw::{Figure, Line};
use crate::report::in_order;
use crate::sample::Sample;

pub(super) struct Picture {
    pub(super) title: &'static str,
    pub(super) file: &'static str,
    pub(super) svg: String,
}

/// What is drawn of every contender's outages: title, file, scenario.
const DISTRIBUTIONS: [(&str, &str, &str); 4] = [
    (
        "The longest wait of a write, `kill -9`",
        "outage.svg",
        "crash",
    ),
    (
        "The longest wait of a write, a host that is cut off",
        "outage-cut.svg",
        "cut",
    ),
    (
        "The longest wait of a write, a hang",
        "outage-hang.svg",
        "hang",
    ),
    (
        "The longest wait of a write, planned switchover",
        "outage-switchover.svg",
        "switchover",
    ),
];

/// All that can be drawn of these lines.
pub(super) fn draw(lines: &[Line]) -> Vec<Picture> {
    let distributions = DISTRIBUTIONS.iter().filter_map(|&(title, file, scenario)| {
        let samples = outages(lines, scenario);
        let svg = plot::distribution(&plain(title), &samples);
        (!samples.is_empty()).then_some(Picture { title, file, svg })
    });
    distributions.chain(timeline(lines)).collect()
}

fn timeline(lines: &[Line]) -> Option<Picture> {
    let title = "One crash, from the kill to the last replica";
    let middle = middle_crashes(lines);
    (!middle.is_empty()).then(|| Picture {
        title,
        file: "timeline.svg",
        svg: plot::timeline(title, &middle),
    })
}

/// A picture knows no Markdown.
fn plain(title: &str) -> String {
    title.replace('`', "")
}

fn outages<'a>(lines: &'a [Line], scenario: &str) -> Vec<(&'a str, Sample)> {
    let its: Vec<_> = lines
        .iter()
        .filter(|line| line.scenario == scenario)
        .collect();
    let contenders = in_order(its.iter().map(|line| line.contender.as_str()));
    let sample = |contender: &'a str| {
        let its = its.iter().filter(|line| line.contender == contender);
        let sample = Sample::of(&its.copied().collect::<Vec<_>>(), Figure::OutageMs)?;
        Some((contender, sample))
    };
    contenders.into_iter().filter_map(sample).collect()
}

/// Of each contender the crash that took neither long nor short.
fn middle_crashes(lines: &[Line]) -> Vec<&Line> {
    let crash =
        |line: &&Line| line.scenario == "crash" && line.figures.get(Figure::FollowingMs).is_some();
    let crashes: Vec<_> = lines.iter().filter(crash).collect();
    let contenders = in_order(crashes.iter().map(|line| line.contender.as_str()));
    let middle = |contender: &str| {
        let its = crashes.iter().filter(|line| line.contender == contender);
        let mut its: Vec<_> = its.copied().collect();
        let promoted = |line: &Line| line.figures.get(Figure::PromotedMs).unwrap_or_default();
        its.sort_by(|a, b| promoted(a).total_cmp(&promoted(b)));
        its.get(its.len().saturating_sub(1) / 2).copied()
    };
    contenders.into_iter().filter_map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_stands_for_all() {
        let lines = [3.0, 1.0, 2.0].map(|promoted| {
            let mut line = Line::begin("crash", "ours", 1);
            line.figures.put(Figure::PromotedMs, promoted);
            line.figures.put(Figure::FollowingMs, 9.0);
            line
        });
        assert_eq!(middle_crashes(&lines), [&lines[2]]);
    }

    #[test]
    fn nothing_measured_is_nothing_drawn() {
        assert!(draw(&[]).is_empty());
    }
}
