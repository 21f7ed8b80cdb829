//! Tables for the terminal, which are Markdown as well.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::raw::{Figure, Line, Machine};
use crate::sample::Sample;

const HEADER: [&str; 8] = [
    "contender",
    "figure",
    "n",
    "median",
    "p99",
    "max",
    "p25 - p75",
    "to ours",
];

/// What may be compared with each other: all but the contender is the same.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Section {
    scenario: String,
    server: String,
    parameters: String,
}

/// One table per scenario, and where it was measured.
pub(crate) fn render(lines: &[Line]) -> String {
    sections(lines) + &machine(lines)
}

/// One table per scenario.
pub(crate) fn sections(lines: &[Line]) -> String {
    let mut sections: BTreeMap<Section, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        sections.entry(Section::of(line)).or_default().push(line);
    }
    let mut text = String::new();
    for (section, lines) in &sections {
        let Section {
            scenario,
            server,
            parameters,
        } = section;
        let notes = [server.as_str(), parameters.as_str()];
        let notes: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        text += &["\n### ", scenario, ": ", &notes.join(", "), "\n\n"].concat();
        text += &table(&rows(lines));
        text += &failures(lines);
    }
    text
}

/// The most telling figures of one line.
pub(crate) fn summary(line: &Line) -> String {
    if let Some(failure) = &line.failure {
        return format!("failed: {}", failure.lines().next().unwrap_or_default());
    }
    let shown = line.figures.iter().filter(|(figure, _)| {
        use Figure::{
            ClientErrors, ClientOutageMs, CpuMs, CpuPerRequestUs, FalseFailovers, FollowingMs,
            LatencyP50Ms, LatencyP99Ms, LostLoyalWrites, LostWrites, MemoryMb, MemoryPerClientKb,
            OutageMs, PromotedAfterRefusedMs, PromotedAllMs, PromotedMs, RequestsPerS,
            StalePrimaryMs, StaleWrites,
        };
        [
            PromotedMs,
            PromotedAfterRefusedMs,
            OutageMs,
            ClientOutageMs,
            ClientErrors,
            FollowingMs,
            LostWrites,
            LostLoyalWrites,
            StaleWrites,
            FalseFailovers,
            PromotedAllMs,
            StalePrimaryMs,
            CpuMs,
            MemoryMb,
            RequestsPerS,
            LatencyP50Ms,
            LatencyP99Ms,
            CpuPerRequestUs,
            MemoryPerClientKb,
        ]
        .contains(figure)
    });
    let words = shown.map(|(figure, value)| format!("{} {}", figure.name(), number(value)));
    let library = line.parameters.get("library").cloned();
    library
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("  ")
}

impl Section {
    fn of(line: &Line) -> Self {
        let shared = line.parameters.iter();
        let shared = shared.filter(|(name, _)| !name.starts_with("contender."));
        let words: Vec<_> = shared
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        Self {
            scenario: line.scenario.clone(),
            server: line.versions.server.clone(),
            parameters: words.join(", "),
        }
    }
}

fn rows(lines: &[&Line]) -> Vec<[String; 8]> {
    let contenders = in_order(lines.iter().map(|line| line.contender.as_str()));
    let mut figures: Vec<_> = lines.iter().flat_map(|line| line.figures.iter()).collect();
    figures.sort_by_key(|(figure, _)| *figure);
    figures.dedup_by_key(|(figure, _)| *figure);
    let ours = contenders.iter().find(|name| is_ours(name));

    let of = |figure, contender: &str| {
        let its = lines.iter().filter(|line| line.contender == contender);
        Sample::of(&its.copied().collect::<Vec<_>>(), figure)
    };

    let mut rows = Vec::new();
    for (figure, _) in figures {
        let our_median = ours
            .and_then(|name| of(figure, name))
            .map(|sample| sample.median());
        for &contender in &contenders {
            let Some(sample) = of(figure, contender) else {
                continue;
            };
            let ratio = our_median
                .filter(|ours| figure.is_compared() && *ours > 0.0 && !is_ours(contender))
                .map(|ours| format!("{} x", number(sample.median() / ours)));
            rows.push([
                contender.to_owned(),
                figure.name().to_owned(),
                sample.count().to_string(),
                number(sample.median()),
                number(sample.percentile(99)),
                number(sample.max()),
                format!(
                    "{} - {}",
                    number(sample.percentile(25)),
                    number(sample.percentile(75))
                ),
                ratio.unwrap_or_default(),
            ]);
        }
    }
    rows
}

