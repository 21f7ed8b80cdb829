//! How the proxies behave, for all groups.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use super::{Network, duration};

/// The settings of all proxies of this process.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the operator that have nothing to do with each other"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How long a request waits for a primary before it is answered with an error.
    pub hold_for: Duration,
    /// While the primary is suspected, a request that is unanswered for so long holds those after it.
    pub hold_after: Duration,
    /// The most bytes that wait, of all clients of a group.
    pub hold_bytes: usize,
    /// How long a connect to the primary may take.
    pub connect_within: Duration,
    /// A client that reads nothing for so long although replies wait is disconnected.
    pub slow_after: Duration,
    /// A client that sends nothing for so long is disconnected; zero is never.
    pub idle_after: Duration,
    /// At the end, how long replies that are due are waited for.
    pub drain_within: Duration,
    /// The most clients of a group.
    pub max_clients: usize,
    /// What becomes of requests whose outcome is unknown.
    pub indeterminate: Indeterminate,
    /// How many threads serve the clients of one group.
    pub threads: usize,
    /// Whether requests that depend on nothing but keys share connections to the server.
    pub share: bool,
    /// How old what a replica holds may be, for those who read from replicas; zero is as old as it
    /// likes.
    pub replica_max_lag: Duration,
    /// How many bytes of the stream a replica may lack; zero is as many as it likes.
    pub replica_max_lag_bytes: u64,
    /// Whether reads go to the primary while no replica is fit.
    pub replica_fallback: bool,
    /// Whether clients that ask for it are told of failovers.
    pub notifications: bool,
    /// Whether load balancers say whom they speak for, by the PROXY protocol.
    pub proxy_protocol: bool,
    /// Where these load balancers are: nobody else is heard on whom it speaks for.
    pub proxy_protocol_from: Vec<Network>,
}

/// What becomes of requests whose outcome is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indeterminate {
    /// The client is disconnected, which is what it expects of any lost connection.
    #[default]
    Disconnect,
    /// It gets an error for each of them.
    Error,
}

impl FromStr for Indeterminate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "disconnect" => Ok(Self::Disconnect),
            "error" => Ok(Self::Error),
            _ => Err("`indeterminate` is one of \"disconnect\", \"error\""),
        }
    }
}

/// More help nobody: a primary has one.
const MOST_THREADS: usize = 64;

/// Reads the duration of a setting. Only what happens to idle clients, and how old a replica may be,
/// can be turned off.
pub(super) fn period(key: &str, text: &str) -> Result<Duration, String> {
    if ["idle_after", "replica_max_lag"].contains(&key) {
        return duration::parse_or_off(text).map_err(|error| error.to_string());
    }
    let period = duration::parse(text).map_err(|error| error.to_string())?;
    if period.is_zero() {
        return Err(format!("`{key}` must be longer than nothing"));
    }
    Ok(period)
}

/// Checks the number of a setting; `None` is none at all.
pub(super) fn number(key: &str, number: Option<usize>) -> Result<usize, String> {
    let most = if key == "threads" {
        MOST_THREADS
    } else {
        usize::MAX
    };
    let number = number.filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        if most < usize::MAX {
            format!("`{key}` must be a number from 1 to {most}")
        } else {
            format!("`{key}` must be a number above zero")
        }
    })
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            hold_for: Duration::from_secs(10),
            hold_after: Duration::from_millis(100),
            hold_bytes: 64 << 20,
            connect_within: Duration::from_secs(1),
            slow_after: Duration::from_secs(60),
            idle_after: Duration::ZERO,
            drain_within: Duration::from_secs(5),
            max_clients: 10_000,
            indeterminate: Indeterminate::Disconnect,
            threads: 1,
            share: true,
            replica_max_lag: Duration::from_secs(5),
            replica_max_lag_bytes: 0,
            replica_fallback: true,
            notifications: false,
            proxy_protocol: false,
            proxy_protocol_from: vec![
                Network::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
                Network::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
            ],
        }
    }
}

impl Proxy {
    /// Whether a connection from `peer` has to say whom it speaks for.
    pub fn is_load_balancer(&self, peer: IpAddr) -> bool {
        let mut known = self.proxy_protocol_from.iter();
        self.proxy_protocol && known.any(|network| network.contains(peer))
    }
}
