//! When a killed process is gone for everybody who dials it.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::Worker;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(100);

/// How often it dials in the beginning, and later: a large process takes its time to end, and its
/// queue of connections must not overflow meanwhile.
const DIAL_EVERY: Duration = Duration::from_micros(200);
const DIAL_LATER_EVERY: Duration = Duration::from_millis(2);
const LATER: Duration = Duration::from_millis(20);

/// No process takes so long to end.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// Dials until it is refused.
#[derive(Debug)]
pub(crate) struct Refusal(Worker<Option<Instant>>);

impl Refusal {
    pub(crate) fn watch(address: SocketAddr) -> Self {
        Self(Worker::start(move |stopping| {
            let start = Instant::now();
            while !stopping.load(Ordering::Relaxed) && start.elapsed() < GIVE_UP_AFTER {
                let dialled = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT);
                if dialled.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                    return Some(Instant::now());
                }
                let is_later = start.elapsed() > LATER;
                thread::sleep(if is_later {
                    DIAL_LATER_EVERY
                } else {
                    DIAL_EVERY
                });
            }
            None
        }))
    }

    /// When it was refused first. Waits for that.
    pub(crate) fn first(self) -> Option<Instant> {
        self.0.join().flatten()
    }
}
