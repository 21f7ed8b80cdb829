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

/// What is drawn of a proxy's loads of small values: title, file, pipeline.
const THROUGHPUTS: [(&str, &str, &str); 2] = [
    (
        "Requests through a proxy: 1, 50 and 500 clients, one request at a time",
        "proxy.svg",
        "1",
    ),
    (
        "Requests through a proxy: 1, 50 and 500 clients, 16 requests at once",
        "proxy-pipeline.svg",
        "16",
    ),
];

/// All that can be drawn of these lines.
pub(super) fn draw(lines: &[Line]) -> Vec<Picture> {
    let distributions = DISTRIBUTIONS.iter().filter_map(|&(title, file, scenario)| {
        let samples = outages(lines, scenario);
        let svg = plot::distribution(&plain(title), &samples);
        (!samples.is_empty()).then_some(Picture { title, file, svg })
    });
    let throughputs = THROUGHPUTS.iter().filter_map(|&(title, file, pipeline)| {
        let loads = loads(lines, pipeline);
        let svg = plot::throughput(title, &loads);
        (!loads.is_empty()).then_some(Picture { title, file, svg })
    });
    let all = distributions.chain(timeline(lines)).chain(throughputs);
    all.collect()
}

/// What each contender made of more and more clients: latency, and requests per second.
fn loads<'a>(lines: &'a [Line], pipeline: &str) -> Vec<(&'a str, Vec<(f64, f64)>)> {
    let is = |line: &Line, name: &str, value: &str| {
        line.parameters.get(name).is_some_and(|its| its == value)
    };
    let of_load = |line: &&Line| {
        line.scenario == "proxy-throughput"
            && is(line, "pipeline", pipeline)
            && is(line, "bytes", "64")
    };
    let its: Vec<_> = lines.iter().filter(of_load).collect();
    let contenders = in_order(its.iter().map(|line| line.contender.as_str()));
    let clients = in_order(its.iter().filter_map(|line| {
        let clients = line.parameters.get("connections")?;
        Some(clients.as_str())
    }));
    let point = |contender: &str, clients: &str| {
        let its = its
            .iter()
            .filter(|line| line.contender == contender && is(line, "connections", clients));
        let its: Vec<_> = its.copied().collect();
        let median = |figure| Some(Sample::of(&its, figure)?.median());
        Some((median(Figure::LatencyP50Ms)?, median(Figure::RequestsPerS)?))
    };
    let points = |contender: &'a str| {
        let points = clients
            .iter()
            .filter_map(|clients| point(contender, clients));
        let is_direct = contender == "ours";
        let name = if is_direct { "no proxy" } else { contender };
        (name, points.collect())
    };
    contenders.into_iter().map(points).collect()
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
