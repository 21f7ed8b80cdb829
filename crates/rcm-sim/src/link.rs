//! How the monitor looks at a node: as the real links do, with the same cadence and the same words.
//!
//! A warm connection that is asked by pace; a fresh one beside it when it is mute; new attempts each
//! 20 or 50 ms when there is none.

use std::collections::VecDeque;
use std::time::Duration;

use rcm_core::action::Pace;
use rcm_core::id::NodeId;
use rcm_core::observation::{Failure, Observation, Seen};
use rcm_core::policy::Policy;

use crate::connect::Purpose;
use crate::network::Party;
use crate::trace::{MS, S, Time};
use crate::wire::{ConnId, Owner, Reply, Request};
use crate::world::{Event, World, instant};

/// The look at one node.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: NodeId,
    phase: Phase,
    /// Since when there is no connection that answers.
    since: Option<Time>,
    stillborn: u32,
    /// Counts phases, so that what belongs to an older one is known.
    serial: u64,
    armed: Time,
}

#[derive(Debug)]
enum Phase {
    Waiting,
    Connecting,
    Up(Session),
}

#[derive(Debug)]
struct Session {
    conn: ConnId,
    asked: VecDeque<(Ask, Time)>,
    answered: bool,
    /// It has said who it is.
    identified: bool,
    is_primary: bool,
    next_look: Time,
    next_probe: Time,
    next_condition: Time,
    next_mute: Time,
    fresh: Fresh,
    fresh_next: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    Idle,
    Connecting,
    Waiting(ConnId, Time),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Ping,
    Server,
    Replication,
    Condition,
    Clients,
}

const ASKED_MOST: usize = 4;
const MUTE_AGAIN: Time = 100 * MS;
const CONDITION_EVERY: Time = 10 * S;
const CONNECT_SOON: Time = 250 * MS;
const CONNECT_LATE: Time = S;
const YOUNG: Time = 5 * S;
const GIVE_UP: Time = S;

fn micros(duration: Duration) -> Time {
    Time::try_from(duration.as_micros()).unwrap_or(Time::MAX)
}

const fn next_multiple(now: Time, every: Time) -> Time {
    (now / every + 1) * every
}

impl Session {
    fn schedule(&mut self, now: Time, pace: Pace, probe_every: Time) {
        let every = match pace {
            Pace::Calm => micros(Policy::INFO_EVERY),
            Pace::Suspicion => micros(Policy::SUSPICION_EVERY),
        };
        self.next_look = next_multiple(now, every);
        self.next_probe = next_multiple(now, probe_every);
    }

    fn next_wake(&self, pace: Pace) -> Time {
        let mut wake = self.next_look.min(self.next_condition);
        if pace == Pace::Calm && self.is_primary {
            wake = wake.min(self.next_probe);
        }
        if let Some((_, asked_at)) = self.asked.front() {
            let mute_at = asked_at + micros(Policy::MUTE_AFTER);
            let due = match self.fresh {
                Fresh::Idle | Fresh::Waiting(..) => self.next_mute.min(self.fresh_next),
                Fresh::Connecting => self.next_mute,
            };
            wake = wake.min(due.max(mute_at));
        }
        wake
    }
}

impl World {
    pub(crate) fn watch(&mut self, id: NodeId, node: usize) {
        let serial = self.next_serial();
        let link = Link {
            id,
            phase: Phase::Waiting,
            since: None,
            stillborn: 0,
            serial,
            armed: 0,
        };
        self.monitor.links.insert(node, link);
        self.approach(node, 0);
    }

    pub(crate) fn unwatch(&mut self, node: usize) {
        if let Some(Link {
            phase: Phase::Up(session),
            ..
        }) = self.monitor.links.remove(&node)
        {
            self.close(session.conn);
        }
    }

    fn see(&mut self, node: usize, asked_at: Time, seen: Seen) {
        let Some(link) = self.monitor.links.get(&node) else {
            return;
        };
        let observation = Observation {
            node: link.id,
            asked_at: instant(asked_at),
            at: instant(self.now),
            seen,
        };
        let incarnation = self.monitor.incarnation;
        self.schedule(
            self.now,
            Event::Observe {
                incarnation,
                observation,
            },
        );
    }

