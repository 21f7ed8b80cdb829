//! The pages that quote what was measured: docs/benchmarks.md with its pictures, and README's table.
//!
//! Always holds: the same lines give the same pages, and no figure is written by hand.

mod claims;
mod pictures;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::marks;
use crate::raw::Line;
use crate::report::{self, in_order};
use claims::Claim;

/// The lines that the pages quote, below the source tree.
const PUBLISHED: &str = "bench/results/published.jsonl";

const PAGE: &str = "docs/benchmarks.md";
const PICTURES: &str = "docs/benchmarks";

const BEGINNING: &str = "\
# Benchmarks

Written by `bench` from [the lines of its runs](../bench/results/published.jsonl); nothing here is written by hand.
What is done, what is measured and how is said in [bench](../bench/README.md).
";

/// What may be compared with what. Lines do not tell how many runs they come from.
const SIDE_BY_SIDE: &str = "\
All contenders of a scenario took turns in one run on one machine; scenarios were run one after the other.
";

const END: &str = "
## How to repeat it

```
make bench-quick    # five minutes, few repetitions
make bench          # everything
cargo run --release --manifest-path bench/Cargo.toml -- crash --runs 50     # one scenario
cargo run --release --manifest-path bench/Cargo.toml -- page FILE           # this page, from lines
```

Sentinel is what the machine's packages bring; HAProxy comes from the package `haproxy`, Valkey 9 from `make servers`.
Cutting off a host needs root.
Every contender gets a fresh group for every repetition.

## What it does not show

- **A network.**
  Everything is on one machine, where a connect takes 0.1 ms and nothing is lost by chance.
  Between machines every step of a failover takes a round trip more, for every contender.
- **A majority, unless the row says so.**
  Three Sentinels agree before they act; our program is one process that decides alone, and only as `monitors=3` three that agree in an etcd of three members.
  Their disks are one disk here: every step that is stored waits for it.
- **Several machines' processors.**
  Servers, contender, clients and the clocks that look at them share a few processors, so that a figure of a few milliseconds includes waiting for a processor.
- **Your client library.**
  The writer finds the new primary as fast as can be; [what libraries make of it](clients.md) is measured apart.
- **Durability.**
  Replication is asynchronous, and a group under 1,000 writes a second on one machine has nothing on its way most of the time.
  That no write was lost here does not mean that [none can be](guarantees.md).
- **The worst case.**
  The maximum of so few repetitions is not the maximum.
";

/// Writes all of them below `root`, and keeps the lines beside them.
pub(crate) fn write(root: &Path, lines: &[Line]) -> anyhow::Result<()> {
    let pictures = pictures::draw(lines);
    let folder = root.join(PICTURES);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for picture in &pictures {
        put(&folder.join(picture.file), &picture.svg)?;
    }
    let lines_as_text = lines
        .iter()
        .map(|line| Ok(serde_json::to_string(line)? + "\n"));
    let lines_as_text: anyhow::Result<String> = lines_as_text.collect();
    put(&root.join(PUBLISHED), &lines_as_text?)?;
    put(&root.join(PAGE), &page(lines))?;
    marks::fill(&root.join("README.md"), &summary(lines))
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// docs/benchmarks.md.
fn page(lines: &[Line]) -> String {
    let mut text = format!(
        "{BEGINNING}{SIDE_BY_SIDE}{}\n{}",
        report::machine(lines),
        claims::table(lines)
    );
    for picture in pictures::draw(lines) {
        let (title, file) = (picture.title, picture.file);
        write!(text, "\n![{title}](benchmarks/{file})\n").expect("a string takes everything");
    }
    text += &behind(lines);
    text += "\n## Every figure\n\n";
    text += "Names are explained in [bench](../bench/README.md#what-is-measured); `to ours` is the median divided by ours.\n";
    text += &report::sections(lines);
    text + END
}

/// What stands in README: the claims, and where they hold.
fn summary(lines: &[Line]) -> String {
    format!(
        "\
What a client feels, measured side by side with a writer at 1,000 writes a second.
{SIDE_BY_SIDE}
{}{}
Ours is one process that decides alone, and three that agree in an etcd where a row says so; Sentinel is always three.
[docs/benchmarks.md](docs/benchmarks.md) has every figure with its spread, and `make bench` repeats them.
",
        claims::first_rows(lines),
        report::machine_in_short(lines)
    )
}

fn failed_here(line: &Line) -> bool {
    line.failure.is_some() && line.contender.starts_with("ours")
}

/// Which claims do not hold.
fn behind(lines: &[Line]) -> String {
    let behind: Vec<_> = Claim::ALL
        .iter()
        .filter(|claim| claim.is_behind(lines))
        .map(|claim| format!("- {}\n", claim.says))
        .collect();
    // A run that failed has no figure to be behind with.
    if behind.is_empty() && !lines.iter().any(failed_here) {
        return "\nOurs is ahead, or even, in every row of the table above.\n".to_owned();
    }
    let failed = in_order(
        lines
            .iter()
            .filter(|line| failed_here(line))
            .map(|line| line.scenario.as_str()),
    );
    let failed = failed.iter().map(|scenario| {
        format!("- `{scenario}`: not every run of ours was completed, see below\n")
    });
    format!(
        "\nOurs is behind here:\n\n{}{}",
        behind.concat(),
        failed.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::source_tree;
    use crate::raw::{self, Figure};

    fn line(contender: &str, promoted: f64) -> Line {
        let mut line = Line::begin("crash", contender, 1);
        line.figures.put(Figure::PromotedMs, promoted);
        line.figures.put(Figure::OutageMs, promoted + 1.0);
        line
    }

    #[test]
    fn pages_are_written_where_they_belong() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("bench/results")).unwrap();
        let readme = "a\n<!-- measured: begin -->\n<!-- measured: end -->\nb\n";
        fs::write(at("README.md"), readme).unwrap();
        let lines = [line("ours", 5.0), line("redis-sentinel", 1500.0)];
        write(root.path(), &lines).unwrap();

        let readme = fs::read_to_string(at("README.md")).unwrap();
        assert!(readme.contains("| 5 | 1500 | 300 x |"), "{readme}");
        let page = fs::read_to_string(at(PAGE)).unwrap();
        assert!(page.contains("![") && page.contains("### crash"), "{page}");
        assert!(at("docs/benchmarks/outage.svg").exists());
        assert_eq!(raw::read_all(&[at(PUBLISHED)]).unwrap(), lines);
    }

    #[test]
    fn what_is_behind_is_said() {
        let lines = [line("ours", 5.0), line("redis-sentinel", 4.0)];
        let behind = behind(&lines);
        assert!(
            behind.contains("until a replica is the primary"),
            "{behind}"
        );
    }

    /// Figures that are quoted are those of the lines that are kept: all of them or none.
    #[test]
    fn the_pages_say_what_the_lines_say() {
        let root = source_tree();
        if !root.join(PUBLISHED).exists() {
            assert!(!root.join(PAGE).exists(), "{PAGE} has no lines");
            return;
        }
        let lines = raw::read_all(&[root.join(PUBLISHED)]).unwrap();
        let said = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(said(PAGE), page(&lines), "`rcm-bench page` writes it anew");
        assert!(said("README.md").contains(&summary(&lines)));
    }
}
