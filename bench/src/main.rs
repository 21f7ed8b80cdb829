//! Measures what happens to a group when its primary is lost, with different programs in charge.
//!
//! Every repetition starts real servers and a contender on loopback, does something to them, looks
//! from outside, and writes one line of JSON. Nothing of it is left when it ends.

mod clients;
mod contender;
mod measure;
mod raw;
mod report;
mod scenario;
mod session;
mod stop;

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use redis_cluster_monitor::local::{Binary, Library, Version};

use contender::{Contender, Tools};
use raw::{Journal, Line};
use scenario::{Bed, Fault, Scenario};
use session::Round;
use stop::Interrupted;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// Side-by-side measurements of redis-cluster-monitor and its rivals
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    One(Scenario),
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
    },
    /// Only shows what was measured before.
    Report {
        /// Files of lines, as in bench/results.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Few repetitions, small fleet: everything in five minutes
    #[arg(long, global = true)]
    quick: bool,
    /// Repetitions per contender
    #[arg(long, global = true, value_name = "NUMBER")]
    runs: Option<u32>,
    /// Who takes part, instead of the scenario's own choice; may be repeated. One of `ours`,
    /// `redis-sentinel`, `valkey-sentinel`, with options: redis-sentinel:down-after=500ms,count=3 or ours:no-persist-roles
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
    /// How many groups of three the idle scenario has
    #[arg(long, global = true, value_name = "NUMBER")]
    groups: Option<usize>,
    /// How long the idle scenario looks
    #[arg(long, global = true, value_name = "DURATION", value_parser = humantime::parse_duration)]
    window: Option<Duration>,
    /// Where the lines go
    #[arg(long, global = true, value_name = "FOLDER")]
    results: Option<PathBuf>,
    /// Keeps the contenders' logs in this folder, a file per repetition
    #[arg(long, global = true, value_name = "FOLDER")]
    logs: Option<PathBuf>,
    /// Writes the tables into this file as well
    #[arg(long, global = true, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Writes the table of client libraries into this page, between its marks
    #[arg(long, global = true, value_name = "FILE")]
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    match start(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<()> {
    let options = &cli.options;
    match &cli.command {
        Command::One(scenario) => measure(&[*scenario], scenario.name(), options).map(drop),
        Command::All => measure(&Scenario::ALL, "all", options).map(drop),
        Command::Clients { libraries, faults } => {
            let scenarios = scenario::of_clients(faults, libraries);
            options.put_on_page(&measure(&scenarios, "clients", options)?)
        }
        Command::Report { files } => {
            let mut lines = Vec::new();
            for file in files {
                lines.extend(raw::read(file)?);
            }
            show(&report::render(&lines), options)?;
            options.put_on_page(&lines)
        }
    }
}

fn measure(scenarios: &[Scenario], what: &str, options: &Options) -> anyhow::Result<Vec<Line>> {
    stop::listen()?;
    let bed = options.bed()?;
    let rounds = scenarios
        .iter()
        .map(|scenario| options.round(*scenario))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let results = options.results.clone();
    let results = results.unwrap_or_else(|| Path::new(FOLDER).join("results"));
    if let Some(logs) = &options.logs {
        fs::create_dir_all(logs).with_context(|| format!("cannot create {}", logs.display()))?;
    }
    let mut journal = Journal::create(&results, what)?;

    let mut lines = Vec::new();
    let run = |round| session::run(round, &bed, &mut journal, &mut lines);
    let done = rounds.iter().try_for_each(run);
    // An hour that was interrupted is still worth a table.
    show(&report::render(&lines), options)?;
    eprintln!("all lines are in {}", journal.path().display());
    done.map(|()| lines)
}

fn library(name: &str) -> anyhow::Result<Library> {
    let mut all = Library::ALL.into_iter();
    let names = Library::ALL.map(Library::name).join("; ");
    all.find(|library| library.name() == name)
        .with_context(|| format!("{name:?} is none of: {names}"))
}

fn show(text: &str, options: &Options) -> anyhow::Result<()> {
    println!("{}", text.trim_start());
    if let Some(path) = &options.summary {
        fs::write(path, text.trim_start())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

impl Options {
    fn put_on_page(&self, lines: &[Line]) -> anyhow::Result<()> {
        self.page
            .iter()
            .try_for_each(|page| clients::write(page, lines))
    }

    fn bed(&self) -> anyhow::Result<Bed> {
        let server = match self.server.as_str() {
            "system" => Binary::of(Version::System)?,
            "redis-6.2" => Binary::of(Version::Redis62)?,
            "valkey-9" => Binary::of(Version::Valkey9)?,
            path => Binary::at(path)?,
        };
        let ours = self
            .ours
            .clone()
            .unwrap_or_else(|| Path::new(FOLDER).join("../target/release/redis-cluster-monitor"));
        let ours = std::path::absolute(&ours).unwrap_or(ours);
        let window = if self.quick { 10 } else { 30 };
        Ok(Bed {
            server,
            tools: Tools { ours },
            logs: self.logs.clone(),
            groups: self.groups.unwrap_or(if self.quick { 10 } else { 50 }),
            window: self.window.unwrap_or(Duration::from_secs(window)),
            fleet: OnceCell::new(),
        })
    }

    fn round(&self, scenario: Scenario) -> anyhow::Result<Round> {
        let defaults = || -> anyhow::Result<Vec<Contender>> {
            let names = scenario.contenders(self.quick).iter();
            names.map(|name| name.parse()).collect()
        };
        Ok(Round {
            scenario,
            contenders: match self.contenders.as_slice() {
                [] => defaults()?,
                chosen => chosen.to_vec(),
            },
            runs: self.runs.unwrap_or(scenario.runs(self.quick)),
        })
    }
}
