//! A client that wants to write once a millisecond, whatever happens.
//!
//! Every write has a time at which it was to be sent. While nobody takes writes they queue up, and
//! each one's wait counts from that time: a client that stopped sending while it got no answers
//! would not notice most of the outage.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use redis_cluster_monitor::local::Reply;

use super::account::{Account, Written};
use super::route::{Connection, Nowhere};
use super::{Route, Worker};
use crate::island::Ferry;

const WRITE_EVERY: Duration = Duration::from_millis(1);

/// Until the next try when there is no primary, or it does not take the write.
const TRY_AGAIN_AFTER: Duration = Duration::from_micros(200);

/// Writes until it is stopped.
#[derive(Debug)]
pub(crate) struct Writer {
    worker: Worker<anyhow::Result<Account>>,
    acknowledged: Arc<AtomicUsize>,
}

/// What becomes of the writes that could not be sent in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    /// They are sent as soon as somebody takes them.
    Queue,
    /// They are given up: a client that shows what a node takes at the moment.
    Skip,
}

/// What came of one try.
enum Outcome {
    Acknowledged(Option<SocketAddr>),
    Failed,
    NotTried,
}

impl Writer {
    /// A client that goes where the primary is.
    pub(crate) fn start(route: Route) -> Self {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&acknowledged);
        let worker = Worker::start(move |stopping| {
            Ok(write("write", &route, Late::Queue, &count, stopping))
        });
        Self {
            worker,
            acknowledged,
        }
    }

    /// A client that stays with one node, on that node's host if this is one of its own.
    pub(crate) fn loyal(node: SocketAddr, ferry: Option<Ferry>) -> Self {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&acknowledged);
        let worker = Worker::start(move |stopping| {
            if let Some(ferry) = ferry {
                ferry.enter()?;
            }
            let route = Route::Fixed(node);
            Ok(write("loyal", &route, Late::Skip, &count, stopping))
        });
        Self {
            worker,
            acknowledged,
        }
    }

    /// How many writes have been acknowledged until now.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(self) -> anyhow::Result<Account> {
        self.worker.stop().context("the writer panicked")?
    }
}

fn write(
    prefix: &'static str,
    route: &Route,
    late: Late,
    count: &AtomicUsize,
    stopping: &AtomicBool,
) -> Account {
    let mut account = Account::new(prefix);
    let mut connection = None;
    let mut due = Instant::now();
    for number in 0.. {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let acknowledged_by = loop {
            let begun = Instant::now();
            match try_once(&mut connection, route, &account.key(number)) {
                Outcome::Acknowledged(by) => break Some(by),
                Outcome::Failed => account.failed(begun, Instant::now()),
                Outcome::NotTried => {}
            }
            connection = None;
            if stopping.load(Ordering::Relaxed) {
                return account;
            }
            thread::sleep(TRY_AGAIN_AFTER);
            if late == Late::Skip {
                break None;
            }
        };
        let now = Instant::now();
        if let Some(by) = acknowledged_by {
            account.acknowledged(Written {
                number,
                due,
                acknowledged: now,
                by,
            });
            count.fetch_add(1, Ordering::Relaxed);
        }
        if stopping.load(Ordering::Relaxed) {
            break;
        }
        due += WRITE_EVERY;
        if late == Late::Skip {
            due = due.max(now);
        }
    }
    account
}

/// If it was not acknowledged, the connection is of no use any more.
fn try_once(connection: &mut Option<Connection>, route: &Route, key: &str) -> Outcome {
    if connection.is_none() {
        match route.connect() {
            Ok(new) => *connection = Some(new),
            Err(Nowhere::Unknown) => return Outcome::NotTried,
            Err(Nowhere::Unreachable) => return Outcome::Failed,
        }
    }
    let Some(Connection { client, node }) = connection else {
        return Outcome::NotTried;
    };
    match client.command(&["SET", key, "written"]) {
        Ok(Reply::Simple(ok)) if ok == "OK" => Outcome::Acknowledged(*node),
        Ok(_) | Err(_) => Outcome::Failed,
    }
}
