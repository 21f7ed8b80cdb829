//! Where it was measured, and with which programs.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::Command;
use std::thread;

use serde::{Deserialize, Serialize};

/// The machine. What cannot be found out is empty or zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Machine {
    pub(crate) system: String,
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    pub(crate) memory_mb: u64,
}

/// The programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Versions {
    pub(crate) kernel: String,
    /// The data nodes.
    pub(crate) server: String,
    pub(crate) contender: String,
    /// The commit of this source tree; `+` means that there were changes.
    pub(crate) source: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let field = |path: &str, name: &str| {
            let text = fs::read_to_string(path).ok()?;
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kilobytes: Option<u64> = memory.split(' ').next().and_then(|n| n.parse().ok());
        Self {
            system: format!("{} {}", env::consts::OS, env::consts::ARCH),
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            cpus: thread::available_parallelism().map_or(0, usize::from),
            memory_mb: kilobytes.unwrap_or(0) / 1024,
        }
    }
}

impl Versions {
    /// All but the contender's. `server` is what INFO says.
    pub(crate) fn here(server: &BTreeMap<String, String>) -> Self {
        Self {
            kernel: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            server: server_version(server),
            contender: String::new(),
            source: source(),
        }
    }
}

/// The name and version of a server or Sentinel by its INFO.
pub(crate) fn server_version(info: &BTreeMap<String, String>) -> String {
    // Valkey also tells the Redis version with which it is compatible.
    let told = |name: &str| {
        info.get(&format!("{name}_version"))
            .map(|its| format!("{name} {its}"))
    };
    told("valkey").or_else(|| told("redis")).unwrap_or_default()
}

/// How many processes wanted to run, on average over the last minute.
pub(crate) fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

fn source() -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .args(["-C", env!("CARGO_MANIFEST_DIR")])
            .args(words)
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    let changes = git(&["status", "--porcelain"]).unwrap_or_default();
    commit + if changes.is_empty() { "" } else { "+" }
}
