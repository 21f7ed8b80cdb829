//! What all clients of a group on one thread share.
//!
//! Nothing in it is touched by another thread while requests pass, except for counters that readers
//! look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::counters::Counters;
use crate::clock::Clock;
use crate::config::Proxy as Settings;

/// What all clients of a group on one thread share.
pub(super) struct Room {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) counters: Arc<Counters>,
    /// Clients that wait for a reply.
    busy: AtomicUsize,
    calm: Notify,
    /// Bytes that wait for a primary.
    held: AtomicUsize,
}

/// Whether one client waits for a reply, as the room knows.
pub(super) struct Busy {
    room: Arc<Room>,
    waits: bool,
    held: usize,
}

impl Room {
    pub(super) fn new(settings: Settings, clock: Clock, counters: Arc<Counters>) -> Self {
        Self {
            settings,
            clock,
            counters,
            busy: AtomicUsize::new(0),
            calm: Notify::new(),
            held: AtomicUsize::new(0),
        }
    }

    /// Whether no client waits for a reply.
    pub(super) fn is_calm(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    /// Waits until the last client has got its reply.
    pub(super) async fn calmed(&self) {
        self.calm.notified().await;
    }

    /// Whether more waits for a primary than is allowed.
    pub(super) fn is_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.settings.hold_bytes
    }
}

impl Busy {
    pub(super) const fn new(room: Arc<Room>) -> Self {
        Self {
            room,
            waits: false,
            held: 0,
        }
    }

    pub(super) fn set(&mut self, is_busy: bool) {
        if is_busy == self.waits {
            return;
        }
        self.waits = is_busy;
        if is_busy {
            self.room.busy.fetch_add(1, Ordering::Relaxed);
        } else if self.room.busy.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.room.calm.notify_one();
        }
    }

    /// So many bytes of the client wait for a primary.
    pub(super) fn hold(&mut self, bytes: usize) {
        if bytes > self.held {
            self.room
                .held
                .fetch_add(bytes - self.held, Ordering::Relaxed);
        } else {
            self.room
                .held
                .fetch_sub(self.held - bytes, Ordering::Relaxed);
        }
        self.held = bytes;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.set(false);
        self.hold(0);
    }
}
