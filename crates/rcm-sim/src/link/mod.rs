//! How the monitor looks at a node, as the real links do, with the same cadence and the same words:
//! a warm connection that is asked by pace; a fresh one beside it when it is mute; new attempts each
//! 20 or 50 ms when there is none.
//!
//! Here is what is known of a link, and where looking begins and ends.

mod approach;
mod hear;
mod mute;
mod session;

use std::collections::VecDeque;
use std::time::Duration;

use rcm_core::id::NodeId;
use rcm_core::observation::{Observation, Seen};
use rcm_core::policy::Policy;

use crate::monitor::Who;
use crate::trace::{MS, Time};
use crate::wire::ConnId;
use crate::world::{Ours, World};

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

const CONNECT_SOON: Time = 250 * MS;

fn micros(duration: Duration) -> Time {
    Time::try_from(duration.as_micros()).unwrap_or(Time::MAX)
}

impl World {
    pub(crate) fn watch(&mut self, who: Who, id: NodeId, node: usize) {
        let serial = self.next_serial();
        let link = Link {
            id,
            phase: Phase::Waiting,
            since: None,
            stillborn: 0,
            serial,
            armed: 0,
        };
        self.monitors[who].links.insert(node, link);
        self.approach(who, node, 0);
    }

    pub(crate) fn unwatch(&mut self, who: Who, node: usize) {
        if let Some(Link {
            phase: Phase::Up(session),
            ..
        }) = self.monitors[who].links.remove(&node)
        {
            self.close(session.conn);
        }
    }

    fn see(&mut self, who: Who, node: usize, asked_at: Time, seen: Seen) {
        let Some(link) = self.monitors[who].links.get(&node) else {
            return;
        };
        let clock = self.monitors[who].clock;
        let observation = Observation {
            node: link.id,
            asked_at: clock.read(asked_at),
            at: clock.read(self.now),
            seen,
        };
        self.schedule_for(who, self.now, Ours::Observe(observation));
    }

    fn session(&mut self, who: Who, node: usize) -> Option<&mut Session> {
        match &mut self.monitors[who].links.get_mut(&node)?.phase {
            Phase::Up(session) => Some(session),
            Phase::Waiting | Phase::Connecting => None,
        }
    }
}

/// The interval of probes that a policy means.
pub(crate) fn probe_every(policy: &Policy) -> Time {
    micros(policy.probe_every())
}
