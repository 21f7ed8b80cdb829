//! Who is what, asked with ROLE over warm connections, one thread per node.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use redis_cluster_monitor::local::{Client, Reply};

use super::Worker;
use crate::stop;

/// Bounds the error of every time that is measured by roles.
const ASK_EVERY: Duration = Duration::from_micros(200);

/// The first primary matters only when it comes back, and serves the writer until then.
const ASK_FIRST_EVERY: Duration = Duration::from_millis(1);

/// A node that is mute so long is not known to be anything.
const MUTE_AFTER: Duration = Duration::from_millis(100);

/// How long a condition is waited for before the wish to stop is looked at.
const WAIT: Duration = Duration::from_millis(50);

/// What a node says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It does not answer.
    Unknown,
    Primary,
    /// `is_attached` when it receives the stream.
    Replica {
        of: SocketAddr,
        is_attached: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Change {
    at: Instant,
    node: usize,
    role: Role,
}

/// The roles of all nodes, and every change of them. Node 0 is the first primary.
#[derive(Debug)]
pub(crate) struct Watch {
    log: Arc<Log>,
    addresses: Vec<SocketAddr>,
    /// Only dropped.
    _workers: Vec<Worker<()>>,
}

#[derive(Debug, Default)]
struct Log {
    changes: Mutex<Vec<Change>>,
    changed: Condvar,
}

impl Watch {
    pub(crate) fn start(addresses: Vec<SocketAddr>) -> Self {
        let log = Arc::new(Log::default());
        let watch = |(node, &address): (usize, &SocketAddr)| {
            let log = Arc::clone(&log);
            Worker::start(move |stopping| log.follow(node, address, stopping))
        };
        let workers = addresses.iter().enumerate().map(watch).collect();
        Self {
            log,
            addresses,
            _workers: workers,
        }
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The node that became a primary last, of those that are one now.
    pub(crate) fn primary(&self) -> Option<usize> {
        let changes = self.log.changes();
        let roles = self.roles(&changes);
        let claims = changes
            .iter()
            .rev()
            .filter(|change| change.role == Role::Primary);
        claims
            .map(|change| change.node)
            .find(|&node| roles[node] == Role::Primary)
    }

    /// How many others than the first primary have been a primary since then.
    pub(crate) fn promotions(&self, since: Instant) -> usize {
        let changes = self.log.changes();
        let is_promoted = |node: usize| {
            let mut its = changes.iter().filter(|change| change.node == node);
            its.any(|change| change.at >= since && change.role == Role::Primary)
        };
        (1..self.addresses.len())
            .filter(|node| is_promoted(*node))
            .count()
    }

    /// When the roles of all nodes first satisfied `condition`, not before `since`. What the
    /// condition knows of the time before is what it left.
    pub(crate) fn wait(
        &self,
        since: Instant,
        deadline: Duration,
        what: &str,
        condition: impl Fn(&[Role]) -> bool,
    ) -> anyhow::Result<Instant> {
        let start = Instant::now();
        let mut changes = self.log.changes();
        loop {
            if let Some(at) = self.first_time(&changes, since, &condition) {
                return Ok(at);
            }
            stop::check()?;
            if start.elapsed() >= deadline {
                bail!("{what}: not reached within {deadline:?}");
            }
            changes = self
                .log
                .changed
                .wait_timeout(changes, WAIT)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// As [`Self::wait`], of what has been seen until now.
    pub(crate) fn seen(
        &self,
        since: Instant,
        condition: impl Fn(&[Role]) -> bool,
    ) -> Option<Instant> {
        self.first_time(&self.log.changes(), since, condition)
    }

    fn first_time(
        &self,
        changes: &[Change],
        since: Instant,
        condition: impl Fn(&[Role]) -> bool,
    ) -> Option<Instant> {
        let earlier = changes.partition_point(|change| change.at < since);
        let mut roles = self.roles(&changes[..earlier]);
        if condition(&roles) {
            return Some(since);
        }
        changes[earlier..].iter().find_map(|change| {
            roles[change.node] = change.role;
            condition(&roles).then_some(change.at)
        })
    }

    fn roles(&self, changes: &[Change]) -> Vec<Role> {
        let mut roles = vec![Role::Unknown; self.addresses.len()];
        for change in changes {
            roles[change.node] = change.role;
        }
        roles
    }
}

impl Log {
    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks one node until told to stop.
    fn follow(&self, node: usize, address: SocketAddr, stopping: &AtomicBool) {
        let every = if node == 0 {
            ASK_FIRST_EVERY
        } else {
            ASK_EVERY
        };
        let mut connection = None;
        let mut last = Role::Unknown;
        while !stopping.load(Ordering::Relaxed) {
            let role = ask(&mut connection, address).unwrap_or_else(|| {
                connection = None;
                Role::Unknown
            });
            if role != last {
                last = role;
                // Timed under the lock, so that the log is in order.
                let mut changes = self.changes();
                let at = Instant::now();
                changes.push(Change { at, node, role });
                drop(changes);
                self.changed.notify_all();
            }
            thread::sleep(every);
        }
    }
}

fn ask(connection: &mut Option<Client>, address: SocketAddr) -> Option<Role> {
    if connection.is_none() {
        *connection = Client::connect(address, MUTE_AFTER).ok();
    }
    match connection.as_mut()?.command(&["ROLE"]).ok()? {
        Reply::Array(words) => parse(&words),
        // Still reading its data: it takes no writes, so it is no primary yet.
        Reply::Error(text) if text.starts_with("LOADING") => Some(Role::Unknown),
        Reply::Error(_) | Reply::Simple(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Null => {
            None
        }
    }
}

fn parse(words: &[Reply]) -> Option<Role> {
    match words {
        [Reply::Bulk(role), ..] if role == b"master" => Some(Role::Primary),
        [
            Reply::Bulk(role),
            Reply::Bulk(ip),
            Reply::Integer(port),
            Reply::Bulk(link),
            ..,
        ] if role == b"slave" => {
            let ip = std::str::from_utf8(ip).ok()?.parse().ok()?;
            let of = SocketAddr::new(ip, u16::try_from(*port).ok()?);
            let is_attached = link == b"connected";
            Some(Role::Replica { of, is_attached })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.into())
    }

    #[test]
    fn roles_are_read() {
        assert_eq!(
            parse(&[bulk("master"), Reply::Integer(0)]),
            Some(Role::Primary)
        );
        let replica = |link| {
            let words = [
                bulk("slave"),
                bulk("127.0.0.1"),
                Reply::Integer(7),
                bulk(link),
            ];
            parse(&words)
        };
        let of = "127.0.0.1:7".parse().unwrap();
        for (link, is_attached) in [("connected", true), ("sync", false)] {
            assert_eq!(replica(link), Some(Role::Replica { of, is_attached }));
        }
        assert_eq!(parse(&[bulk("sentinel")]), None);
    }

    #[test]
    fn a_condition_is_timed_by_the_change_that_satisfied_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let change = |ms, node, role| Change {
            at: at(ms),
            node,
            role,
        };
        let changes = [
            change(1, 0, Role::Primary),
            change(5, 0, Role::Unknown),
            change(9, 1, Role::Primary),
        ];
        let watch = Watch {
            log: Arc::default(),
            addresses: vec![([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()],
            _workers: Vec::new(),
        };
        *watch.log.changes() = changes.to_vec();

        let first = |since, node: usize| {
            watch.first_time(&changes, at(since), |roles| roles[node] == Role::Primary)
        };
        assert_eq!(first(0, 0), Some(at(1)));
        assert_eq!(first(2, 0), Some(at(2)));
        assert_eq!(first(6, 0), None);
        assert_eq!(first(2, 1), Some(at(9)));
        assert_eq!(watch.primary(), Some(1));
    }
}
