//! `HAProxy` before a group that others watch: as people set it up who have one address only.
//!
//! It knows nothing of who watches. It asks every node for its role, once a second unless told
//! otherwise, sends clients to whoever says that it is a primary, and ends the connections to a node
//! that no longer says so.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::behind::Front;
use super::port;

/// How often every node is asked; one answer is enough to believe it.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Debian does not put it where everybody looks.
const PLACES: [&str; 2] = ["haproxy", "/usr/sbin/haproxy"];

pub(super) fn front(nodes: &[SocketAddr]) -> anyhow::Result<Front> {
    let (binary, version) = find()?;
    let address = port::free([127, 0, 0, 1].into())?;
    let folder = tempfile::Builder::new().prefix("rcm-haproxy-").tempdir()?;
    let config = folder.path().join("haproxy.cfg");
    fs::write(&config, configuration(address, nodes)?)?;
    let mut command = Command::new(binary);
    command.arg("-db").arg("-f").arg(config);
    let every = humantime::format_duration(CHECK_EVERY).to_string();
    Ok(Front {
        name: "HAProxy",
        version,
        address,
        command,
        folder,
        parameters: BTreeMap::from([("haproxy-inter".to_owned(), every)]),
        question: &["ROLE"],
    })
}

fn configuration(address: SocketAddr, nodes: &[SocketAddr]) -> anyhow::Result<String> {
    let mut text = format!(
        "global\n    \
             log stderr format raw local0\n\
         defaults\n    \
             mode tcp\n    \
             timeout connect 1s\n    \
             timeout client 1h\n    \
             timeout server 1h\n    \
             timeout check 1s\n\
         frontend clients\n    \
             bind {address}\n    \
             default_backend primary\n\
         backend primary\n    \
             log global\n    \
             option tcp-check\n    \
             tcp-check send PING\\r\\n\n    \
             tcp-check expect string +PONG\n    \
             tcp-check send INFO\\ replication\\r\\n\n    \
             tcp-check expect string role:master\n    \
             tcp-check send QUIT\\r\\n\n    \
             tcp-check expect string +OK\n    \
             default-server check inter {}ms fall 1 rise 1 on-marked-down shutdown-sessions\n",
        CHECK_EVERY.as_millis()
    );
    for (number, node) in nodes.iter().enumerate() {
        writeln!(text, "    server node{number} {node}")?;
    }
    Ok(text)
}

/// The program, and its version.
fn find() -> anyhow::Result<(&'static str, String)> {
    let version = |place: &str| {
        let output = Command::new(place).arg("-v").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split(' ').nth(2)?.to_owned();
        output
            .status
            .success()
            .then_some(format!("haproxy {version}"))
    };
    let found = PLACES
        .into_iter()
        .find_map(|place| Some((place, version(place)?)));
    let (place, version) = found.context("cannot run haproxy; it is in the package haproxy")?;
    ensure!(!version.is_empty(), "{place} does not tell its version");
    Ok((place, version))
}
