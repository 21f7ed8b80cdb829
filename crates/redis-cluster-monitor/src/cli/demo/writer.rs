//! A program that writes a thousand times a second, and feels every failover.
//!
//! It writes to whoever the monitors name as primary, as any client that knows Sentinel, and counts
//! from the time at which it wanted to write, so that waiting does not hide an outage.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::monitors::GROUP;
use crate::local::{Client, Error, primary_of};

/// A program that writes until it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    ledger: Arc<Mutex<Ledger>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What was written, and when.
#[derive(Debug)]
struct Ledger {
    acknowledged: Vec<u64>,
    last: Instant,
    longest_gap: Duration,
    marked: usize,
    errors: usize,
}

/// What the writer felt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// The longest time between two acknowledged writes.
    pub(super) gap: Duration,
    /// Writes that ended in an error.
    pub(super) errors: usize,
    /// Writes acknowledged so far.
    pub(super) written: usize,
}

const EVERY: Duration = Duration::from_millis(1);
const TIMEOUT: Duration = Duration::from_millis(250);

impl Writer {
    pub(super) fn start(sentinels: Vec<SocketAddr>) -> Self {
        let ledger = Ledger {
            acknowledged: Vec::new(),
            last: now(),
            longest_gap: Duration::ZERO,
            marked: 0,
            errors: 0,
        };
        let ledger = Arc::new(Mutex::new(ledger));
        let stop = Arc::new(AtomicBool::new(false));
        let (book, stopped) = (Arc::clone(&ledger), Arc::clone(&stop));
        let thread = std::thread::spawn(move || write(sentinels, &book, &stopped));
        Self {
            ledger,
            stop,
            thread: Some(thread),
        }
    }

    /// An outage is about to begin.
    pub(super) fn mark(&self) {
        let mut ledger = self.ledger();
        ledger.marked = ledger.acknowledged.len();
        ledger.longest_gap = Duration::ZERO;
        ledger.errors = 0;
    }

    /// Whether writes have been acknowledged for a while again since the mark.
    pub(super) fn is_over_it(&self) -> bool {
        let ledger = self.ledger();
        ledger.errors > 0 && ledger.acknowledged.len() > ledger.marked + 200
    }

    pub(super) fn outage(&self) -> Outage {
        let ledger = self.ledger();
        Outage {
            gap: ledger.longest_gap,
            errors: ledger.errors,
            written: ledger.acknowledged.len(),
        }
    }

    /// How many acknowledged writes the primary does not have.
    pub(super) fn lost(&self, primary: SocketAddr) -> Result<usize, Error> {
        let numbers = self.ledger().acknowledged.clone();
        let mut client = Client::connect(primary, Duration::from_secs(5))?;
        let mut found = 0;
        for chunk in numbers.chunks(1_000) {
            let keys = chunk.iter().map(|number| format!("demo:{number}"));
            let words: Vec<String> = std::iter::once("EXISTS".to_owned()).chain(keys).collect();
            found += client.text(&words)?.parse().unwrap_or(0);
        }
        Ok(numbers.len().saturating_sub(found))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only ends by the flag, and what it could say is in the ledger.
            drop(thread.join());
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a writer has a rate, and waits for nothing else"
)]
fn write(sentinels: Vec<SocketAddr>, ledger: &Mutex<Ledger>, stop: &AtomicBool) {
    let mut connection = Connection {
        sentinels,
        client: None,
    };
    let mut due = now();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        due += EVERY;
        std::thread::sleep(due.saturating_duration_since(now()));
        number += 1;
        let acknowledged = connection.write(number);
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if acknowledged {
            let at = now();
            ledger.longest_gap = ledger
                .longest_gap
                .max(at.saturating_duration_since(ledger.last));
            ledger.last = at;
            ledger.acknowledged.push(number);
        } else {
            ledger.errors += 1;
        }
    }
}

/// To the primary, while there is one.
struct Connection {
    sentinels: Vec<SocketAddr>,
    client: Option<Client>,
}

impl Connection {
    /// Whether the write was acknowledged.
    fn write(&mut self, number: u64) -> bool {
        if self.client.is_none() {
            self.client = self.connect();
        }
        let Some(client) = &mut self.client else {
            return false;
        };
        let done = client
            .text(&["SET", &format!("demo:{number}"), "x"])
            .is_ok();
        if !done {
            self.client = None;
        }
        done
    }

    fn connect(&mut self) -> Option<Client> {
        // The next time another one is asked: this one may be dead, or behind.
        self.sentinels.rotate_left(1);
        let primary = primary_of(*self.sentinels.first()?, GROUP, TIMEOUT)?;
        Client::connect(primary, TIMEOUT).ok()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the writer is a client, with a clock of its own"
)]
fn now() -> Instant {
    Instant::now()
}
