//! What the looks say of a node in our hands: whether it is heard, is back, or is another than it was.

use super::{Hand, State};
use crate::action::Report;
use crate::id::NodeId;
use crate::observation::{Failure, Replication};
use crate::plan::World;
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::Node;

impl Hand {
    /// Whether somebody has made another role for the node since it was sealed, or another priority.
    pub(in crate::plan) fn was_changed(&self, world: World<'_>) -> bool {
        let State::Sealed { report, at } = &self.state else {
            return false;
        };
        let node = world.view.get(self.target.node);
        let look = node.and_then(|node| node.look.as_ref());
        let said = |seen: &Replication| {
            let following = seen.following();
            following.map(|it| (it.primary.clone(), it.priority))
        };
        look.is_some_and(|look| {
            look.asked_at > *at && said(&look.replication) != said(&report.replication)
        })
    }

    /// Whether a node that was not reached has been looked at since, and could be sealed: its
    /// connections may have ended with a seal of an earlier plan, when it woke up.
    pub(super) fn is_back(&self, world: World<'_>) -> bool {
        let State::Unreached { since } = self.state else {
            return false;
        };
        let node = world.view.get(self.target.node);
        let look = node.and_then(|node| node.look.as_ref());
        self.answers(world)
            && look.is_some_and(|look| look.asked_at > since && !look.replication.loading)
    }

    /// Whether the connections to the node have ended, and it has not been looked at since: if nobody
    /// refuses new ones, it may be back at once.
    pub(super) fn was_cut_off(&self, world: World<'_>) -> bool {
        let node = world.view.get(self.target.node);
        let ended_at = if let State::Unreached { since } = self.state {
            Some(since)
        } else {
            None
        };
        node.is_some_and(|node| {
            let ended = matches!(node.trouble.failure(), None | Some(Failure::Closed));
            let looked = node.look.as_ref().map(|look| look.asked_at);
            let looked_since = node.look_is_current && looked > ended_at;
            ended && !looked_since && node.refuses_us.is_none()
        })
    }

    pub(super) fn answers(&self, world: World<'_>) -> bool {
        let node = world.view.get(self.target.node);
        node.is_some_and(Node::answers)
    }

    pub(super) fn drain_is_over(&self, world: World<'_>) -> bool {
        world.now >= self.began + Policy::DRAIN_WITHIN
    }

    /// A replica that reports its link down has read what the primary sent to the last byte. That says
    /// nothing if it is older than the primary's silence, or if all the data are still being read: the
    /// link may have come up since.
    pub(super) fn may_have_more_to_read(&self, world: World<'_>) -> bool {
        let node = world.view.get(self.target.node);
        let look = node.and_then(|node| node.look.as_ref());
        let syncing = node.and_then(Node::following).is_some_and(|it| it.syncing);
        let Some(quiet_since) = self.drain else {
            return false;
        };
        syncing || look.is_none_or(|look| look.replication.link_up() || look.asked_at < quiet_since)
    }
}

/// Whether nothing speaks against a node. One that is heard again, and has not said yet where it
/// stands, may hold the most.
pub(super) fn is_heard(node: NodeId, world: World<'_>) -> bool {
    let node = world.view.get(node);
    node.is_some_and(|node| node.trouble.is_none() && node.refuses_us.is_none())
}

/// Whether another process than the sealed one answered a look that was asked after the seal was sent.
/// The connection of the seal is older than that look, so the sealed process is the older one.
pub(super) fn is_gone(sealed: &Report, since: Instant, node: &Node) -> bool {
    let newer = node.look.as_ref().is_some_and(|look| look.asked_at > since);
    newer && node.run_id().is_some_and(|met| met != sealed.run_id)
}
