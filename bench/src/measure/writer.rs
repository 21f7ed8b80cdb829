//! A client that wants to write once a millisecond, whatever happens.
//!
//! Every write has a time at which it was to be sent. While nobody takes writes they queue up, and
//! each one's wait counts from that time: a client that stopped sending while it got no answers
//! would not notice most of the outage.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use redis_cluster_monitor::local::{Client, Reply};

use super::{Watch, Worker};

const WRITE_EVERY: Duration = Duration::from_millis(1);

/// A write without an answer for so long is tried again on a new connection. By then the watch knows
/// that the primary is mute. Not shorter: a primary that writes to its disk is mute for a while.
const GIVE_UP_AFTER: Duration = Duration::from_millis(100);

/// Until the next try when there is no primary, or it does not take the write.
const TRY_AGAIN_AFTER: Duration = Duration::from_micros(200);

/// How many writes are looked for at once in the end.
const CHUNK: usize = 500;

/// One write that was acknowledged.
#[derive(Clone, Copy, Debug)]
struct Written {
    number: u64,
    /// When it was to be sent.
    due: Instant,
    acknowledged: Instant,
}

/// Writes until it is stopped, to whoever is primary by the watch.
#[derive(Debug)]
pub(crate) struct Writer(Worker<Vec<Written>>);

impl Writer {
    pub(crate) fn start(watch: Arc<Watch>) -> Self {
        Self(Worker::start(move |stopping| write(&watch, stopping)))
    }

    pub(crate) fn stop(self) -> anyhow::Result<Account> {
        let written = self.0.stop().context("the writer panicked")?;
        Ok(Account { written })
    }
}

/// All acknowledged writes.
#[derive(Debug)]
pub(crate) struct Account {
    written: Vec<Written>,
}

impl Account {
    /// The longest wait of the writes that were acknowledged after `since`.
    pub(crate) fn longest_wait(&self, since: Instant) -> Option<Duration> {
        let later = self
            .written
            .iter()
            .filter(|write| write.acknowledged >= since);
        later.map(|write| write.acknowledged - write.due).max()
    }

    /// How many writes the node does not have.
    pub(crate) fn missing(&self, node: SocketAddr) -> anyhow::Result<usize> {
        let mut client = Client::connect(node, Duration::from_secs(5))?;
        let mut missing = 0;
        for chunk in self.written.chunks(CHUNK) {
            let keys = chunk.iter().map(|write| key(write.number));
            let command: Vec<_> = ["MGET".to_owned()].into_iter().chain(keys).collect();
            let reply = client.command(&command)?;
            let Reply::Array(values) = &reply else {
                anyhow::bail!("MGET: unexpected reply {reply}");
            };
            let without = chunk
                .iter()
                .zip(values)
                .filter(|(_, value)| **value == Reply::Null);
            missing += without.count();
        }
        Ok(missing)
    }
}

fn write(watch: &Watch, stopping: &AtomicBool) -> Vec<Written> {
    let mut connection = None;
    let mut all = Vec::new();
    let mut due = Instant::now();
    for number in 0.. {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        while !try_once(&mut connection, watch, number) {
            connection = None;
            if stopping.load(Ordering::Relaxed) {
                return all;
            }
            thread::sleep(TRY_AGAIN_AFTER);
        }
        let acknowledged = Instant::now();
        all.push(Written {
            number,
            due,
            acknowledged,
        });
        due += WRITE_EVERY;
        if stopping.load(Ordering::Relaxed) {
            break;
        }
    }
    all
}

/// Whether it was acknowledged. If not, the connection is of no use any more.
fn try_once(connection: &mut Option<Client>, watch: &Watch, number: u64) -> bool {
    if connection.is_none()
        && let Some(primary) = watch.primary()
    {
        *connection = Client::connect(watch.addresses()[primary], GIVE_UP_AFTER).ok();
    }
    let reply = connection
        .as_mut()
        .map(|client| client.command(&["SET", &key(number), "written"]));
    matches!(reply, Some(Ok(Reply::Simple(ok))) if ok == "OK")
}

fn key(number: u64) -> String {
    format!("write:{number}")
}