    /// Tries to connect after a pause.
    fn approach(&mut self, node: usize, pause: Time) {
        let serial = self.next_serial();
        let Some(link) = self.monitor.links.get_mut(&node) else {
            return;
        };
        link.phase = Phase::Waiting;
        link.serial = serial;
        link.armed = self.now + pause;
        let incarnation = self.monitor.incarnation;
        self.schedule(
            self.now + pause,
            Event::Link {
                incarnation,
                node,
                serial,
            },
        );
    }

    /// A link's timer.
    pub(crate) fn on_link(&mut self, node: usize, serial: u64) {
        let now = self.now;
        let Some(link) = self.monitor.links.get_mut(&node) else {
            return;
        };
        if link.serial != serial || link.armed != now {
            return;
        }
        match &link.phase {
            Phase::Waiting => {
                let since = *link.since.get_or_insert(now);
                link.phase = Phase::Connecting;
                let within = if now - since < YOUNG {
                    CONNECT_SOON
                } else {
                    CONNECT_LATE
                };
                self.begin_connect(node, Purpose::Link, serial, within);
            }
            Phase::Connecting => {}
            Phase::Up(_) => self.tick(node),
        }
    }

    /// A timer that could not be seen to in time is due at `at`.
    pub(crate) fn link_late(&mut self, node: usize, serial: u64, at: Time) {
        let now = self.now;
        if let Some(link) = self.monitor.links.get_mut(&node)
            && link.serial == serial
            && link.armed <= now
        {
            link.armed = at;
        }
    }

    fn arm(&mut self, node: usize) {
        let pace = self.monitor.pace;
        let Some(link) = self.monitor.links.get_mut(&node) else {
            return;
        };
        let Phase::Up(session) = &link.phase else {
            return;
        };
        let wake = session.next_wake(pace).max(self.now);
        if wake != link.armed {
            link.armed = wake;
            let (incarnation, serial) = (self.monitor.incarnation, link.serial);
            self.schedule(
                wake,
                Event::Link {
                    incarnation,
                    node,
                    serial,
                },
            );
        }
    }

    /// A connect for looking ended.
    pub(crate) fn link_connected(
        &mut self,
        node: usize,
        serial: u64,
        asked_at: Time,
        result: Result<(), Failure>,
    ) {
        let Some(link) = self.monitor.links.get_mut(&node) else {
            return;
        };
        if link.serial != serial || !matches!(link.phase, Phase::Connecting) {
            return;
        }
        if let Err(failure) = result {
            let young = link.since.is_none_or(|since| self.now - since < YOUNG);
            let pause = if young { 20 * MS } else { 50 * MS };
            let spent = self.now - asked_at;
            self.see(node, asked_at, Seen::Failed(failure));
            return self.approach(node, pause.saturating_sub(spent));
        }
        self.see(node, asked_at, Seen::Accepted);
        let conn = self.connect(node, Owner::Link(node), None);
        self.begin_session(node, conn, false);
    }

    fn begin_session(&mut self, node: usize, conn: ConnId, answered: bool) {
        let (now, pace, probe_every) = (self.now, self.monitor.pace, self.monitor.probe_every);
        let serial = self.next_serial();
        let mut session = Session {
            conn,
            asked: VecDeque::new(),
            answered,
            identified: false,
            is_primary: false,
            next_look: 0,
            next_probe: 0,
            next_condition: next_multiple(now, CONDITION_EVERY),
            next_mute: 0,
            fresh: Fresh::Idle,
            fresh_next: 0,
        };
        session.schedule(now, pace, probe_every);
        if let Some(link) = self.monitor.links.get_mut(&node) {
            link.serial = serial;
            link.armed = 0;
            link.phase = Phase::Up(session);
        }
        for ask in [Ask::Server, Ask::Replication, Ask::Condition, Ask::Clients] {
            self.ask(node, ask);
        }
        self.arm(node);
    }

