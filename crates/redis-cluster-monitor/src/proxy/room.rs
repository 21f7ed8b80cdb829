//! What clients of a group on one thread share, who are at the same server.
//!
//! Nothing in it is touched by another thread, except for counters that readers look at.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use tokio::sync::{Notify, watch};

use super::counters::Counters;
use super::line::Lines;
use super::route::{Gate, Route};
use crate::clock::Clock;
use crate::config::Proxy as Settings;

/// What a request is answered that has waited too long.
const EXPIRED: &str = "NOPRIMARY no primary took the command in time; it was not executed";
/// And what among readers.
const EXPIRED_READ: &str = "NOREPLICA no replica took the command in time; it was not executed";
/// As much is read at once.
const SCRATCH: usize = 64 * 1024;

/// What clients of a group on one thread share, who are at the same server.
pub(super) struct Room {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) counters: Arc<Counters>,
    /// What a request is answered that has waited too long.
    pub(super) expired: &'static str,
    route: RefCell<watch::Receiver<Route>>,
    /// What was published last, because everybody asks for it all the time.
    latest: Cell<Route>,
    /// Connections that several clients use.
    pub(super) lines: Lines,
    /// Where everybody reads into.
    pub(super) scratch: Rc<RefCell<Box<[u8]>>>,
    clients: Cell<usize>,
    /// Clients that wait for a reply.
    busy: Cell<usize>,
    calm: Notify,
    /// Bytes that wait for a primary.
    held: Rc<Cell<usize>>,
    /// Who wants to know when the route changes.
    tasks: RefCell<BTreeMap<u64, Waker>>,
    next_task: Cell<u64>,
}

/// One client in its room: whether it waits for a reply, and how much of it waits for a primary.
pub(super) struct Busy {
    room: Rc<Room>,
    waits: bool,
    held: usize,
}

impl Room {
    pub(super) fn new(
        settings: Settings,
        clock: Clock,
        counters: Arc<Counters>,
        route: watch::Receiver<Route>,
    ) -> Self {
        let latest = Cell::new(*route.borrow());
        Self {
            settings,
            clock,
            counters,
            expired: EXPIRED,
            latest,
            route: RefCell::new(route),
            lines: Lines::default(),
            scratch: Rc::new(RefCell::new(vec![0; SCRATCH].into())),
            clients: Cell::new(0),
            busy: Cell::new(0),
            calm: Notify::new(),
            held: Rc::default(),
            tasks: RefCell::default(),
            next_task: Cell::new(0),
        }
    }

    /// A room for clients on the same thread who only read, and are led elsewhere.
    pub(super) fn beside(&self, route: watch::Receiver<Route>) -> Self {
        let (settings, counters) = (self.settings.clone(), Arc::clone(&self.counters));
        Self {
            expired: EXPIRED_READ,
            scratch: Rc::clone(&self.scratch),
            held: Rc::clone(&self.held),
            ..Self::new(settings, self.clock, counters, route)
        }
    }

    /// How many clients it has.
    pub(super) const fn clients(&self) -> usize {
        self.clients.get()
    }

    /// The number of a task that wants to know when the route changes.
    pub(super) fn enter(&self, task: &Waker) -> u64 {
        let number = self.next_task.get();
        self.next_task.set(number + 1);
        self.tasks.borrow_mut().insert(number, task.clone());
        number
    }

    pub(super) fn leave(&self, number: u64) {
        self.tasks.borrow_mut().remove(&number);
    }

    /// Where requests go.
    pub(super) fn route(&self) -> Route {
        let mut route = self.route.borrow_mut();
        // Without a guide it stays as it is.
        if route.has_changed().unwrap_or(true) {
            self.latest.set(*route.borrow_and_update());
        }
        self.latest.get()
    }

    /// Waits until requests may be sent.
    pub(super) async fn opened(&self) {
        let mut route = self.route.borrow().clone();
        // Without a guide it stays as it is.
        route.wait_for(|it| it.gate != Gate::Closed).await.ok();
    }

    /// Tells everybody when the route is another one.
    pub(super) async fn follow(self: Rc<Self>) {
        let mut route = self.route.borrow().clone();
        while route.changed().await.is_ok() {
            self.lines.follow(self.route());
            for task in self.tasks.borrow().values() {
                task.wake_by_ref();
            }
        }
    }

    /// Whether no client waits for a reply.
    pub(super) fn is_calm(&self) -> bool {
        self.busy.get() == 0
    }

    /// Waits until the last client has got its reply.
    pub(super) async fn calmed(&self) {
        self.calm.notified().await;
    }

    /// Whether more waits for a primary than is allowed.
    pub(super) fn is_full(&self) -> bool {
        self.held.get() > self.settings.hold_bytes
    }
}

impl Busy {
    pub(super) fn new(room: Rc<Room>) -> Self {
        room.clients.set(room.clients.get() + 1);
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
        let busy = &self.room.busy;
        if is_busy {
            busy.set(busy.get() + 1);
        } else {
            busy.set(busy.get() - 1);
            if busy.get() == 0 {
                self.room.calm.notify_one();
            }
        }
    }

    /// So many bytes of the client wait for a primary.
    pub(super) fn hold(&mut self, bytes: usize) {
        let held = &self.room.held;
        held.set(held.get() - self.held + bytes);
        self.held = bytes;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.set(false);
        self.hold(0);
        self.room.clients.set(self.room.clients.get() - 1);
    }
}
