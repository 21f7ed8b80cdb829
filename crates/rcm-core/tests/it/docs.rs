//! The pages in `docs/` say what the code says.
//!
//! The meanings of rules and stages are their doc comments, so that there is one text of each.
//! `UPDATE_DOCS=1 cargo test -p rcm-core` writes the generated page anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};

use rcm_core::event::CODES;
use rcm_core::opinion::Class;
use rcm_core::rule::{Stage, TRANSITIONS};
use rcm_core::verdict::Verdict;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    let path = root().join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn source(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The codes that have a section of their own: headings such as "## `healthy`".
fn sections<'a>(page: &'a str, level: &str) -> BTreeSet<&'a str> {
    page.lines()
        .filter_map(|line| {
            line.strip_prefix(level)?
                .strip_prefix(" `")?
                .strip_suffix('`')
        })
        .collect()
}

#[test]
fn every_verdict_has_its_section_and_no_other_has_one() {
    let codes: BTreeSet<_> = Verdict::ALL.iter().map(|verdict| verdict.code()).collect();
    assert_eq!(sections(&page("failures.md"), "##"), codes);
}

#[test]
fn everything_that_monitors_tell_each_other_has_its_line_and_nothing_else_has_one() {
    let page = page("failures.md");
    let table = page
        .split("## What monitors tell each other")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("the section");
    let lines = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let told: Vec<_> = lines.filter_map(|line| line.split('`').next()).collect();
    let codes: Vec<_> = Class::ALL.iter().map(|class| class.code()).collect();
    assert_eq!(told, codes);
}

#[test]
fn every_event_has_its_section_and_no_other_has_one() {
    let source = source("event/codes.rs");
    let arms = source
        .split("pub const fn code(")
        .nth(1)
        .and_then(|rest| rest.split("pub const fn ").next())
        .expect("the function that knows all codes");
    let codes: BTreeSet<_> = arms
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.split_once('"'))
        .map(|(code, _)| code)
        .collect();
    assert!(codes.len() > 30, "the codes were not found: {codes:?}");
    assert_eq!(sections(&page("events.md"), "###"), codes);
    assert_eq!(codes, CODES.iter().copied().collect());
}

#[test]
fn the_page_of_the_state_machine_is_the_state_machine() {
    let page = state_machine();
    let path = root().join("docs/state-machine.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page, "write it anew with UPDATE_DOCS=1");
}

/// A line of a page that looks like one of a story is one: pages show nothing that was not seen.
#[test]
fn every_quoted_line_of_a_story_is_told_by_a_story() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut told = BTreeSet::new();
    for entry in fs::read_dir(scripts).unwrap() {
        let story = fs::read_to_string(entry.unwrap().path()).unwrap();
        told.extend(story.lines().map(str::to_owned));
    }
    let page = page("failures.md");
    let quoted = page.lines().filter(|line| line.starts_with("* "));
    let invented: Vec<_> = quoted.filter(|line| !told.contains(*line)).collect();
    assert!(invented.is_empty(), "{invented:#?}");
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let pages = docs.map(|entry| entry.unwrap().path());
    let above = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|it| root().join(it));
    let mut broken = Vec::new();
    for path in pages.chain(above).filter(|path| path.extension().is_some()) {
        let text = fs::read_to_string(&path).unwrap();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let found = there.exists()
                && (anchor.is_empty() || has_anchor(&fs::read_to_string(&there).unwrap(), anchor));
            if !found {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Whether a heading of the page has this anchor, as readers of Markdown make them.
fn has_anchor(page: &str, anchor: &str) -> bool {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .any(|heading| {
            let kept = heading.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            });
            kept.collect::<String>() == anchor
        })
}

/// The doc comments of the variants of an enum.
fn meanings(source: &str, name: &str) -> BTreeMap<String, String> {
    let body = source
        .split(&format!("pub enum {name} {{"))
        .nth(1)
        .and_then(|rest| rest.split("\n}").next())
        .expect("the enum");
    let mut meanings = BTreeMap::new();
    let mut text: Vec<&str> = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            text.push(comment);
        } else if let Some(variant) = line.strip_suffix(',') {
            meanings.insert(variant.to_owned(), text.join(" "));
            text.clear();
        }
    }
    meanings
}

fn state_machine() -> String {
    let source = source("rule.rs");
    let (rules, stages) = (meanings(&source, "Rule"), meanings(&source, "Stage"));
    let mut edges: BTreeMap<(Stage, Stage), Vec<String>> = BTreeMap::new();
    let mut taken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (rule, from, to) in TRANSITIONS {
        edges
            .entry((*from, *to))
            .or_default()
            .push(rule.to_string());
        let edge = format!("{from:?} → {to:?}");
        taken.entry(rule.to_string()).or_default().push(edge);
    }
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n```mermaid\nstateDiagram-v2\n    [*] --> Idle\n");
    for ((from, to), rules) in &edges {
        line(
            &mut page,
            format_args!("    {from:?} --> {to:?}: {}", rules.join(", ")),
        );
    }
    page.push_str("```\n\n## Stages\n\n| stage | means |\n| --- | --- |\n");
    let in_order: BTreeSet<Stage> = TRANSITIONS
        .iter()
        .flat_map(|edge| [edge.1, edge.2])
        .collect();
    for stage in in_order {
        let name = format!("{stage:?}");
        line(&mut page, format_args!("| {name} | {} |", stages[&name]));
    }
    page.push_str(
        "\n## Rules of failovers and switchovers\n\n| rule | means | from → to |\n| --- | --- | --- |\n",
    );
    for (rule, edges) in &taken {
        line(
            &mut page,
            format_args!("| {rule} | {} | {} |", rules[rule], edges.join(", ")),
        );
    }
    page.push_str(DUTIES);
    for (rule, means) in rules.iter().filter(|(rule, _)| !taken.contains_key(*rule)) {
        line(&mut page, format_args!("| {rule} | {means} |"));
    }
    page
}

fn line(page: &mut String, text: fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a string takes all");
}

const INTRODUCTION: &str = "\
<!-- Generated from crates/rcm-core/src/rule.rs. UPDATE_DOCS=1 cargo test -p rcm-core writes it. -->

# The state machine

A failover or a switchover takes one of these edges at a time, and an edge that is not listed stops the group (it \
is an assertion, also in release builds).
The rule number of an edge stands beside the event that it brings, as `rule` in the JSON log and in \
front of the event in the [stories](../crates/rcm-core/tests/scripts).
A number is never given a new meaning; the gaps are for insertions.
What each event says is in [events.md](events.md).
";

const DUTIES: &str = "
## Rules outside of them

These are no edges: they belong to standing duties and to changes of the record that promote nobody.

| rule | means |
| --- | --- |
";
