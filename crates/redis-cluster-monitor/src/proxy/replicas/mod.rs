//! Requests that go to replicas: the clients of a thread lie at berths, and a berth is at one server.
//!
//! Decided here: where each berth is. To a client its berth is what a group's route is elsewhere: it
//! leads to one server, and when it leads to another the client is taken along. Nobody here holds
//! requests back for a switchover, because readers have no part in it.

mod fit;
mod spread;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rcm_core::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::fit::{Ages, Bound};
use self::spread::{Berth, pick, spread};
use super::room::Room;
use super::route::{Gate, Route};
use super::source::Source;
use crate::clock::Clock;
use crate::driver::{Outlook, Roster};

/// The berths of one thread.
pub(super) struct Berths {
    /// Never empty.
    rooms: RefCell<Vec<Mooring>>,
    /// Tells clients that their berth was moved.
    telling: RefCell<JoinSet<()>>,
}

struct Mooring {
    room: Rc<Room>,
    route: watch::Sender<Route>,
}

/// Follows the replicas of one group, and puts the berths of one thread where they belong.
pub(super) struct Pilot {
    source: Source,
    stop: watch::Receiver<bool>,
    berths: Rc<Berths>,
    clock: Clock,
    ages: Ages,
    bound: Bound,
    /// Without a replica the primary will do.
    falls_back: bool,
    /// The servers that were fit.
    fit: Vec<SocketAddr>,
    /// Since when no replica is.
    alone_since: Option<Instant>,
}

/// A thread has at least so many: that fine is what moves.
const BERTHS: usize = 12;
/// And for each server so many.
const BERTHS_EACH: usize = 2;
/// Ages are looked at this often when nothing is told.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long requests wait for a replica before all of them go to the primary: after a change of
/// primaries replicas are back in less.
const ALONE_FOR: Duration = Duration::from_millis(300);

impl Berths {
    /// Berths that are nowhere yet, with what `room` has.
    pub(super) fn new(room: &Room) -> Self {
        let berths = Self {
            rooms: RefCell::default(),
            telling: RefCell::default(),
        };
        berths.grow(BERTHS, room);
        berths
    }

    fn grow(&self, count: usize, like: &Room) {
        let mut rooms = self.rooms.borrow_mut();
        while rooms.len() < count {
            let route = watch::Sender::new(Route::default());
            let room = Rc::new(like.beside(route.subscribe()));
            let follow = Rc::clone(&room).follow();
            self.telling.borrow_mut().spawn_local(follow);
            rooms.push(Mooring { room, route });
        }
    }

    /// Where the next client goes.
    pub(super) fn next(&self) -> Rc<Room> {
        let place = pick(&self.places()).unwrap_or_default();
        Rc::clone(&self.rooms.borrow()[place].room)
    }

    fn places(&self) -> Vec<Berth> {
        let rooms = self.rooms.borrow();
        let berth = |mooring: &Mooring| Berth {
            at: mooring.route.borrow().primary,
            clients: mooring.room.clients(),
        };
        rooms.iter().map(berth).collect()
    }

    /// Spreads the clients over the servers that are fit.
    fn spread(&self, fit: &[SocketAddr]) {
        let Some(like) = self.rooms.borrow().first().map(|it| Rc::clone(&it.room)) else {
            return;
        };
        self.grow(fit.len() * BERTHS_EACH, &like);
        let before = self.places();
        let mut after = before.clone();
        spread(&mut after, fit);
        for (mooring, (old, new)) in self.rooms.borrow().iter().zip(before.iter().zip(&after)) {
            if old.at == new.at {
                continue;
            }
            if old.at.is_some() {
                mooring.room.counters.moved.add(old.clients as u64);
            }
            mooring.route.send_modify(|route| {
                route.primary = new.at;
                route.tenure += 1;
            });
        }
    }

    fn open(&self, gate: Gate, stopping: bool) {
        for mooring in self.rooms.borrow().iter() {
            mooring.route.send_if_modified(|route| {
                let next = Route {
                    gate,
                    stopping,
                    ..*route
                };
                std::mem::replace(route, next) != next
            });
        }
    }
}

impl Pilot {
    pub(super) fn new(
        source: Source,
        stop: watch::Receiver<bool>,
        berths: Rc<Berths>,
        room: &Room,
    ) -> Self {
        let settings = &room.settings;
        let bound = Bound {
            time: settings.replica_max_lag,
            bytes: settings.replica_max_lag_bytes,
        };
        Self {
            source,
            stop,
            berths,
            clock: room.clock,
            ages: Ages::default(),
            bound,
            falls_back: settings.replica_fallback,
            fit: Vec::new(),
            alone_since: None,
        }
    }

    /// Moves berths until the proxy is dropped.
    pub(super) async fn run(mut self) {
        loop {
            self.follow();
            tokio::select! {
                changed = self.source.changed() => if changed.is_err() {
                    // The group is watched no longer: everybody stays where they are.
                    return std::future::pending().await;
                },
                changed = self.stop.changed() => if changed.is_err() {
                    return;
                },
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn follow(&mut self) {
        let roster = self.source.roster();
        let (fit, gate) = self.servers(&roster);
        // A server that has nobody's trust is not left before there is a better one: what it was
        // asked it may still answer.
        if !fit.is_empty() && fit != self.fit {
            self.berths.spread(&fit);
            self.fit = fit;
        }
        let stopping = *self.stop.borrow_and_update();
        self.berths.open(gate, stopping);
    }

    /// Where requests may go, and whether they may.
    fn servers(&mut self, roster: &Roster) -> (Vec<SocketAddr>, Gate) {
        let now = self.clock.now();
        let replicas = self.ages.look(roster, self.bound, now);
        if !replicas.is_empty() {
            self.alone_since = None;
            return (replicas, Gate::Open);
        }
        let alone_since = *self.alone_since.get_or_insert(now);
        let waits = !self.fit.is_empty() && now.since(alone_since) < ALONE_FOR;
        let outlook = roster.lead.outlook;
        let serves = matches!(outlook, Outlook::Open | Outlook::Suspected);
        let primary = roster.primary().map(|primary| primary.address);
        match primary.filter(|_| self.falls_back && serves && !waits) {
            Some(primary) => (vec![primary], outlook.into()),
            None => (Vec::new(), Gate::Closed),
        }
    }
}
