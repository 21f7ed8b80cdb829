//! Options of the commands that ask a running monitor for something.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use rcm_core::id::{Address, GroupName};

use super::args::Output;
use super::proxy_options::ProxyOptions;
use super::settings::Door;
use super::{Access, Error, Proxy, Secret, duration, file};
use crate::telemetry::{LogFormat, LogLevel};

/// `redis-cluster-monitor demo`.
#[derive(Debug, ClapArgs)]
pub struct DemoArgs {
    /// How many monitors: one that decides alone, or 3 to 7 that share an etcd
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = monitors)]
    pub monitors: usize,
}

/// Two have no majority without one of them, and the demo takes one away.
fn monitors(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|it| matches!(it, 1 | 3..=7));
    number.ok_or_else(|| "1, or 3 to 7".to_owned())
}

/// `redis-cluster-monitor proxy`.
#[derive(Debug, ClapArgs)]
pub struct ProxyArgs {
    /// Where the Sentinel API of the group's monitors is, apart by commas
    #[arg(long, value_name = "HOST:PORT,...", required = true, value_delimiter = ',', value_parser = sentinel)]
    pub monitors: Vec<String>,
    /// The group that is followed
    #[arg(long, value_name = "NAME", default_value = "mymaster")]
    pub name: GroupName,
    /// Where clients are accepted whose requests go to the primary
    #[arg(long, value_name = "IP:PORT", required_unless_present = "listen_replicas", value_parser = door)]
    pub listen: Option<SocketAddr>,
    /// Where clients are accepted that only read, from replicas
    #[arg(long, value_name = "IP:PORT", value_parser = door)]
    pub listen_replicas: Option<SocketAddr>,
    /// Where HTTP is served, for programs that ask what happened; off is nowhere [default: off]
    #[arg(long, value_name = "ADDR")]
    http: Option<Door>,
    /// A configuration file, of which only the table `proxy` counts
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// User of the Sentinel API
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        requires = "password_file"
    )]
    username: String,
    /// File with the password of the Sentinel API [default: none is needed]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How often a line sums up what happened; 0 is never
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = duration::parse_or_off)]
    pub report_every: Duration,
    /// Form of the log
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Level from which on something is logged
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    pub log_level: LogLevel,
    #[command(flatten)]
    settings: ProxyOptions,
}

impl ProxyArgs {
    /// How the proxy behaves: options beat the file, that beats the defaults.
    pub fn settings(&self) -> Result<Proxy, Error> {
        let is_taken = self.listen == self.listen_replicas;
        if let Some(address) = self.listen.filter(|at| is_taken && at.port() != 0) {
            return Err(Error::new(format!(
                "--listen and --listen-replicas are the same address {address}\n\
                 help: give each one of its own"
            )));
        }
        let below = match &self.config {
            Some(path) => file::read_proxy(path)?,
            None => Proxy::default(),
        };
        Ok(self.settings.over(below))
    }

    /// Where HTTP is served.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.and_then(Door::address)
    }

    /// What the monitors want to know, and what is unwise about it.
    pub fn access(&self) -> Result<(Option<Access>, Option<String>), Error> {
        let Some(file) = &self.password_file else {
            return Ok((None, None));
        };
        let (password, warning) = Secret::read(file).map_err(Error::new)?;
        let access = Access {
            username: self.username.clone(),
            password,
            read_without_auth: false,
        };
        Ok((Some(access), warning))
    }
}

/// `redis-cluster-monitor switchover`.
#[derive(Debug, ClapArgs)]
pub struct SwitchoverArgs {
    /// The replica that becomes the primary [default: the one that is preferred and least behind]
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Option<Address>,
    #[command(flatten)]
    pub place: Place,
}

/// `redis-cluster-monitor edit`.
#[derive(Debug, ClapArgs)]
pub struct EditArgs {
    /// What is set, such as quorum=2; KEY= alone sets the default [default: all of it is
    /// opened in $EDITOR]
    #[arg(value_name = "KEY=VALUE")]
    pub values: Vec<String>,
    /// Do not ask whether to store what was edited
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub author: Author,
    #[command(flatten)]
    pub place: Place,
}

/// `redis-cluster-monitor add` and `forget`.
#[derive(Debug, ClapArgs)]
pub struct NodeArgs {
    /// The node
    #[arg(value_name = "HOST:PORT")]
    pub node: Address,
    #[command(flatten)]
    pub author: Author,
    #[command(flatten)]
    pub place: Place,
}

/// `redis-cluster-monitor history`.
#[derive(Debug, ClapArgs)]
pub struct HistoryArgs {
    #[command(flatten)]
    pub place: Place,
}

/// Who changes something.
#[derive(Debug, ClapArgs)]
pub struct Author {
    /// Your name in the history [default: $USER]
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true)]
    pub by: Option<String>,
}

/// Which group of which monitor.
#[derive(Debug, ClapArgs)]
pub struct Place {
    /// The group [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub group: Option<GroupName>,
    /// Where the monitor serves HTTP
    #[arg(
        long,
        value_name = "ADDR",
        env = "RCM_HTTP",
        default_value = "127.0.0.1:8379",
        value_parser = address
    )]
    pub http: String,
    /// How to show what came of it
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub output: Output,
}

fn address(text: &str) -> Result<String, String> {
    host_and_port(text, "127.0.0.1:8379")
}

fn sentinel(text: &str) -> Result<String, String> {
    host_and_port(text, "10.0.0.1:26379")
}

fn host_and_port(text: &str, example: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    if port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port != 0)) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no address of a monitor; write HOST:PORT, such as {example}"
    ))
}

fn door(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no address to listen on; write IP:PORT, such as 127.0.0.1:6379")
    })
}
