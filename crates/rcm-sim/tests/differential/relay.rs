//! Somebody between a replica and its primary who can lose a connection at one end only.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes on what both ends say, until it is dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    pairs: Arc<Mutex<Vec<Pair>>>,
    ends: Arc<AtomicBool>,
}

struct Pair {
    replica: TcpStream,
    primary: TcpStream,
    /// The replica's end is closed, and the primary is not told.
    is_lost: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn to(primary: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let relay = Self {
            address: listener.local_addr()?,
            pairs: Arc::default(),
            ends: Arc::default(),
        };
        let (pairs, ends) = (Arc::clone(&relay.pairs), Arc::clone(&relay.ends));
        thread::spawn(move || {
            for replica in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                // A primary that is gone is a connection that ends, which the replica sees.
                if let Ok(pair) = TcpStream::connect(primary).and_then(|to| join(replica, to)) {
                    pairs.lock().unwrap().push(pair);
                }
            }
        });
        Ok(relay)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the replica's end of what there is; the primary never hears of it.
    pub(crate) fn lose_silently(&self) {
        for pair in self.pairs.lock().unwrap().iter() {
            pair.is_lost.store(true, Ordering::SeqCst);
            pair.replica.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the listener up. What is closed already is just as well.
        TcpStream::connect(self.address).ok();
        for pair in self.pairs.lock().unwrap().drain(..) {
            pair.replica.shutdown(Shutdown::Both).ok();
            pair.primary.shutdown(Shutdown::Both).ok();
        }
    }
}

fn join(replica: TcpStream, primary: TcpStream) -> io::Result<Pair> {
    let is_lost = Arc::<AtomicBool>::default();
    pass_on(
        replica.try_clone()?,
        primary.try_clone()?,
        Arc::clone(&is_lost),
    );
    pass_on(
        primary.try_clone()?,
        replica.try_clone()?,
        Arc::clone(&is_lost),
    );
    Ok(Pair {
        replica,
        primary,
        is_lost,
    })
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_lost: Arc<AtomicBool>) {
    thread::spawn(move || {
        // However it ends: the other end hears of it, unless that is what is to be lost.
        io::copy(&mut from, &mut to).ok();
        if !is_lost.load(Ordering::SeqCst) {
            from.shutdown(Shutdown::Both).ok();
            to.shutdown(Shutdown::Both).ok();
        }
    });
}
