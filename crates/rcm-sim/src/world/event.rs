//! What can happen, and in which order it comes out of the queue.

use rcm_core::action::Outcome;
use rcm_core::id::{ActionId, Revision};
use rcm_core::observation::Observation;
use rcm_core::request::Request;

use crate::connect::Attempt;
use crate::monitor::{Incarnation, Who};
use crate::nemesis::{Disk, Subject};
use crate::node::{Process, StreamId};
use crate::registry::News;
use crate::store::Asked;
use crate::strict;
use crate::trace::Time;
use crate::wire::ConnId;

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Event {
    StartMonitor(Who),
    /// Only this process of ours can see to it.
    Ours(Incarnation, Ours),
    Down(ConnId),
    Up(ConnId),
    Store(Asked),
    /// A monitor may not have been heard for too long.
    Lapse(Who),
    Cron {
        node: usize,
        process: Process,
    },
    Attempt {
        node: usize,
        process: Process,
        attempt: u64,
    },
    Continued(StreamId),
    Received(StreamId),
    Loaded {
        node: usize,
        process: Process,
    },
    Deliver(StreamId),
    Left(StreamId),
    Acknowledged {
        stream: StreamId,
        offset: u64,
    },
    Apply {
        node: usize,
        process: Process,
    },
    Save(usize),
    Client(usize),
    Packet {
        node: usize,
        process: Process,
        client: usize,
        bytes: u64,
    },
    Fault {
        place: usize,
        subject: Subject,
    },
    Undo(usize, usize),
    Restart {
        node: usize,
        process: Process,
        disk: Disk,
    },
    Ended {
        node: usize,
        process: Process,
    },
    Resume {
        node: usize,
        process: Process,
    },
    Request {
        who: Who,
        request: Request,
    },
    PauseOver {
        node: usize,
        process: Process,
    },
    Wake {
        node: usize,
        process: Process,
    },
    ScriptEnds {
        node: usize,
        process: Process,
    },
    /// A server of another group starts where this process was.
    AddressTaken {
        node: usize,
        process: Process,
        leads: bool,
    },
    /// A server of another group, which is listed, starts.
    StrangerComes(usize),
    /// Something that happens only in strict worlds.
    Strict(strict::Event),
    Heal,
    Check,
}

/// Something that happens to one process of ours, as soon as it is scheduled.
#[derive(Debug)]
pub(crate) enum Ours {
    Tick {
        due: Time,
    },
    Observe(Observation),
    Outcome {
        id: ActionId,
        outcome: Outcome,
    },
    Overdue {
        node: usize,
        id: ActionId,
    },
    Link {
        node: usize,
        serial: u64,
    },
    Connect(Attempt),
    Unheard(Attempt),
    /// The lease is to be asked for, or renewed.
    LeaseDue,
    /// It was granted when it was asked for at this time.
    Granted {
        asked_at: Time,
    },
    /// What was granted ends.
    LeaseEnds {
        until: Time,
    },
    /// The store tells that the record was written.
    Told {
        revision: Revision,
    },
    /// The store tells of another monitor.
    News(News),
    /// The store tells that somebody else belongs to the group.
    Membership,
    /// The store's watch begins again.
    WatchAgain,
}

pub(super) struct Entry {
    pub(super) at: Time,
    pub(super) order: u64,
    pub(super) event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
