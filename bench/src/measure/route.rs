//! How a client finds the primary.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use redis_cluster_monitor::local::{Client, Reply};

use super::Watch;

/// A request without an answer for so long is tried again on a new connection, by a client that can
/// find out that somebody else is the primary. Not shorter: a primary that writes to its disk is
/// mute for a while.
const DOUBT_AFTER: Duration = Duration::from_millis(100);

/// The same where there is one address only and nothing to find out: what client libraries wait.
const WAIT_FOR: Duration = Duration::from_secs(5);

/// A client's way to the primary.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// It asks all nodes, all the time: what is possible.
    Direct {
        watch: Arc<Watch>,
        doubt_after: Duration,
    },
    /// It asks Sentinels, in their order, whenever it has lost the primary.
    Asked {
        sentinels: Vec<SocketAddr>,
        group: String,
    },
    /// It knows one address: a proxy.
    Proxy(SocketAddr),
    /// It knows one node, and stays with it whatever becomes of it.
    Fixed(SocketAddr),
}

/// A connection to somebody who may take writes.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// Which node it is; behind a proxy nobody knows.
    pub(super) node: Option<SocketAddr>,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nowhere {
    /// Nobody is said to be the primary. No request was in vain.
    Unknown,
    /// Who is said to be the primary, or the proxy, cannot be reached.
    Unreachable,
}

impl Route {
    /// All nodes are asked who it is.
    pub(crate) fn direct(watch: Arc<Watch>) -> Self {
        let doubt_after = DOUBT_AFTER;
        Self::Direct { watch, doubt_after }
    }

    /// The same for a client that knows that its server may be slow.
    pub(crate) fn patient(mut self) -> Self {
        if let Self::Direct { doubt_after, .. } = &mut self {
            *doubt_after = WAIT_FOR;
        }
        self
    }

    /// Where to write to now.
    pub(super) fn connect(&self) -> Result<Connection, Nowhere> {
        let (address, patience) = match self {
            Self::Direct { watch, doubt_after } => {
                let primary = watch.primary().ok_or(Nowhere::Unknown)?;
                (watch.addresses()[primary], *doubt_after)
            }
            Self::Asked { sentinels, group } => {
                let told = sentinels.iter().find_map(|&sentinel| ask(sentinel, group));
                (told.ok_or(Nowhere::Unknown)?, DOUBT_AFTER)
            }
            Self::Proxy(address) => (*address, WAIT_FOR),
            Self::Fixed(address) => (*address, DOUBT_AFTER),
        };
        let client = Client::connect(address, patience).map_err(|_| Nowhere::Unreachable)?;
        let node = (!matches!(self, Self::Proxy(_))).then_some(address);
        Ok(Connection { client, node })
    }
}

/// Who is the primary, by one Sentinel, over a new connection.
fn ask(sentinel: SocketAddr, group: &str) -> Option<SocketAddr> {
    primary_by(&mut Client::connect(sentinel, DOUBT_AFTER).ok()?, group)
}

/// Who is the primary, by whoever speaks Sentinel's language at the other end.
pub(super) fn primary_by(sentinel: &mut Client, group: &str) -> Option<SocketAddr> {
    let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", group];
    match sentinel.command(&command).ok()? {
        Reply::Array(words) => address(&words),
        Reply::Simple(_) | Reply::Error(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Null => {
            None
        }
    }
}

fn address(words: &[Reply]) -> Option<SocketAddr> {
    let [Reply::Bulk(ip), Reply::Bulk(port)] = words else {
        return None;
    };
    let ip = std::str::from_utf8(ip).ok()?.parse().ok()?;
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentinels_answer_is_an_address() {
        let answer = ["127.0.0.1", "7001"].map(|word| Reply::Bulk(word.into()));
        assert_eq!(address(&answer), Some(([127, 0, 0, 1], 7001).into()));
        assert_eq!(address(&answer[..1]), None);
    }

    #[test]
    fn nobody_answering_is_not_the_same_as_nobody_known() {
        // Port 1 of loopback is nobody's.
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        let asked = Route::Asked {
            sentinels: vec![nobody],
            group: "mymaster".into(),
        };
        assert_eq!(asked.connect().unwrap_err(), Nowhere::Unknown);
        let proxy = Route::Proxy(nobody);
        assert_eq!(proxy.connect().unwrap_err(), Nowhere::Unreachable);
    }
}