fn is_ours(contender: &str) -> bool {
    contender.split(':').next() == Some("ours")
}

fn table(rows: &[[String; 8]]) -> String {
    let all = || std::iter::once(HEADER.map(str::to_owned)).chain(rows.iter().cloned());
    let mut widths = [0; 8];
    for row in all() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: [String; 8]| {
        let cells = row.into_iter().zip(widths).enumerate();
        // Words to the left, numbers to the right.
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 1 => format!("| {cell:<width$} "),
            _ => format!("| {cell:>width$} "),
        });
        cells.collect::<String>() + "|\n"
    };
    let rules = widths.into_iter().enumerate().map(|(column, width)| {
        let end = if column < 2 { "-" } else { ":" };
        format!("|{}{end}", "-".repeat(width + 1))
    });
    let rule = rules.collect::<String>() + "|\n";
    line(HEADER.map(str::to_owned)) + &rule + &rows.iter().cloned().map(line).collect::<String>()
}

fn failures(lines: &[&Line]) -> String {
    let mut text = String::new();
    for contender in in_order(lines.iter().map(|line| line.contender.as_str())) {
        let its: Vec<_> = lines
            .iter()
            .filter(|line| line.contender == contender)
            .collect();
        let failed: Vec<_> = its
            .iter()
            .filter_map(|line| line.failure.as_deref())
            .collect();
        if let Some(last) = failed.last().and_then(|failure| failure.lines().next()) {
            let (failed, all) = (failed.len(), its.len());
            writeln!(
                text,
                "\n{contender}: {failed} of {all} not completed, last: {last}"
            )
            .expect("a string takes everything");
        }
    }
    text
}

/// Where, with what and when.
pub(crate) fn machine(lines: &[Line]) -> String {
    let Some(last) = lines.last() else {
        return "nothing was measured\n".to_owned();
    };
    let machine = &last.machine;
    let sources = lines.iter().map(|line| line.versions.source.as_str());
    format!(
        "\n{}, {} CPUs ({}), {} MB, kernel {}; source {}; {}; {}\n",
        machine.system,
        machine.cpus,
        machine.cpu,
        machine.memory_mb,
        last.versions.kernel,
        in_order(sources).join(", "),
        programs(lines),
        last.time,
    )
}

/// The same for who only wants to know about how old and how large all of it is.
pub(crate) fn machine_in_short(lines: &[Line]) -> String {
    let Some(last) = lines.last() else {
        return machine(lines);
    };
    let Machine { cpus, cpu, .. } = &last.machine;
    let day = last.time.split('T').next().unwrap_or_default();
    format!("\n{day}, {cpus} CPUs ({cpu}): {}\n", programs(lines))
}

/// Every program that took part, each once.
fn programs(lines: &[Line]) -> String {
    let programs = lines.iter().flat_map(|line| {
        let contender = line.versions.contender.split(" with ");
        contender.chain([line.versions.server.as_str()])
    });
    let programs = in_order(programs.filter(|its| !its.is_empty()));
    programs.join(", ")
}

/// Without repetitions, as they came first.
pub(crate) fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// Three digits or more.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(contender: &str, repetition: u32, promoted: f64) -> Line {
        let mut line = Line::begin("crash", contender, repetition);
        line.figures.put(Figure::PromotedMs, promoted);
        line
    }

    #[test]
    fn rivals_are_compared_with_ours() {
        let lines = [
            line("ours", 1, 3.0),
            line("redis-sentinel", 1, 1200.0),
            line("ours", 2, 5.0),
            line("redis-sentinel", 2, 1600.0),
        ];
        let text = render(&lines);
        let row = |cells: [&str; 8]| cells.join("|");
        let squeezed: String = text.chars().filter(|c| *c != ' ').collect();
        for row in [
            row(["ours", "promoted_ms", "2", "4", "5", "5", "3-5", ""]),
            row([
                "redis-sentinel",
                "promoted_ms",
                "2",
                "1400",
                "1600",
                "1600",
                "1200-1600",
                "350x",
            ]),
        ] {
            assert!(squeezed.contains(&format!("|{row}|")), "{row} in\n{text}");
        }
    }

    #[test]
    fn failures_are_not_hidden() {
        let mut failed = line("redis-sentinel", 1, 1.0);
        failed.failure = Some("it did not come\nmore".into());
        let text = render(&[failed]);
        assert!(
            text.contains("redis-sentinel: 1 of 1 not completed, last: it did not come\n"),
            "{text}"
        );
    }
}
