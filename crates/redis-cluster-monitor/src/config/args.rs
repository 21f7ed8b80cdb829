//! The command line, and how it becomes a [`Config`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use rcm_core::id::{Address, BadName, GroupName};
use rcm_core::policy::Nodes;

use super::duration::{BadDuration, parse, parse_or_off};
use super::environment::{self, Variables};
use super::etcd::{self, Place};
use super::orders::{DemoArgs, EditArgs, HistoryArgs, NodeArgs, ProxyArgs, SwitchoverArgs};
use super::sentinel::{self, Listen};
use super::settings::{self, Door, Process, Settings, check_delay};
use super::{Config, Environment, Error, Group, HTTP, REPORT_EVERY, Secret, file, state_folder};
use crate::telemetry::{Log, LogFormat, LogLevel};

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

/// The form of what a command shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Settings of a group.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Group options")]
struct GroupArgs {
    /// Wait this long after proof of a crash [default: 0s]
    #[arg(long, value_name = "DUR", value_parser = delay("crash_after"))]
    crash_after: Option<Duration>,
    /// How long a primary that accepts connections may leave a request unanswered [default: its
    /// busy-reply-threshold + 500ms]
    #[arg(long, value_name = "DUR", value_parser = delay("hang_after"))]
    hang_after: Option<Duration>,
    /// How long a primary may be silent at TCP level [default: 500ms]
    #[arg(long, value_name = "DUR", value_parser = delay("silent_after"))]
    silent_after: Option<Duration>,
    /// How often a healthy primary is asked for a sign of life [default: 200ms]
    #[arg(long, value_name = "DUR", value_parser = delay("probe_every"))]
    probe_every: Option<Duration>,
    /// How many monitors have to say that the primary is lost [default: most of them]
    #[arg(long, value_name = "NUMBER", value_parser = settings::quorum)]
    quorum: Option<usize>,
    /// ACL user of the monitor on the nodes
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// File with the password for the nodes
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Decide and log everything, touch nothing
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    observe: Option<bool>,
    /// No CONFIG REWRITE on the nodes after a role change
    #[arg(long)]
    no_persist_roles: bool,
    /// Where clients are accepted whose requests go to the primary [default: off]
    #[arg(long, value_name = "ADDR")]
    proxy: Option<Door>,
    /// Where clients are accepted that only read, from replicas [default: off]
    #[arg(long, value_name = "ADDR")]
    proxy_replicas: Option<Door>,
}

