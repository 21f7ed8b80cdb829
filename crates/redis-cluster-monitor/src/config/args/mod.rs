//! The command line, and how it becomes a [`Config`](super::Config).

mod build;
mod options;
#[cfg(test)]
mod tests;
mod watch;

use clap::{Parser, Subcommand, ValueEnum};

pub use self::watch::{CheckArgs, ImportArgs, RunArgs, WatchArgs};
use super::orders::{DemoArgs, EditArgs, HistoryArgs, NodeArgs, ProxyArgs, SwitchoverArgs};

/// Automatic failover for Redis and Valkey replication that applications do not notice.
#[derive(Debug, Parser)]
#[command(
    name = "redis-cluster-monitor",
    version,
    args_conflicts_with_subcommands = true,
    override_usage = "redis-cluster-monitor [OPTIONS] HOST:PORT...\n       redis-cluster-monitor <COMMAND>",
    after_help = "Options are also read from the environment, as RCM_HANG_AFTER and so on.\n\
                  Options beat the environment, that beats the configuration file.\n\
                  Passwords come from --password-file, RCM_PASSWORD_FILE or RCM_PASSWORD.\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 halted, 4 state \
                  folder locked or damaged, or no etcd, 5 refused and nothing done."
)]
pub struct Args {
    /// What to do; without it one group is watched.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to watch.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch the groups of a configuration file
    Run(RunArgs),
    /// Validate a configuration file and show its groups
    Check(CheckArgs),
    /// Bring what an etcd knows into the state folder, for one monitor that goes on alone
    Import(ImportArgs),
    /// Serve clients beside an application, following the monitors of a group
    Proxy(ProxyArgs),
    /// Hand the office of the primary over while all are well; nothing is lost
    Switchover(SwitchoverArgs),
    /// Change the settings of a group for all its monitors at once
    Edit(EditArgs),
    /// Let all monitors of a group watch one more node
    Add(NodeArgs),
    /// Let all monitors of a group forget a node, and leave it as it is
    Forget(NodeArgs),
    /// Show who has changed the settings of a group
    History(HistoryArgs),
    /// Start a primary and two replicas, kill the primary again and again, and show it
    Demo(DemoArgs),
}

/// The form of what a command shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}
