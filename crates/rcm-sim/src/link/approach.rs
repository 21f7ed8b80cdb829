//! Getting to a node: the attempts to connect, and how soon there is another one.

use rcm_core::observation::{Failure, Seen};

use super::{CONNECT_SOON, Phase};
use crate::connect::Purpose;
use crate::monitor::Who;
use crate::trace::{MS, S, Time};
use crate::wire::Owner;
use crate::world::{Ours, World};

const CONNECT_LATE: Time = S;
const YOUNG: Time = 5 * S;

impl World {
    /// Tries to connect after a pause.
    pub(super) fn approach(&mut self, who: Who, node: usize, pause: Time) {
        let serial = self.next_serial();
        let Some(link) = self.monitors[who].links.get_mut(&node) else {
            return;
        };
        link.phase = Phase::Waiting;
        link.serial = serial;
        link.armed = self.now + pause;
        self.schedule_for(who, self.now + pause, Ours::Link { node, serial });
    }

    /// A link's timer.
    pub(crate) fn on_link(&mut self, who: Who, node: usize, serial: u64) {
        let now = self.now;
        let Some(link) = self.monitors[who].links.get_mut(&node) else {
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
                self.begin_connect(who, node, Purpose::Link, serial, within);
            }
            Phase::Connecting => {}
            Phase::Up(_) => self.tick(who, node),
        }
    }

    /// A timer that could not be seen to in time is due at `at`.
    pub(crate) fn link_late(&mut self, who: Who, node: usize, serial: u64, at: Time) {
        let now = self.now;
        if let Some(link) = self.monitors[who].links.get_mut(&node)
            && link.serial == serial
            && link.armed <= now
        {
            link.armed = at;
        }
    }

    /// A connect for looking ended.
    pub(crate) fn link_connected(
        &mut self,
        who: Who,
        node: usize,
        serial: u64,
        asked_at: Time,
        result: Result<(), Failure>,
    ) {
        let Some(link) = self.monitors[who].links.get_mut(&node) else {
            return;
        };
        if link.serial != serial || !matches!(link.phase, Phase::Connecting) {
            return;
        }
        if let Err(failure) = result {
            let young = link.since.is_none_or(|since| self.now - since < YOUNG);
            let pause = if young { 20 * MS } else { 50 * MS };
            let spent = self.now - asked_at;
            self.see(who, node, asked_at, Seen::Failed(failure));
            return self.approach(who, node, pause.saturating_sub(spent));
        }
        self.see(who, node, asked_at, Seen::Accepted);
        let conn = self.connect(who, node, Owner::Link(node), None);
        self.begin_session(who, node, conn, false);
    }

    /// The connection ended: how soon is there another attempt?
    pub(super) fn after(&mut self, who: Who, node: usize, why: Failure, answered: bool) {
        let Some(link) = self.monitors[who].links.get_mut(&node) else {
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
        self.approach(who, node, pause);
    }
}
