//! The program; what it does is in the library beside it.

use std::process::ExitCode;

use clap::Parser as _;
use redis_cluster_monitor::cli;
use redis_cluster_monitor::config::args::Args;

fn main() -> ExitCode {
    cli::dispatch(Args::parse())
}
