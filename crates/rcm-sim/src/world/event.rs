//! What can happen, and in which order it comes out of the queue.

use rcm_core::action::Outcome;
use rcm_core::id::ActionId;
use rcm_core::observation::Observation;

use crate::connect::Attempt;
use crate::nemesis::Disk;
use crate::node::{Process, StreamId};
use crate::store::Call;
use crate::strict;
use crate::trace::Time;
use crate::wire::ConnId;

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Event {
    StartMonitor,
    Tick {
        incarnation: u64,
        due: Time,
    },
    Observe {
        incarnation: u64,
        observation: Observation,
    },
    Outcome {
        incarnation: u64,
        id: ActionId,
        outcome: Outcome,
    },
    Overdue {
        incarnation: u64,
        node: usize,
        id: ActionId,
    },
    Link {
        incarnation: u64,
        node: usize,
        serial: u64,
    },
    Connect(Attempt),
    Unheard(Attempt),
    Down(ConnId),
    Up(ConnId),
    Store {
        incarnation: u64,
        id: ActionId,
        call: Call,
    },
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
        subject: Option<usize>,
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
    Wake {
        node: usize,
        process: Process,
    },
    ScriptEnds {
        node: usize,
        process: Process,
    },
    /// Something that happens only in strict worlds.
    Strict(strict::Event),
    Heal,
    Check,
}

impl Event {
    /// Whether only a process of ours that runs can see to it, and which one.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "everything else happens by itself"
    )]
    pub(super) const fn is_for_monitor(&self) -> Option<u64> {
        match self {
            Self::Tick { incarnation, .. }
            | Self::Observe { incarnation, .. }
            | Self::Outcome { incarnation, .. }
            | Self::Overdue { incarnation, .. }
            | Self::Link { incarnation, .. } => Some(*incarnation),
            Self::Connect(attempt) | Self::Unheard(attempt) => Some(attempt.incarnation),
            _ => None,
        }
    }
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
