//! The command line.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use redis_cluster_monitor::local::{Binary, Library, Version};

use crate::FOLDER;
use crate::contender::{Contender, Tools};
use crate::scenario::{self, Bed, Fault, Load, Scenario, Strain, Victims, cast};
use crate::session::{Round, Turn};

/// How many groups there are in `idle` and `scale`.
const SIZES: [usize; 1] = [50];
const QUICK_SIZES: [usize; 1] = [10];

/// How many of their primaries are killed at once.
const VICTIMS: [Victims; 2] = [Victims::Some(10), Victims::All];
const QUICK_VICTIMS: [Victims; 1] = [Victims::All];

const MEGABYTE: usize = 1 << 20;

/// Side-by-side measurements of redis-cluster-monitor and its rivals
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    One(Scenario),
    /// A primary that is well has a hard time: does anybody replace it?
    False {
        /// Only this strain; may be repeated.
        #[arg(long = "strain", value_name = "NAME")]
        strains: Vec<Strain>,
    },
    /// Nothing happens to many groups: what does the watching cost? Linux only.
    Idle,
    /// Of many groups, several primaries are killed at once. Linux only.
    Scale {
        /// How many: a number or `all`; may be repeated.
        #[arg(long = "kill", value_name = "NUMBER")]
        victims: Vec<Victims>,
    },
    /// What a proxy costs beside others and none: throughput, latency, CPU time, memory, and the wait of
    /// a writer at a switchover. Linux only.
    Proxy,
    /// Every scenario.
    All,
    /// What client libraries make of a crash, a switchover and a hang; installs nothing, see
    /// scripts/clients.
    Clients {
        /// Only this one, by the name that it has in the results; may be repeated.
        #[arg(long = "library", value_name = "NAME", value_parser = library)]
        libraries: Vec<Library>,
        /// Only this one; may be repeated.
        #[arg(long = "fault", value_name = "NAME")]
        faults: Vec<Fault>,
        /// Writes the table into this page, between its marks.
        #[arg(long, value_name = "FILE")]
        page: Option<PathBuf>,
    },
    /// Only shows what was measured before.
    Report {
        /// Files of lines, as in bench/results.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Writes docs/benchmarks.md, its pictures, and README's table from what was measured before.
    Page {
        /// Files of lines, as in bench/results.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Writes the table of client libraries into a page from what was measured before.
    Table {
        page: PathBuf,
        /// Files of lines, as in bench/results.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Few repetitions, small fleet: everything in five minutes
    #[arg(long, global = true)]
    quick: bool,
    /// Repetitions per contender
    #[arg(long, global = true, value_name = "NUMBER")]
    runs: Option<u32>,
    /// Who takes part, instead of the scenario's own choice; may be repeated. One of `ours`,
    /// `redis-sentinel`, `valkey-sentinel`, with options: redis-sentinel:down-after=500ms,count=3,
    /// ours:no-persist-roles or ours:via=proxy
    #[arg(
        long = "contender",
        global = true,
        value_name = "NAME[:OPTION[=VALUE],..]"
    )]
    contenders: Vec<Contender>,
    /// The data nodes: `system`, `redis-6.2`, `valkey-9`, or the path of a program
    #[arg(long, global = true, default_value = "system")]
    server: String,
    /// The program of this source tree
    #[arg(long, global = true, value_name = "PATH")]
    ours: Option<PathBuf>,
    /// How many groups of three there are in `idle` and `scale`; may be repeated
    #[arg(long, global = true, value_name = "NUMBER")]
    groups: Vec<usize>,
    /// How long `idle` looks and `false` strains
    #[arg(long, global = true, value_name = "DURATION", value_parser = humantime::parse_duration)]
    window: Option<Duration>,
    /// Where the lines go
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) results: Option<PathBuf>,
    /// Keeps the contenders' logs in this folder, a file per repetition
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) logs: Option<PathBuf>,
    /// Writes the tables into this file as well
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
}

pub(crate) fn source_tree() -> PathBuf {
    Path::new(FOLDER).join("..")
}

fn library(name: &str) -> anyhow::Result<Library> {
    let mut all = Library::ALL.into_iter();
    let names = Library::ALL.map(Library::name).join("; ");
    all.find(|library| library.name() == name)
        .with_context(|| format!("{name:?} is none of: {names}"))
}