    fn ask(&mut self, node: usize, ask: Ask) {
        let Some(session) = self.session(node) else {
            return;
        };
        let conn = session.conn;
        let now = self.now;
        if let Some(session) = self.session(node) {
            session.asked.push_back((ask, now));
        }
        let request = match ask {
            Ask::Ping => Request::Ping,
            Ask::Server => Request::Server,
            Ask::Replication => Request::Replication,
            Ask::Condition => Request::Condition,
            Ask::Clients => Request::Clients,
        };
        self.send(conn, request);
    }

    fn session(&mut self, node: usize) -> Option<&mut Session> {
        match &mut self.monitor.links.get_mut(&node)?.phase {
            Phase::Up(session) => Some(session),
            Phase::Waiting | Phase::Connecting => None,
        }
    }

    pub(crate) fn change_pace(&mut self, pace: Pace) {
        if self.monitor.pace == pace {
            return;
        }
        self.monitor.pace = pace;
        let probe_every = self.monitor.probe_every;
        let nodes: Vec<usize> = self.monitor.links.keys().copied().collect();
        for node in nodes {
            let now = self.now;
            let Some(session) = self.session(node) else {
                continue;
            };
            match pace {
                Pace::Calm => session.schedule(now, pace, probe_every),
                Pace::Suspicion => session.next_look = now,
            }
            self.arm(node);
        }
    }

    fn tick(&mut self, node: usize) {
        if self.be_suspicious(node) {
            return;
        }
        let (now, pace, probe_every) = (self.now, self.monitor.pace, self.monitor.probe_every);
        let Some(session) = self.session(node) else {
            return;
        };
        let may_ask = session.asked.len() < ASKED_MOST;
        let probes = pace == Pace::Calm && session.is_primary;
        let mut asks = Vec::new();
        if session.next_look <= now {
            // It may have been too busy to say who it is.
            if session.identified {
                asks.push(Ask::Replication);
            } else if session.asked.is_empty() {
                asks.extend([Ask::Server, Ask::Replication]);
            }
            session.schedule(now, pace, probe_every);
        } else if probes && session.next_probe <= now {
            asks.push(Ask::Ping);
            session.next_probe = next_multiple(now, probe_every);
        }
        if session.next_condition <= now {
            asks.extend([Ask::Condition, Ask::Clients]);
            session.next_condition = next_multiple(now, CONDITION_EVERY);
        }
        for ask in asks.into_iter().filter(|_| may_ask) {
            self.ask(node, ask);
        }
        self.arm(node);
    }

    /// Tells that a request is unanswered; true when the connection is given up.
    fn be_suspicious(&mut self, node: usize) -> bool {
        let now = self.now;
        let joined =
            self.net.joins(Party::Monitor, Party::Node(node)) && self.servers[node].host_up;
        let Some(session) = self.session(node) else {
            return true;
        };
        let Some(&(_, asked_at)) = session.asked.front() else {
            return false;
        };
        if now < asked_at + micros(Policy::MUTE_AFTER) {
            return false;
        }
        if !joined && now >= asked_at + GIVE_UP {
            // The kernel gives up: nothing is acknowledged.
            let answered = session.answered;
            let conn = session.conn;
            self.close(conn);
            self.see(node, asked_at, Seen::Failed(Failure::Silent));
            self.after(node, Failure::Silent, answered);
            return true;
        }
        let tell = session.next_mute <= now;
        if tell {
            session.next_mute = now + MUTE_AGAIN;
        }
        let begin = session.fresh != Fresh::Connecting && session.fresh_next <= now;
        let mut old = None;
        if begin {
            if let Fresh::Waiting(conn, _) = session.fresh {
                old = Some(conn);
            }
            session.fresh = Fresh::Connecting;
        }
        if tell {
            self.see(node, asked_at, Seen::Failed(Failure::Mute));
        }
        if let Some(conn) = old {
            self.close(conn);
        }
        if begin {
            let serial = self.monitor.links.get(&node).map_or(0, |link| link.serial);
            self.begin_connect(node, Purpose::Fresh, serial, CONNECT_SOON);
        }
        false
    }

