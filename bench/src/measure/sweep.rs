//! When each of many groups has a new primary.
//!
//! One thread asks the replicas of all groups in turn, over connections that are open before. Where
//! nobody is a primary yet it comes back when it has asked all others, so that many groups at once
//! are timed less exactly than one: a round takes some 0.05 ms per replica.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use redis_cluster_monitor::local::{Client, Reply};

use super::Worker;
use crate::stop;

/// Between two rounds, so that it takes no processor from those who work.
const REST: Duration = Duration::from_micros(500);

/// Who is mute so long is asked again on a new connection.
const MUTE_AFTER: Duration = Duration::from_millis(500);

/// How long a promotion is waited for before the wish to stop is looked at.
const WAIT: Duration = Duration::from_millis(50);

/// Asks until every group has a new primary, or until it is dropped.
#[derive(Debug)]
pub(crate) struct Sweep {
    promoted: Receiver<Instant>,
    groups: usize,
    /// Only dropped.
    _worker: Worker<()>,
}

/// A replica, and the connection to it while there is one: who promotes it may end that.
#[derive(Debug)]
struct Replica {
    address: SocketAddr,
    connection: Option<Client>,
}

impl Sweep {
    /// `groups` are the replicas of each.
    pub(crate) fn start(groups: &[Vec<SocketAddr>]) -> Self {
        let connected = |replicas: &Vec<_>| replicas.iter().map(Replica::connected).collect();
        let replicas = groups.iter().map(connected).collect();
        let (tell, promoted) = mpsc::channel();
        let worker = Worker::start(move |stopping| ask(replicas, &tell, stopping));
        Self {
            promoted,
            groups: groups.len(),
            _worker: worker,
        }
    }

    /// When each group had its new primary, in the order of time.
    pub(crate) fn wait(self, deadline: Duration) -> anyhow::Result<Vec<Instant>> {
        let start = Instant::now();
        let mut times = Vec::new();
        while times.len() < self.groups {
            stop::check()?;
            match self.promoted.recv_timeout(WAIT) {
                Ok(at) => times.push(at),
                Err(RecvTimeoutError::Timeout) if start.elapsed() < deadline => {}
                Err(RecvTimeoutError::Timeout) => {
                    let (count, all) = (times.len(), self.groups);
                    bail!("{count} of {all} groups have a new primary after {deadline:?}");
                }
                Err(RecvTimeoutError::Disconnected) => bail!("who asks the replicas panicked"),
            }
        }
        Ok(times)
    }
}

impl Replica {
    fn connected(address: &SocketAddr) -> Self {
        Self {
            address: *address,
            connection: Client::connect(*address, MUTE_AFTER).ok(),
        }
    }

    fn is_primary(&mut self) -> bool {
        let Self {
            address,
            connection,
        } = self;
        if connection.is_none() {
            *connection = Client::connect(*address, MUTE_AFTER).ok();
        }
        let reply = connection.as_mut().map(|client| client.command(&["ROLE"]));
        let Some(Ok(Reply::Array(words))) = reply else {
            *connection = None;
            return false;
        };
        words.first() == Some(&Reply::Bulk(b"master".into()))
    }
}

fn ask(mut groups: Vec<Vec<Replica>>, tell: &Sender<Instant>, stopping: &AtomicBool) {
    while !groups.is_empty() && !stopping.load(Ordering::Relaxed) {
        groups.retain_mut(|group| {
            let is_promoted = group.iter_mut().any(Replica::is_primary);
            // Nobody listens any more when it is being dropped.
            !is_promoted || tell.send(Instant::now()).is_err()
        });
        thread::sleep(REST);
    }
}
