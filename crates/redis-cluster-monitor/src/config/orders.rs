//! Options of the commands that ask a running monitor for something.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use rcm_core::id::{Address, GroupName};

use super::args::Output;
use super::{Access, Secret};
use crate::telemetry::{LogFormat, LogLevel};

/// `redis-cluster-monitor proxy`.
#[derive(Debug, ClapArgs)]
pub struct ProxyArgs {
    /// Where the Sentinel API of the group's monitors is, apart by commas
    #[arg(long, value_name = "HOST:PORT,...", required = true, value_delimiter = ',', value_parser = address)]
    pub monitors: Vec<String>,
    /// The group whose primary is followed
    #[arg(long, value_name = "NAME", default_value = "mymaster")]
    pub name: GroupName,
    /// Where clients are accepted
    #[arg(long, value_name = "IP:PORT")]
    pub listen: SocketAddr,
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
    /// Form of the log
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Level from which on something is logged
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    pub log_level: LogLevel,
}

impl ProxyArgs {
    /// What the monitors want to know, and what is unwise about it.
    pub fn access(&self) -> Result<(Option<Access>, Option<String>), String> {
        let Some(file) = &self.password_file else {
            return Ok((None, None));
        };
        let (password, warning) = Secret::read(file)?;
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
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    if port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port != 0)) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no address of a monitor; write HOST:PORT, such as 127.0.0.1:8379"
    ))
}
