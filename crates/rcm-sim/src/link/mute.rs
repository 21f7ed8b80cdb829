//! A request that stays unanswered: the monitor is told, and a fresh connection is tried beside the
//! warm one.

use rcm_core::observation::{Failure, Seen};
use rcm_core::policy::Policy;

use super::{CONNECT_SOON, Fresh, micros};
use crate::connect::Purpose;
use crate::monitor::Who;
use crate::network::Party;
use crate::trace::{MS, S, Time};
use crate::wire::{Owner, Request};
use crate::world::World;

const MUTE_AGAIN: Time = 100 * MS;
const GIVE_UP: Time = S;

impl World {
    /// Tells that a request is unanswered; true when the connection is given up.
    pub(super) fn be_suspicious(&mut self, who: Who, node: usize) -> bool {
        let now = self.now;
        let joined =
            self.net.joins(Party::Monitor(who), Party::Node(node)) && self.servers[node].host_up;
        let Some(session) = self.session(who, node) else {
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
            self.see(who, node, asked_at, Seen::Failed(Failure::Silent));
            self.after(who, node, Failure::Silent, answered);
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
            self.see(who, node, asked_at, Seen::Failed(Failure::Mute));
        }
        if let Some(conn) = old {
            self.close(conn);
        }
        if begin {
            let serial = self.monitors[who]
                .links
                .get(&node)
                .map_or(0, |link| link.serial);
            self.begin_connect(who, node, Purpose::Fresh, serial, CONNECT_SOON);
        }
        false
    }

    /// A connect beside the warm connection ended.
    pub(crate) fn fresh_connected(
        &mut self,
        who: Who,
        node: usize,
        serial: u64,
        asked_at: Time,
        result: Result<(), Failure>,
    ) {
        let now = self.now;
        let current = self.monitors[who]
            .links
            .get(&node)
            .is_some_and(|link| link.serial == serial);
        let Some(session) = self.session(who, node).filter(|_| current) else {
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
                self.see(who, node, asked_at, Seen::Accepted);
                let conn = self.connect(who, node, Owner::Fresh(node), None);
                if let Some(session) = self.session(who, node) {
                    session.fresh = Fresh::Waiting(conn, asked_at);
                }
                self.send(conn, Request::Ping);
            }
            Err(failure) => {
                session.fresh = Fresh::Idle;
                session.fresh_next = (asked_at + 20 * MS).max(now);
                self.see(who, node, asked_at, Seen::Failed(failure));
            }
        }
        self.arm(who, node);
    }
}
