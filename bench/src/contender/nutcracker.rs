//! nutcracker (twemproxy) before a group that others watch: it shares a few connections to one server
//! among all clients, and stays with that server whatever becomes of it.
//!
//! So it says what sharing costs, and nothing about failover.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, ensure};

use super::behind::Front;
use super::port;

/// Debian does not put it where everybody looks.
const PLACES: [&str; 2] = ["nutcracker", "/usr/sbin/nutcracker"];

/// It leads to `node`.
pub(super) fn front(node: SocketAddr) -> anyhow::Result<Front> {
    let (binary, version) = find()?;
    let address = port::free([127, 0, 0, 1].into())?;
    let statistics = port::free([127, 0, 0, 1].into())?;
    let folder = tempfile::Builder::new()
        .prefix("rcm-nutcracker-")
        .tempdir()?;
    let config = folder.path().join("nutcracker.yml");
    fs::write(&config, configuration(address, node))?;
    let mut command = Command::new(binary);
    command.arg("--conf-file").arg(config);
    command.args(["--stats-addr", &statistics.ip().to_string()]);
    command.args(["--stats-port", &statistics.port().to_string()]);
    command.arg("--pid-file").arg(folder.path().join("pid"));
    command.arg("--output").arg("/dev/stderr");
    Ok(Front {
        name: "nutcracker",
        version,
        address,
        command,
        folder,
        parameters: BTreeMap::new(),
        // It knows no commands but those about keys.
        question: &["GET", "nothing"],
    })
}

fn configuration(address: SocketAddr, node: SocketAddr) -> String {
    format!(
        "primary:\n  listen: {address}\n  redis: true\n  hash: fnv1a_64\n  \
         distribution: modula\n  servers:\n    - {node}:1\n"
    )
}

/// The program, and its version.
fn find() -> anyhow::Result<(&'static str, String)> {
    let version = |place: &str| {
        let output = Command::new(place).arg("--version").output().ok()?;
        // It is told as an error.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let version = text
            .split_whitespace()
            .nth(2)?
            .strip_prefix("nutcracker-")?;
        Some(format!("nutcracker {version}"))
    };
    let found = PLACES
        .into_iter()
        .find_map(|place| Some((place, version(place)?)));
    let found = found.context("cannot run nutcracker; it is in the package nutcracker")?;
    ensure!(!found.1.is_empty(), "{} does not tell its version", found.0);
    Ok(found)
}
