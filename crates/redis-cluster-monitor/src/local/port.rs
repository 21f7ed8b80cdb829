//! Ports that stay free for a server while it is down.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Below the ports that systems give to outgoing connections (Linux: 32768 and up). From there, a
/// client that keeps dialling a server that was killed would one day be given that very port as its
/// own, connect to itself, and the server could not come back.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A random start, so that two processes rarely meet; then one after the other, so that within a
/// process no port is given twice, even if its server is down just now.
static NEXT: LazyLock<AtomicU64> =
    LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(FIRST) >> 1));

/// A port that nobody listens on at `ip`. Somebody may, by the time the server does.
pub(super) fn free(ip: IpAddr) -> u16 {
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % u64::from(COUNT);
        let port = FIRST + u16::try_from(next).expect("the remainder is below a u16");
        if TcpListener::bind((ip, port)).is_ok() {
            return port;
        }
    }
}
