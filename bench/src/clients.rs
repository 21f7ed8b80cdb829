//! The table of what client libraries make of it, in the page about them.

use std::path::Path;

use redis_cluster_monitor::local::Library;

use crate::marks;
use crate::raw::{Figure, Line};
use crate::report::{in_order, number};
use crate::sample::Sample;
use crate::scenario::Fault;

/// Puts the table between the marks of a page.
pub(crate) fn write(page: &Path, lines: &[Line]) -> anyhow::Result<()> {
    marks::fill(page, &table(lines))
}

fn table(lines: &[Line]) -> String {
    let contenders = in_order(lines.iter().map(contender));
    let mut header = vec!["library".to_owned(), "version".to_owned()];
    for fault in Fault::ALL {
        let titles = contenders
            .iter()
            .map(|name| format!("{}, {name}", title(fault)));
        header.extend(titles);
    }
    let rule = header.iter().enumerate().map(|(column, _)| match column {
        0 | 1 => "---",
        _ => "---:",
    });
    let mut rows = vec![header.join(" | "), rule.collect::<Vec<_>>().join(" | ")];
    for library in Library::ALL {
        let its = |line: &&Line| {
            line.parameters
                .get("library")
                .is_some_and(|its| its == library.name())
        };
        let its: Vec<_> = lines.iter().filter(its).collect();
        let Some(version) = its
            .iter()
            .find_map(|line| line.parameters.get("library-version"))
        else {
            continue;
        };
        let mut row = vec![library.name().to_owned(), version.clone()];
        for fault in Fault::ALL {
            row.extend(contenders.iter().map(|name| cell(&its, fault, name)));
        }
        rows.push(row.join(" | "));
    }
    let runs = lines.iter().map(|line| line.repetition).max().unwrap_or(0);
    let rows = rows.join(" |\n| ");
    format!(
        "| {rows} |\n\nMedians of {runs}; an empty cell was not measured.\n{}",
        place(lines)
    )
}

/// Where and with what; `bench/results` has the rest.
fn place(lines: &[Line]) -> String {
    let Some(last) = lines.last() else {
        return String::new();
    };
    let (machine, versions) = (&last.machine, &last.versions);
    let programs = in_order(lines.iter().map(|line| line.versions.contender.as_str()));
    format!(
        "{}, {} CPUs ({}), kernel {}; nodes are {}; {}; {}.\n",
        machine.system,
        machine.cpus,
        machine.cpu,
        versions.kernel,
        versions.server,
        programs.join(" beside "),
        last.time.split('T').next().unwrap_or_default(),
    )
}

fn title(fault: Fault) -> &'static str {
    match fault {
        Fault::Crash => "`kill -9`",
        Fault::Switchover => "`SENTINEL FAILOVER`",
        Fault::Hang => "hang",
    }
}

/// Without its options.
fn contender(line: &Line) -> &str {
    line.contender.split(':').next().unwrap_or_default()
}

/// The outage, and what else went wrong.
fn cell(lines: &[&Line], fault: Fault, name: &str) -> String {
    let its = |line: &&&Line| line.scenario == fault.name() && contender(line) == name;
    let its: Vec<_> = lines.iter().filter(its).copied().collect();
    let median = |figure| Sample::of(&its, figure).map(|sample| sample.median());
    let count = |figure, word: &str| {
        let count = median(figure).filter(|count| *count > 0.0)?;
        Some(format!("{} {word}", number(count)))
    };
    let failed = its.iter().filter(|line| line.failure.is_some()).count();
    let words = [
        median(Figure::ClientOutageMs).map(|outage| format!("{outage:.0} ms")),
        count(Figure::ClientErrors, "failed"),
        count(Figure::LostWrites, "lost"),
        (failed > 0).then(|| format!("{failed} of {} runs in vain", its.len())),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(contender: &str, outage: f64, lost: f64) -> Line {
        let mut line = Line::begin(Fault::Crash.name(), contender, 1);
        let parameters = [("library", "redis-py"), ("library-version", "8.1.0")];
        for (name, value) in parameters {
            line.parameters.insert(name.to_owned(), value.to_owned());
        }
        line.figures.put(Figure::ClientOutageMs, outage);
        line.figures.put(Figure::LostWrites, lost);
        line
    }

    #[test]
    fn a_cell_tells_of_all_that_went_wrong() {
        let lines = [
            line("ours:sentinel=x", 12.3, 0.0),
            line("redis-sentinel", 2300.0, 7.0),
        ];
        let table = table(&lines);
        assert!(
            table.starts_with("| library | version | `kill -9`, ours |"),
            "{table}"
        );
        assert!(
            table.contains("\n| redis-py | 8.1.0 | 12 ms | 2300 ms, 7 lost |"),
            "{table}"
        );
    }
}
