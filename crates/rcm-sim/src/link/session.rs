//! A warm connection: when it is asked, and what.

use std::collections::VecDeque;

use rcm_core::action::Pace;
use rcm_core::policy::Policy;

use super::{Ask, Fresh, Phase, Session, micros};
use crate::monitor::Who;
use crate::trace::{S, Time};
use crate::wire::{ConnId, Request};
use crate::world::{Ours, World};

const ASKED_MOST: usize = 4;
const CONDITION_EVERY: Time = 10 * S;

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
    pub(super) fn arm(&mut self, who: Who, node: usize) {
        let pace = self.monitors[who].pace;
        let Some(link) = self.monitors[who].links.get_mut(&node) else {
            return;
        };
        let Phase::Up(session) = &link.phase else {
            return;
        };
        let wake = session.next_wake(pace).max(self.now);
        if wake != link.armed {
            link.armed = wake;
            let serial = link.serial;
            self.schedule_for(who, wake, Ours::Link { node, serial });
        }
    }

    pub(super) fn begin_session(&mut self, who: Who, node: usize, conn: ConnId, answered: bool) {
        let (now, pace, probe_every) = (
            self.now,
            self.monitors[who].pace,
            self.monitors[who].probe_every,
        );
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
        if let Some(link) = self.monitors[who].links.get_mut(&node) {
            link.serial = serial;
            link.armed = 0;
            link.phase = Phase::Up(session);
        }
        for ask in [Ask::Server, Ask::Replication, Ask::Condition, Ask::Clients] {
            self.ask(who, node, ask);
        }
        self.arm(who, node);
    }

    fn ask(&mut self, who: Who, node: usize, ask: Ask) {
        let Some(session) = self.session(who, node) else {
            return;
        };
        let conn = session.conn;
        let now = self.now;
        if let Some(session) = self.session(who, node) {
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

    pub(crate) fn change_pace(&mut self, who: Who, pace: Pace) {
        if self.monitors[who].pace == pace {
            return;
        }
        self.monitors[who].pace = pace;
        let probe_every = self.monitors[who].probe_every;
        let nodes: Vec<usize> = self.monitors[who].links.keys().copied().collect();
        for node in nodes {
            let now = self.now;
            let Some(session) = self.session(who, node) else {
                continue;
            };
            match pace {
                Pace::Calm => session.schedule(now, pace, probe_every),
                Pace::Suspicion => session.next_look = now,
            }
            self.arm(who, node);
        }
    }

    pub(super) fn tick(&mut self, who: Who, node: usize) {
        if self.be_suspicious(who, node) {
            return;
        }
        let (now, pace, probe_every) = (
            self.now,
            self.monitors[who].pace,
            self.monitors[who].probe_every,
        );
        let Some(session) = self.session(who, node) else {
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
            self.ask(who, node, ask);
        }
        self.arm(who, node);
    }
}
