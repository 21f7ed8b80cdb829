//! Getting hold of a node before anything is done to it: connect, confirm the epoch, fence.
//!
//! The order is the safety: the connection is named after the epoch first, then the epoch is
//! confirmed by a read no older than the connection, then older hands are killed. A deposed
//! monitor's connection is therefore either killed or never confirmed.

use crate::action::{Deed, Done, Outcome};
use crate::id::{ActionId, Epoch, NodeId};
use crate::lease::Held;
use crate::observation::Deciders;
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::time::Instant;

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
}

impl Target {
    /// A target, fenced unless a look at the node's clients, newer than our lease, showed none. A
    /// node that does not answer cannot be fenced, and is sealed all the same: the seal waits in its
    /// socket.
    pub(super) fn new(world: World<'_>, node: NodeId, epoch: Epoch, leased: Held) -> Self {
        let clear = world.view.get(node).is_some_and(|node| {
            let deciders = node.deciders.as_ref();
            let clear_since =
                |(seen, asked): &(Deciders, Instant)| !seen.older_hands && *asked >= leased.since();
            deciders.is_some_and(clear_since) || node.trouble.mute_since.is_some()
        });
        Self {
            node,
            epoch,
            fence: !clear,
        }
    }
}

impl Grip {
    pub(super) fn begin(target: Target, world: World<'_>, out: &mut Outbox) -> Self {
        let deed = Deed::Open { node: target.node };
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
            (Self::Opening(_), Outcome::Done(Done::Opened)) => Self::Confirming(act(Deed::Read)),
            (Self::Confirming(_), Outcome::Done(Done::Read { record, .. })) => {
                let epoch = record.as_ref().map_or(Epoch(0), |record| record.epoch);
                if epoch != target.epoch {
                    return Err(Superseded(epoch));
                }
                if target.fence {
                    Self::Fencing(act(Deed::Fence { node: target.node }))
                } else {
                    Self::Firm
                }
            }
            (Self::Fencing(_), Outcome::Done(Done::Fenced)) => Self::Firm,
            (Self::Opening(_) | Self::Confirming(_) | Self::Fencing(_), _) => Self::Slipped,
            (Self::Firm | Self::Slipped, _) => self,
        })
    }
}