/// Settings of the process.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Process options")]
struct ProcessArgs {
    /// Folder for the state [default: the service manager's, else the user's folder for state]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where the agreed record lives: file, or etcd://HOST:PORT,... for several monitors [default:
    /// file]
    #[arg(long, value_name = "STORE")]
    store: Option<Place>,
    /// How often a line sums up the group; 0 is never [default: 5s]
    #[arg(long, value_name = "DUR", value_parser = parse_or_off)]
    report_every: Option<Duration>,
    /// Form of the log [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<LogFormat>,
    /// Level from which on something is logged [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<LogLevel>,
    /// Log more
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Log less
    #[arg(short, long)]
    quiet: bool,
    /// Where clients that speak Sentinel's language are served; off is nowhere [default:
    /// 127.0.0.1:26379]
    #[arg(long, value_name = "ADDR", value_parser = sentinel::listen)]
    sentinel: Option<Listen>,
    /// Where clients reach that from elsewhere, told to those of other monitors [default: where it
    /// listens]
    #[arg(long, value_name = "ADDR", value_parser = sentinel::announce)]
    sentinel_announce: Option<SocketAddr>,
    /// User of those clients [default: default]
    #[arg(long, value_name = "NAME")]
    sentinel_username: Option<String>,
    /// File with the password of those clients [default: none is needed]
    #[arg(long, value_name = "FILE")]
    sentinel_password_file: Option<PathBuf>,
    /// Where HTTP is served, for programs and `switchover`; off is nowhere [default:
    /// 127.0.0.1:8379]
    #[arg(long, value_name = "ADDR")]
    http: Option<Door>,
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

/// Lays the options over the environment, and that over the file.
fn build(
    file: file::File,
    group: GroupArgs,
    process: ProcessArgs,
    variables: Variables,
    env: Environment<'_>,
) -> Result<Config, Error> {
    let mut warnings = file.warnings;
    let above = group.over(&variables.settings, variables.password_file, &mut warnings)?;
    let mut groups = Vec::new();
    let mut errors = Vec::new();
    for (name, nodes, settings) in file.groups {
        match above.clone().over(&settings).into_group(name, nodes) {
            Ok(group) => groups.push(group),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(shared_door(&groups));
    if !errors.is_empty() {
        return Err(Error::all(&errors));
    }
    warnings.extend(variables.warnings);
    let process = process
        .settings(&mut warnings)?
        .over(variables.process)
        .over(file.process);
    Ok(Config {
        state_folder: state_folder::resolve(process.state_folder, env)?,
        etcd: process.store.into_etcd().map_err(Error::new)?,
        log: Log {
            format: process.log_format.unwrap_or_default(),
            level: process.log_level.unwrap_or_default(),
        },
        report_every: process.report_every.unwrap_or(REPORT_EVERY),
        sentinel: process.sentinel.into_sentinel().map_err(Error::new)?,
        http: process.http.unwrap_or(Door::At(HTTP)).address(),
        proxy: file.proxy,
        groups,
        webhooks: file.webhooks,
        warnings,
    })
}

/// Every group has doors of its own.
fn shared_door(groups: &[Group]) -> Option<String> {
    let mut taken = BTreeMap::new();
    let doors = groups.iter().flat_map(|group| {
        let doors = [group.proxy, group.proxy_replicas].into_iter().flatten();
        doors.map(|address| (address, &group.name))
    });
    let mut doors = doors.filter(|(address, _)| address.port() != 0);
    doors.find_map(|(address, group)| {
        let owner = taken.insert(address, group)?;
        let which = if owner == group {
            format!("both proxies of the group {group}")
        } else {
            format!("the proxies of the groups {owner} and {group}")
        };
        Some(format!(
            "{which} have the same address {address}; give each one of its own in the file"
        ))
    })
}

impl GroupArgs {
    /// The options, and the environment where they say nothing.
    fn over(
        self,
        variables: &Settings,
        password_file: Option<PathBuf>,
        warnings: &mut Vec<String>,
    ) -> Result<Settings, Error> {
        let mut password = None;
        if let Some(file) = self.password_file.or(password_file) {
            let (secret, warning) = Secret::read(&file).map_err(Error::new)?;
            warnings.extend(warning);
            password = Some(secret);
        }
        Ok(Settings {
            crash_after: self.crash_after,
            silent_after: self.silent_after,
            hang_after: self.hang_after,
            probe_every: self.probe_every,
            quorum: self.quorum,
            username: self.username,
            password,
            observe: self.observe,
            persist_roles: self.no_persist_roles.then_some(false),
            proxy: self.proxy,
            proxy_replicas: self.proxy_replicas,
            ..Settings::default()
        }
        .over(variables))
    }
}

impl ProcessArgs {
    fn settings(self, warnings: &mut Vec<String>) -> Result<Process, Error> {
        let mut password = None;
        if let Some(file) = self.sentinel_password_file {
            let (secret, warning) = Secret::read(&file).map_err(Error::new)?;
            warnings.extend(warning);
            password = Some(secret);
        }
        let level = match (self.verbose, self.quiet) {
            (true, _) => Some(LogLevel::Debug),
            (_, true) => Some(LogLevel::Warn),
            _ => self.log_level,
        };
        Ok(Process {
            state_folder: self.state_dir,
            store: etcd::Settings {
                place: self.store,
                ..etcd::Settings::default()
            },
            report_every: self.report_every,
            log_format: self.log_format,
            log_level: level,
            sentinel: sentinel::Settings {
                address: self.sentinel,
                announce: self.sentinel_announce,
                username: self.sentinel_username,
                password,
                ..sentinel::Settings::default()
            },
            http: self.http,
        })
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

/// Reads a delay and checks its range.
fn delay(name: &'static str) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let delay = parse(text).map_err(|error: BadDuration| error.to_string())?;
        check_delay(name, delay)?;
        Ok(delay)
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