    /// A connect beside the warm connection ended.
    pub(crate) fn fresh_connected(
        &mut self,
        node: usize,
        serial: u64,
        asked_at: Time,
        result: Result<(), Failure>,
    ) {
        let now = self.now;
        let current = self
            .monitor
            .links
            .get(&node)
            .is_some_and(|link| link.serial == serial);
        let Some(session) = self.session(node).filter(|_| current) else {
            return;
        };
        if session.fresh != Fresh::Connecting {
            return;
        }
        match result {
            Ok(()) => {
                let silent_for = session
                    .asked
                    .front()
                    .map_or(0, |(_, at)| now.saturating_sub(*at));
                session.fresh_next = asked_at + (silent_for / 8).max(250 * MS);
                self.see(node, asked_at, Seen::Accepted);
                let conn = self.connect(node, Owner::Fresh(node), None);
                if let Some(session) = self.session(node) {
                    session.fresh = Fresh::Waiting(conn, asked_at);
                }
                self.send(conn, Request::Ping);
            }
            Err(failure) => {
                session.fresh = Fresh::Idle;
                session.fresh_next = (asked_at + 20 * MS).max(now);
                self.see(node, asked_at, Seen::Failed(failure));
            }
        }
        self.arm(node);
    }

    /// A reply on a looking connection.
    pub(crate) fn hear_look(&mut self, node: usize, conn: ConnId, reply: Reply) {
        let Some(session) = self.session(node).filter(|session| session.conn == conn) else {
            return self.hear_fresh(node, conn, &reply);
        };
        let seen = match reply {
            Reply::End => {
                let answered = session.answered;
                self.close(conn);
                self.see(node, self.now, Seen::Failed(Failure::Closed));
                return self.after(node, Failure::Closed, answered);
            }
            Reply::Seen(Ok(seen)) => Some(seen),
            Reply::Seen(Err(failure)) => Some(Seen::Failed(failure)),
            Reply::Named | Reply::Outcome(..) => None,
        };
        let Some((_, asked_at)) = session.asked.pop_front() else {
            return;
        };
        session.answered = true;
        let seen = match seen {
            Some(Seen::Replication(_)) if !session.identified => Some(Seen::Alive),
            seen => seen,
        };
        match &seen {
            Some(Seen::Identity(_)) => session.identified = true,
            Some(Seen::Replication(replication)) => session.is_primary = replication.is_primary(),
            _ => {}
        }
        let fresh = std::mem::replace(&mut session.fresh, Fresh::Idle);
        if fresh != Fresh::Idle {
            session.fresh_next = 0;
        }
        if let Some(link) = self.monitor.links.get_mut(&node) {
            link.since = None;
            link.stillborn = 0;
        }
        if let Fresh::Waiting(conn, _) = fresh {
            self.close(conn);
        }
        if let Some(seen) = seen {
            self.see(node, asked_at, seen);
        }
        self.arm(node);
    }

    fn hear_fresh(&mut self, node: usize, conn: ConnId, reply: &Reply) {
        let Some(session) = self.session(node) else {
            return;
        };
        let Fresh::Waiting(waiting, asked_at) = session.fresh else {
            return;
        };
        if waiting != conn {
            return;
        }
        let warm = session.conn;
        session.fresh = Fresh::Idle;
        match reply {
            Reply::Seen(Ok(_)) => {
                self.close(warm);
                self.see(node, asked_at, Seen::Alive);
                if let Some(known) = self.conns.get_mut(&conn) {
                    known.owner = Owner::Link(node);
                }
                self.begin_session(node, conn, true);
            }
            Reply::Seen(Err(failure)) => self.see(node, asked_at, Seen::Failed(*failure)),
            Reply::End => self.see(node, asked_at, Seen::Failed(Failure::Closed)),
            Reply::Named | Reply::Outcome(..) => {}
        }
        self.arm(node);
    }

    /// The connection ended: how soon is there another attempt?
    fn after(&mut self, node: usize, why: Failure, answered: bool) {
        let Some(link) = self.monitor.links.get_mut(&node) else {
            return;
        };
        let pause = if answered {
            link.since = None;
            link.stillborn = 0;
            0
        } else {
            link.stillborn += 1;
            if why == Failure::Closed && link.stillborn <= 50 {
                MS
            } else {
                20 * MS
            }
        };
        self.approach(node, pause);
    }
}

/// The interval of probes that a policy means.
pub(crate) fn probe_every(policy: &Policy) -> Time {
    micros(policy.probe_every())
}
