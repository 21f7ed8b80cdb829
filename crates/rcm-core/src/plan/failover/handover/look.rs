//! Looking at the successor until it holds as much as the primary, or its time is over.

use core::time::Duration;

use super::Handover;
use crate::action::{Deed, Report};
use crate::event::Setback;
use crate::id::ActionId;
use crate::lineage::Position;
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::Node;

/// How often the successor is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Looking at the successor until it holds enough, or its time is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    next: Next,
    pub(super) until: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Answer(ActionId),
    AskAt(Instant),
}

impl Look {
    pub(super) fn awaits(self, id: ActionId) -> bool {
        matches!(self.next, Next::Answer(answer) if answer == id)
    }

    /// When to ask again, or to stop waiting for the answer.
    pub(super) const fn next_deadline(self) -> Instant {
        match self.next {
            Next::AskAt(at) => at,
            Next::Answer(_) => self.until,
        }
    }

    /// What an answer is that tells of a node which holds too little: ask again.
    pub(super) fn again(self, now: Instant) -> Self {
        let next = Next::AskAt(now + ASK_EVERY);
        Self { next, ..self }
    }

    pub(super) fn is_due(self, now: Instant) -> bool {
        matches!(self.next, Next::AskAt(at) if at <= now)
    }
}

impl Handover {
    pub(super) fn look(&self, until: Instant, world: World<'_>, out: &mut Outbox) -> Look {
        let node = self.successor.node;
        let inspect = self.act(Policy::ACTION_WITHIN, Deed::Inspect { node }, world, out);
        Look {
            next: Next::Answer(inspect),
            until,
        }
    }

    /// How far the successor was when it was looked at last.
    pub(super) fn successor_behind(&self, primary: &Report, world: World<'_>) -> Setback {
        let held = world.view.get(self.successor.node).and_then(Node::offset);
        let held = held.map(|(offset, _)| offset).unwrap_or_default();
        let bytes = primary.replication.offset.ahead_of(held);
        Setback::Behind { bytes }
    }
}

/// Whether a node holds all that another holds of the same stream.
pub(super) fn holds(own: &Report, other: &Report) -> bool {
    let own = Position::from(&own.replication);
    let other = Position::from(&other.replication);
    own.id == other.id && own.offset >= other.offset
}

pub(super) fn behind(own: &Report, other: &Report) -> Setback {
    let bytes = other.replication.offset.ahead_of(own.replication.offset);
    Setback::Behind { bytes }
}
