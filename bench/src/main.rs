//! Measures what happens to a group when its primary is lost, with different programs in charge.
//!
//! Every repetition starts real servers and a contender on loopback, does something to them, looks
//! from outside, and writes one line of JSON. Nothing of it is left when it ends.

mod cli;
mod clients;
mod contender;
mod island;
mod marks;
mod measure;
mod page;
mod plot;
mod raw;
mod report;
mod sample;
mod scenario;
mod session;
mod stop;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use cli::{Cli, Command, Options};
use raw::{Journal, Line};
use scenario::Scenario;
use stop::Interrupted;

/// Of this package; the source tree is above it.
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

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
        Command::Report { files } => show(&report::render(&raw::read_all(files)?), options),
        Command::Page { files } => page::write(&cli::source_tree(), &raw::read_all(files)?),
        Command::Table { page, files } => clients::write(page, &raw::read_all(files)?),
        command @ Command::Clients { page, .. } => {
            let lines = measure(&command.scenarios(options), command.name(), options)?;
            page.iter()
                .try_for_each(|page| clients::write(page, &lines))
        }
        command @ (Command::One(_)
        | Command::False { .. }
        | Command::Idle
        | Command::Scale { .. }
        | Command::Proxy
        | Command::All) => measure(&command.scenarios(options), command.name(), options).map(drop),
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
    let done = session::run(&rounds, &bed, &mut journal, &mut lines);
    // An hour that was interrupted is still worth a table.
    show(&report::render(&lines), options)?;
    eprintln!("all lines are in {}", journal.path().display());
    done.map(|()| lines)
}

fn show(text: &str, options: &Options) -> anyhow::Result<()> {
    println!("{}", text.trim_start());
    let write = |path: &PathBuf| {
        fs::write(path, text.trim_start())
            .with_context(|| format!("cannot write {}", path.display()))
    };
    options.summary.iter().try_for_each(write)
}
