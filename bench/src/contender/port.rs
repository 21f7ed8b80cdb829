//! Ports for programs that must be found at the same one after a restart.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::Context;

/// Above the ports of the servers, below those that systems give to outgoing connections.
const FIRST: u16 = 30_000;
const COUNT: u16 = 2_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A place at `ip` where nobody listens, and that is not given twice soon.
pub(super) fn free(ip: IpAddr) -> anyhow::Result<SocketAddr> {
    // Processes side by side begin at different places.
    let [.., high, low] = process::id().to_be_bytes();
    let begin = u16::from_be_bytes([high, low]);
    (0..COUNT)
        .map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .map(|next| SocketAddr::new(ip, FIRST + next))
        .find(|address| TcpListener::bind(address).is_ok())
        .with_context(|| format!("no port of {ip} is free"))
}
