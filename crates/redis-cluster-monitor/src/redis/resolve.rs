//! From a host name to IP addresses, without ever making a node wait for it twice.
//!
//! Decided here: an address that worked is kept until the name no longer means it. A name that
//! stopped resolving is no reason to stop looking at the node it meant.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::observation::Failure;
use rcm_core::time::Instant;
use tokio::net::lookup_host;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::clock::Clock;

/// How long the first answer is waited for.
const WITHIN: Duration = Duration::from_secs(1);
/// A name is not looked up more often than this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is known about one host name.
pub(super) struct Resolver {
    address: Address,
    /// The one that accepted a connection last.
    good: Option<IpAddr>,
    /// All that the name means, in the order of the system's preference.
    found: Vec<IpAddr>,
    lookup: Option<JoinHandle<io::Result<Vec<IpAddr>>>>,
    looked_up: Option<Instant>,
}

impl Resolver {
    pub(super) fn new(address: Address) -> Self {
        Self {
            good: address.ip(),
            address,
            found: Vec::new(),
            lookup: None,
            looked_up: None,
        }
    }

    /// Where to connect to, the best first; never empty. A lookup goes on in the background while
    /// there is something to try.
    pub(super) async fn candidates(&mut self, now: Instant) -> Result<Vec<SocketAddr>, Failure> {
        if self.address.ip().is_none() {
            self.look_up(now).await;
        }
        let port = self.address.port();
        let candidates: Vec<_> = match self.good {
            Some(good) => vec![SocketAddr::new(good, port)],
            None => self
                .found
                .iter()
                .map(|&ip| SocketAddr::new(ip, port))
                .collect(),
        };
        if candidates.is_empty() {
            return Err(Failure::Unresolved);
        }
        Ok(candidates)
    }

    /// Remembers the address that worked.
    pub(super) const fn worked(&mut self, ip: IpAddr) {
        self.good = Some(ip);
    }

    async fn look_up(&mut self, now: Instant) {
        let is_due = self.looked_up.is_none_or(|at| now.since(at) >= AGAIN_AFTER);
        if self.lookup.is_none() && is_due {
            self.looked_up = Some(now);
            self.lookup = Some(tokio::spawn(find(self.address.clone())));
        }
        let has_something = self.good.is_some() || !self.found.is_empty();
        let Some(lookup) = &mut self.lookup else {
            return;
        };
        if has_something && !lookup.is_finished() {
            return;
        }
        // Not aborted when time is up: the system's resolver goes on in its thread anyway, and
        // there must never be two of them for one name.
        let Ok(finished) = timeout(WITHIN, lookup).await else {
            return;
        };
        self.lookup = None;
        if let Ok(Ok(found)) = finished
            && !found.is_empty()
        {
            self.good = self.good.filter(|good| found.contains(good));
            self.found = found;
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        if let Some(lookup) = &self.lookup {
            lookup.abort();
        }
    }
}

async fn find(address: Address) -> io::Result<Vec<IpAddr>> {
    let found = lookup_host((address.host(), address.port())).await?;
    let mut ips = Vec::new();
    for ip in found.map(|address| address.ip()) {
        if !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    Ok(ips)
}

/// Looks a name up once.
pub(super) async fn once(address: &Address, clock: Clock) -> Result<Vec<SocketAddr>, Failure> {
    Resolver::new(address.clone()).candidates(clock.now()).await
}