impl Command {
    /// What the file of its lines is named after.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::One(scenario) => scenario.name(),
            Self::False { .. } => "false",
            Self::Idle => "idle",
            Self::Scale { .. } => "scale",
            Self::Proxy => "proxy",
            Self::All => "all",
            Self::Clients { .. } => "clients",
            Self::Report { .. } => "report",
            Self::Page { .. } => "page",
            Self::Table { .. } => "table",
        }
    }

    /// What it measures.
    pub(crate) fn scenarios(&self, options: &Options) -> Vec<Scenario> {
        let strained = |strains: &[Strain]| strains.iter().copied().map(Scenario::False).collect();
        let idle = || options.sizes().into_iter().map(Scenario::Idle).collect();
        match self {
            Self::One(scenario) => vec![*scenario],
            Self::False { strains } if strains.is_empty() => strained(&Strain::ALL),
            Self::False { strains } => strained(strains),
            Self::Idle => idle(),
            Self::Scale { victims } if victims.is_empty() => options.scale(),
            Self::Scale { victims } => scenario::of_scale(&options.sizes(), victims),
            Self::Proxy => {
                let mut all = options.loads();
                all.push(Scenario::Switchover);
                all
            }
            Self::All => {
                let mut all = [
                    Scenario::FAULTS.to_vec(),
                    strained(&Strain::ALL),
                    options.fleets(),
                    options.loads(),
                ]
                .concat();
                all.retain(|scenario| match scenario.left_out(options.quick) {
                    Some(why) => {
                        eprintln!("{} is left out: {why}", scenario.name());
                        false
                    }
                    None => true,
                });
                all
            }
            Self::Clients {
                libraries, faults, ..
            } => scenario::of_clients(faults, libraries),
            Self::Report { .. } | Self::Page { .. } | Self::Table { .. } => Vec::new(),
        }
    }
}

impl Options {
    fn sizes(&self) -> Vec<usize> {
        match self.groups.as_slice() {
            [] if self.quick => QUICK_SIZES.to_vec(),
            [] => SIZES.to_vec(),
            chosen => chosen.to_vec(),
        }
    }

    fn loads(&self) -> Vec<Scenario> {
        let loads = Load::all(self.quick).into_iter();
        loads.map(Scenario::Proxy).collect()
    }

    fn scale(&self) -> Vec<Scenario> {
        scenario::of_scale(&self.sizes(), self.victims())
    }

    fn victims(&self) -> &'static [Victims] {
        if self.quick { &QUICK_VICTIMS } else { &VICTIMS }
    }

    /// `idle` and `scale`, size by size, so that each fleet is started once.
    fn fleets(&self) -> Vec<Scenario> {
        let sizes = self.sizes().into_iter();
        let of = |size| {
            let mut all = vec![Scenario::Idle(size)];
            all.extend(scenario::of_scale(&[size], self.victims()));
            all
        };
        sizes.flat_map(of).collect()
    }

    pub(crate) fn bed(&self) -> anyhow::Result<Bed> {
        let server = match self.server.as_str() {
            "system" => Binary::of(Version::System)?,
            "redis-6.2" => Binary::of(Version::Redis62)?,
            "valkey-9" => Binary::of(Version::Valkey9)?,
            path => Binary::at(path)?,
        };
        let ours = self
            .ours
            .clone()
            .unwrap_or_else(|| source_tree().join("target/release/redis-cluster-monitor"));
        let ours = std::path::absolute(&ours).unwrap_or(ours);
        let window = if self.quick { 3 } else { 15 };
        Ok(Bed {
            server,
            tools: Tools { ours },
            logs: self.logs.clone(),
            window: self.window.unwrap_or(Duration::from_secs(window)),
            large_heap: if self.quick { 128 } else { 1024 } * MEGABYTE,
            fleet: RefCell::new(None),
        })
    }

    pub(crate) fn round(&self, scenario: Scenario) -> anyhow::Result<Round> {
        let runs = self.runs.unwrap_or(scenario.runs(self.quick));
        let repeated = self.contenders.iter().cloned();
        let mut turns: Vec<_> = repeated.map(|contender| Turn { contender, runs }).collect();
        if turns.is_empty() {
            let turn = |(name, runs): (&str, u32)| {
                let contender = name.parse()?;
                Ok(Turn { contender, runs })
            };
            let cast = cast::of(scenario, self.quick, runs).into_iter();
            turns = cast.map(turn).collect::<anyhow::Result<_>>()?;
        }
        Ok(Round { scenario, turns })
    }
}
