//! One line of JSON per repetition: all that is needed to judge it later, and to doubt it.
//!
//! Lines are only ever extended: a reader skips fields that it does not know, and a field that came
//! later has a default.

mod facts;
mod figure;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::contender::Running;

pub(crate) use facts::{Machine, Versions, server_version};
pub(crate) use figure::{Figure, Figures};

/// Changes when an old field gets another meaning, which it should not.
const SCHEMA: u32 = 1;

/// One repetition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) schema: u32,
    /// When it began, in UTC.
    pub(crate) time: String,
    pub(crate) scenario: String,
    /// As on the command line.
    pub(crate) contender: String,
    /// Everything that was set, by hand or by default.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) repetition: u32,
    /// Why it was not completed, if it was not.
    #[serde(default)]
    pub(crate) failure: Option<String>,
    pub(crate) figures: Figures,
    /// What the contender said of its failover, in milliseconds after the fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) phases: Vec<(String, f64)>,
    pub(crate) versions: Versions,
    pub(crate) machine: Machine,
    /// The load of the machine over the last minute, when it began: large means noise.
    #[serde(default)]
    pub(crate) load: Option<f64>,
}

impl Line {
    /// A line about nothing yet.
    pub(crate) fn begin(scenario: &str, contender: &str, repetition: u32) -> Self {
        Self {
            schema: SCHEMA,
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            scenario: scenario.to_owned(),
            contender: contender.to_owned(),
            parameters: BTreeMap::new(),
            repetition,
            failure: None,
            figures: Figures::default(),
            phases: Vec::new(),
            versions: Versions::default(),
            machine: Machine::here(),
            load: facts::load(),
        }
    }

    pub(crate) fn set(&mut self, parameter: &str, value: impl fmt::Display) {
        self.parameters
            .insert(parameter.to_owned(), value.to_string());
    }

    /// Who took part.
    pub(crate) fn tell_of(&mut self, contender: &dyn Running) {
        self.versions.contender = contender.version();
        for (name, value) in contender.parameters() {
            self.set(&format!("contender.{name}"), value);
        }
    }
}

/// The file that a run writes to, line by line, so that an interrupted run keeps what it has.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// A new file in `folder`, named after what is measured and when.
    pub(crate) fn create(folder: &Path, what: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let path = folder.join(format!("{}-{what}.jsonl", now.replace(':', "")));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    pub(crate) fn append(&mut self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// All lines of several files.
pub(crate) fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Line>> {
    let files: anyhow::Result<Vec<_>> = paths.iter().map(|path| read(path)).collect();
    Ok(files?.concat())
}

/// All lines of a file.
fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parse = |(number, line): (usize, std::io::Result<String>)| {
        let place = || format!("{}, line {}", path.display(), number + 1);
        serde_json::from_str(&line.with_context(place)?).with_context(place)
    };
    BufReader::new(file)
        .lines()
        .enumerate()
        .map(parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), "crash").unwrap();
        let mut line = Line::begin("crash", "ours", 1);
        line.figures.put(Figure::PromotedMs, 3.25);
        journal.append(&line).unwrap();
        assert_eq!(read(journal.path()).unwrap(), [line]);
    }

    #[test]
    fn fields_that_are_not_known_are_skipped() {
        let mut line = serde_json::to_value(Line::begin("crash", "ours", 1)).unwrap();
        line["weather"] = "fine".into();
        assert!(serde_json::from_value::<Line>(line).is_ok());
    }
}
