//! A client that notices every request that is lost, repeated or refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use redis_cluster_monitor::local::{Client, Reply};

use crate::monitor::SOON;

/// Counts up through the proxy, one request after the other, until it is told to stop. Its server
/// must have counted as far as itself at every reply.
pub(crate) struct Counting {
    stop: Arc<AtomicBool>,
    counted: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), String>>,
}

impl Counting {
    pub(crate) fn start(proxy: SocketAddr, key: String) -> Self {
        let (stop, counted) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&counted));
        let thread = std::thread::spawn(move || {
            let mut client = Client::connect(proxy, SOON).map_err(|error| error.to_string())?;
            for expected in 1.. {
                let reply = client
                    .command(&["INCR", &key])
                    .map_err(|error| error.to_string())?;
                if reply != Reply::Integer(expected) {
                    return Err(format!("{reply} instead of {expected}"));
                }
                count.store(expected.unsigned_abs(), Ordering::Relaxed);
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
            }
            Ok(())
        });
        Self {
            stop,
            counted,
            thread,
        }
    }

    /// How far it came; or what it noticed.
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().unwrap();
        self.counted.load(Ordering::Relaxed)
    }
}
