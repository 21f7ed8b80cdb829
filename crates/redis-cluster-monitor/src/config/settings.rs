//! The settings of a group as one source gives them, and how sources are laid over each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rcm_core::id::GroupName;
use rcm_core::policy::{Nodes, Policy};

use super::{Credentials, Group, Scripts, Secret, etcd, sentinel};
use crate::telemetry::{LogFormat, LogLevel};

/// What `quorum` may be; more than there are monitors means all of them.
const QUORUMS: RangeInclusive<usize> = 1..=99;

/// What one source says; `None` is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub crash_after: Option<Duration>,
    pub silent_after: Option<Duration>,
    pub hang_after: Option<Duration>,
    pub probe_every: Option<Duration>,
    pub quorum: Option<usize>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub observe: Option<bool>,
    pub persist_roles: Option<bool>,
    pub rename_commands: Option<BTreeMap<String, String>>,
    pub notification_script: Option<PathBuf>,
    pub client_reconfig_script: Option<PathBuf>,
    pub proxy: Option<Door>,
    pub proxy_replicas: Option<Door>,
}

impl Settings {
    /// These settings, and those of `below` where these say nothing.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            crash_after: self.crash_after.or(below.crash_after),
            silent_after: self.silent_after.or(below.silent_after),
            hang_after: self.hang_after.or(below.hang_after),
            probe_every: self.probe_every.or(below.probe_every),
            quorum: self.quorum.or(below.quorum),
            username: self.username.or_else(|| below.username.clone()),
            password: self.password.or_else(|| below.password.clone()),
            observe: self.observe.or(below.observe),
            persist_roles: self.persist_roles.or(below.persist_roles),
            rename_commands: self
                .rename_commands
                .or_else(|| below.rename_commands.clone()),
            notification_script: self
                .notification_script
                .or_else(|| below.notification_script.clone()),
            client_reconfig_script: self
                .client_reconfig_script
                .or_else(|| below.client_reconfig_script.clone()),
            proxy: self.proxy.or(below.proxy),
            proxy_replicas: self.proxy_replicas.or(below.proxy_replicas),
        }
    }

    /// The group, with defaults where nothing was said.
    pub(super) fn into_group(self, name: GroupName, nodes: Nodes) -> Result<Group, String> {
        let default = Policy::default();
        let policy = Policy {
            crash_after: self.crash_after.unwrap_or(default.crash_after),
            silent_after: self.silent_after.unwrap_or(default.silent_after),
            hang_after: self.hang_after.or(default.hang_after),
            probe_every: self.probe_every.unwrap_or(default.probe_every),
            observe: self.observe.unwrap_or(default.observe),
            persist_roles: self.persist_roles.unwrap_or(default.persist_roles),
            ack_replicas: default.ack_replicas,
            quorum: self.quorum.or(default.quorum),
        }
        .validated()
        .map_err(|error| error.to_string())?;
        let credentials = match (self.username, self.password) {
            (username, Some(password)) => Some(Credentials { username, password }),
            (None, None) => None,
            (Some(username), None) => {
                return Err(format!(
                    "group {name} has the username `{username}` and no password; give it a password \
                     file (password_file, --password-file) or set RCM_PASSWORD"
                ));
            }
        };
        Ok(Group {
            name,
            nodes,
            policy,
            credentials,
            rename_commands: self.rename_commands.unwrap_or_default(),
            scripts: Scripts {
                notification: self.notification_script,
                client_reconfig: self.client_reconfig_script,
            },
            proxy: self.proxy.and_then(Door::address),
            proxy_replicas: self.proxy_replicas.and_then(Door::address),
        })
    }
}

/// The settings of the process as one source gives them; `None` is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub state_folder: Option<PathBuf>,
    pub store: etcd::Settings,
    pub report_every: Option<Duration>,
    pub log_format: Option<LogFormat>,
    pub log_level: Option<LogLevel>,
    pub sentinel: sentinel::Settings,
    pub http: Option<Door>,
}

impl Process {
    /// These settings, and those of `below` where these say nothing.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            state_folder: self.state_folder.or(below.state_folder),
            store: self.store.over(below.store),
            report_every: self.report_every.or(below.report_every),
            log_format: self.log_format.or(below.log_format),
            log_level: self.log_level.or(below.log_level),
            sentinel: self.sentinel.over(below.sentinel),
            http: self.http.or(below.http),
        }
    }
}

/// Where a door of ours listens, if it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Off,
    At(SocketAddr),
}

impl Door {
    pub(super) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl FromStr for Door {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| {
            format!("`{text}` is no address to listen on; write IP:PORT, 127.0.0.1:6380, or `off`")
        })
    }
}

/// How many monitors have to agree.
pub(crate) fn quorum(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| QUORUMS.contains(number));
    number.ok_or_else(|| {
        format!(
            "quorum must be a number of monitors from {} to {}, not {text}",
            QUORUMS.start(),
            QUORUMS.end()
        )
    })
}

/// Why a delay is refused, if it is. `name` is the setting.
pub(crate) fn check_delay(name: &str, value: Duration) -> Result<(), String> {
    let mut policy = Policy::default();
    match name {
        "crash_after" => policy.crash_after = value,
        "silent_after" => policy.silent_after = value,
        "hang_after" => policy.hang_after = Some(value),
        _ => policy.probe_every = value,
    }
    policy
        .validated()
        .map(drop)
        .map_err(|error| error.to_string())
}
