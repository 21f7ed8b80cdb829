//! The commands: what the program does when it is started.
//!
//! Data goes to standard output, everything else to standard error.

mod check;
mod demo;
mod door;
mod editor;
mod exit;
mod import;
mod proxy;
mod settings;
mod switchover;
mod watch;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::config::args::{Args, Command};
use crate::config::{Config, Error, process_environment};

pub use exit::Exit;

/// Does what the command line asks for.
pub fn dispatch(args: Args) -> ExitCode {
    match args.command {
        None => with(args.watch.into_config(&process_environment), watch::run),
        Some(Command::Run(run)) => with(run.into_config(&process_environment), watch::run),
        Some(Command::Check(check)) => {
            let output = check.output;
            with(check.into_config(&process_environment), |config| {
                check::show(&config, output)
            })
        }
        Some(Command::Import(order)) => with(order.into_config(&process_environment), |config| {
            import::run(&config)
        }),
        Some(Command::Proxy(order)) => proxy::run(&order),
        Some(Command::Switchover(order)) => switchover::run(&order),
        Some(Command::Edit(order)) => settings::edit(&order),
        Some(Command::Add(order)) => settings::add(&order),
        Some(Command::Forget(order)) => settings::forget(&order),
        Some(Command::History(order)) => settings::history(&order),
        Some(Command::Demo(order)) => demo::run(order.monitors),
    }
    .into()
}

/// Goes on with a configuration, or says what is wrong with it.
fn with(config: Result<Config, Error>, go_on: impl FnOnce(Config) -> Exit) -> Exit {
    match config {
        Ok(config) => go_on(config),
        Err(error) => {
            say(&error);
            Exit::Usage
        }
    }
}

/// One thread for everything that watches: nothing here takes long, and wake-ups are shared.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Writes a line to standard error. Nobody can be told that nobody reads it.
fn say(text: impl Display) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Writes data to standard output.
fn print(text: &str) -> Exit {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            say(format_args!(
                "error: cannot write to standard output: {error}"
            ));
            Exit::Failed
        }
    }
}
