//! What the operator wants: options beat environment beat file beat defaults.
//!
//! Everything is checked here, once: a [`Config`] that exists can be used. The file is only ever
//! read; state lives elsewhere.

pub mod args;
pub mod duration;
mod environment;
pub mod etcd;
mod file;
mod hooks;
mod network;
pub mod orders;
mod problem;
mod proxy;
mod proxy_options;
mod secret;
mod sentinel;
mod settings;
mod state_folder;
mod url;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rcm_core::id::GroupName;
use rcm_core::policy::{Nodes, Policy};

use crate::telemetry::Log;
pub use environment::PASSWORDS;
pub use etcd::{Etcd, Tls};
pub use hooks::{Scripts, Webhook};
pub use network::Network;
pub use proxy::{Indeterminate, Proxy};
pub use secret::Secret;
pub use sentinel::{Access, Sentinel, announced};
pub(crate) use settings::{check_delay, quorum};
pub use url::{BadUrl, Url};

/// Everything a monitor is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The folder of the file store, and of this monitor's id.
    pub state_folder: PathBuf,
    /// The etcd in which the records live, if it is not the folder.
    pub etcd: Option<Etcd>,
    /// How logs are written.
    pub log: Log,
    /// How often a line sums up each group; zero is never.
    pub report_every: Duration,
    /// The Sentinel API; `None` if there is to be none.
    pub sentinel: Option<Sentinel>,
    /// Where the HTTP door listens; `None` if there is to be none.
    pub http: Option<SocketAddr>,
    /// How all proxies behave.
    pub proxy: Proxy,
    /// The groups, by name.
    pub groups: Vec<Group>,
    /// Who is told of events by HTTP.
    pub webhooks: Vec<Webhook>,
    /// What is allowed and unwise, to be logged.
    pub warnings: Vec<String>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// The nodes that the operator listed.
    pub nodes: Nodes,
    /// How it is watched and failed over.
    pub policy: Policy,
    /// Who the monitor is to the nodes.
    pub credentials: Option<Credentials>,
    /// New names of renamed commands, by the old name in capitals.
    pub rename_commands: BTreeMap<String, String>,
    /// Programs that are run when something happens to it.
    pub scripts: Scripts,
    /// Where its proxy listens, if it has one.
    pub proxy: Option<SocketAddr>,
    /// Where its proxy to replicas listens, if it has one.
    pub proxy_replicas: Option<SocketAddr>,
}

/// Who the monitor is to the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// An ACL user; without one the password is that of `requirepass`.
    pub username: Option<String>,
    /// Its password.
    pub password: Secret,
}

/// Why there is no configuration. The text is complete, with its place and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// How often a line sums up each group, unless told otherwise.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Where the HTTP door listens, unless told otherwise.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8379);

impl Error {
    fn new(title: impl AsRef<str>) -> Self {
        Self(format!("error: {}", title.as_ref()))
    }

    /// All of several errors.
    fn all(texts: &[String]) -> Self {
        let texts: Vec<_> = texts.iter().map(|text| format!("error: {text}")).collect();
        Self(texts.join("\n"))
    }
}

/// Where environment variables come from.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The environment of this process.
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
