//! Getting hold of a node before anything is done to it: connect, confirm the epoch, fence.
//!
//! The order is the safety: the connection is named after the epoch first, then the epoch is
//! confirmed by a read no older than the name, then older hands are killed. A deposed monitor's
//! connection is therefore either killed or never confirmed.
//!
//! The lost primary is the exception, because it may be mute: its seal must wait in its sockets, so
//! its connection is not waited for and not fenced. That seal ends every other connection there, and
//! every later one of the same node does too.

use crate::action::{Deed, Done, Outcome};
use crate::id::{ActionId, Epoch, NodeId};
use crate::lease::Held;
use crate::mutant::Mutant;
use crate::plan::{Outbox, World};
use crate::policy::Policy;

/// How far we are in getting hold of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grip {
    /// Connecting.
    Opening(ActionId),
    /// Reading the record, to see that the epoch is still ours.
    Confirming(ActionId),
    /// Killing older hands.
    Fencing(ActionId),
    /// Commands may be sent.
    Firm,
    /// The node was not reached, or the fence not confirmed.
    Slipped,
}

/// The record has moved on: whatever is planned under this epoch must not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Superseded(pub(super) Epoch);

/// What a grip is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) node: NodeId,
    pub(super) epoch: Epoch,
    /// Older hands may exist on the node.
    pub(super) fence: bool,
    /// The node may be mute, and is sealed all the same.
    pub(super) blind: bool,
}

impl Target {
    /// A target, fenced unless nobody else can act, a look at the node's clients, newer than that,
    /// showed no older hands, and nothing that we sent may still be executed there.
    pub(super) fn new(
        world: World<'_>,
        node: NodeId,
        epoch: Epoch,
        leased: Held,
        out: &Outbox,
    ) -> Self {
        let clear = leased.alone_since().is_some_and(|alone| {
            let seen = world.view.get(node).and_then(|node| node.deciders.as_ref());
            seen.is_some_and(|(seen, asked)| !seen.older_hands && *asked >= alone)
        });
        Self {
            node,
            epoch,
            fence: (!clear || out.is_loose(node)) && !world.lacks(Mutant::NoFence),
            blind: false,
        }
    }

    /// The lost primary, which is sealed however mute it is.
    pub(super) const fn lost(node: NodeId, epoch: Epoch) -> Self {
        Self {
            node,
            epoch,
            fence: false,
            blind: true,
        }
    }
}

impl Grip {
    pub(super) fn begin(target: Target, world: World<'_>, out: &mut Outbox) -> Self {
        let Target { node, blind, .. } = target;
        let deed = Deed::Open { node, blind };
        Self::Opening(out.act(world.now, target.epoch, Policy::ACTION_WITHIN, deed))
    }

    pub(super) const fn awaits(self) -> Option<ActionId> {
        match self {
            Self::Opening(id) | Self::Confirming(id) | Self::Fencing(id) => Some(id),
            Self::Firm | Self::Slipped => None,
        }
    }

    pub(super) fn step(
        self,
        target: Target,
        outcome: &Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Result<Self, Superseded> {
        let mut act = |deed| out.act(world.now, target.epoch, Policy::ACTION_WITHIN, deed);
        Ok(match (self, outcome) {
            (Self::Opening(_), Outcome::Done(Done::Opened)) if world.lacks(Mutant::NoConfirm) => {
                Self::confirmed(target, act)
            }
            (Self::Opening(_), Outcome::Done(Done::Opened)) => Self::Confirming(act(Deed::Read)),
            (Self::Confirming(_), Outcome::Done(Done::Read { record, .. })) => {
                let epoch = record.as_ref().map_or(Epoch(0), |record| record.epoch);
                if epoch != target.epoch {
                    return Err(Superseded(epoch));
                }
                Self::confirmed(target, act)
            }
            (Self::Fencing(_), Outcome::Done(Done::Fenced)) => Self::Firm,
            (Self::Opening(_) | Self::Confirming(_) | Self::Fencing(_), _) => Self::Slipped,
            (Self::Firm | Self::Slipped, _) => self,
        })
    }

    fn confirmed(target: Target, act: impl FnOnce(Deed) -> ActionId) -> Self {
        if target.fence {
            Self::Fencing(act(Deed::Fence { node: target.node }))
        } else {
            Self::Firm
        }
    }
}
