//! The commands that need everything a monitor is told.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use rcm_core::id::{Address, BadName, GroupName};
use rcm_core::policy::Nodes;

use super::Output;
use super::build::build;
use super::options::{GroupArgs, ProcessArgs};
use crate::config::environment;
use crate::config::settings::Settings;
use crate::config::{Config, Environment, Error, file};

/// `redis-cluster-monitor HOST:PORT...`.
#[derive(Debug, ClapArgs)]
pub struct WatchArgs {
    /// The nodes of one group; who is primary is found out by asking
    #[arg(value_name = "HOST:PORT")]
    nodes: Vec<String>,
    /// Name of the group [default: mymaster]
    #[arg(long)]
    name: Option<GroupName>,
    #[command(flatten)]
    group: GroupArgs,
    #[command(flatten)]
    process: ProcessArgs,
}

/// `redis-cluster-monitor run`.
#[derive(Debug, ClapArgs)]
pub struct RunArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", env = "RCM_CONFIG")]
    config: PathBuf,
    #[command(flatten)]
    group: GroupArgs,
    #[command(flatten)]
    process: ProcessArgs,
}

/// `redis-cluster-monitor check`.
#[derive(Debug, ClapArgs)]
pub struct CheckArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", env = "RCM_CONFIG")]
    config: PathBuf,
    /// How to show the groups
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub output: Output,
    #[command(flatten)]
    group: GroupArgs,
    #[command(flatten)]
    process: ProcessArgs,
}

/// `redis-cluster-monitor import`.
#[derive(Debug, ClapArgs)]
pub struct ImportArgs {
    /// The configuration file (TOML) that names the etcd, if the options do not
    #[arg(long, value_name = "FILE", env = "RCM_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    group: GroupArgs,
    #[command(flatten)]
    process: ProcessArgs,
}

/// The name of a group that nobody named.
const DEFAULT_NAME: &str = "mymaster";

/// Words of subcommands, those of later versions included: never a bare host name.
const SUBCOMMANDS: &[&str] = &[
    "add",
    "check",
    "demo",
    "edit",
    "events",
    "explain",
    "failover",
    "forget",
    "help",
    "history",
    "import",
    "list",
    "pause",
    "proxy",
    "resume",
    "run",
    "switchover",
    "top",
    "topology",
];

impl WatchArgs {
    /// The configuration that the options and the environment make.
    pub fn into_config(self, env: Environment<'_>) -> Result<Config, Error> {
        let nodes = nodes(&self.nodes)?;
        let variables = environment::read(env)?;
        let name = match self.name.or_else(|| variables.name.clone()) {
            Some(name) => name,
            None => DEFAULT_NAME
                .parse()
                .map_err(|error: BadName| Error::new(error.to_string()))?,
        };
        let file = file::File {
            groups: vec![(name, nodes, Settings::default())],
            ..file::File::default()
        };
        build(file, self.group, self.process, variables, env)
    }
}

impl RunArgs {
    /// The configuration that the options, the environment and the file make.
    pub fn into_config(self, env: Environment<'_>) -> Result<Config, Error> {
        let variables = environment::read(env)?;
        let file = file::read(&self.config)?;
        build(file, self.group, self.process, variables, env)
    }
}

impl CheckArgs {
    /// The configuration that `run` would use with the same options.
    pub fn into_config(self, env: Environment<'_>) -> Result<Config, Error> {
        let variables = environment::read(env)?;
        let file = file::read(&self.config)?;
        build(file, self.group, self.process, variables, env)
    }
}

impl ImportArgs {
    /// The configuration with which the monitors on this etcd ran.
    pub fn into_config(self, env: Environment<'_>) -> Result<Config, Error> {
        let variables = environment::read(env)?;
        let file = match &self.config {
            Some(path) => file::read(path)?,
            None => file::File::default(),
        };
        build(file, self.group, self.process, variables, env)
    }
}

/// Every node, or everything that is wrong with them.
fn nodes(words: &[String]) -> Result<Nodes, Error> {
    let mut addresses = Vec::new();
    let mut errors = Vec::new();
    for word in words {
        if SUBCOMMANDS.contains(&word.as_str()) {
            errors.push(format!(
                "`{word}` is the word of a subcommand, which comes first and without nodes\n\
                 help: a host of that name is written with its port, {word}:6379"
            ));
            continue;
        }
        match word.parse::<Address>() {
            Ok(address) => addresses.push(address),
            Err(error) => errors.push(error.to_string().replacen("; ", "\nhelp: ", 1)),
        }
    }
    if errors.is_empty() {
        match Nodes::new(addresses) {
            Ok(nodes) => return Ok(nodes),
            Err(error) => errors.push(error.to_string().replacen("; ", "\nhelp: ", 1)),
        }
    }
    Err(Error::all(&errors))
}
