//! A primary that restarted has lost its process, and perhaps its data: the best replica wins,
//! unless the restarted node shows that it holds all that every replica holds.

use super::belonging::receives;
use super::{Engine, Plan};
use crate::event::Adoption;
use crate::id::Offset;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::Node;

/// What a restarted primary comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Too little is known yet.
    Wait,
    /// It stays in office, under a new epoch.
    Keep,
    /// It stays in office, and what it had before cannot be traced.
    KeepUntraced,
    /// A replica holds more.
    Replace,
}

impl Engine {
    /// Judges the recorded primary, which answers as another process.
    pub(super) fn rule_on_restart(&self) -> Ruling {
        let (Some(record), Some(node)) = (self.record(), self.primary_node()) else {
            return Ruling::Wait;
        };
        if self.defect.is(Mutant::EmptyPrimary) {
            return Ruling::Keep;
        }
        let Some(look) = &node.look else {
            return Ruling::Wait;
        };
        let prefix = |node: &Node| {
            let position = node.replication().map(Position::from);
            position.and_then(|position| record.chain.common_prefix(&position))
        };
        let mut best: Option<Offset> = None;
        let mut followers = 0;
        for other in self
            .view
            .nodes()
            .filter(|other| other.id != node.id && other.answers())
        {
            if other
                .look
                .as_ref()
                .is_none_or(|seen| Some(seen.asked_at) < node.role_since)
            {
                return Ruling::Wait;
            }
            // Nobody follows a node that is a replica itself, though a circle may look like it.
            if node.is_primary() && receives(&self.view, node, other) {
                followers += 1;
            } else {
                best = best.max(prefix(other));
            }
        }
        if look.replication.loading {
            return if best.is_some() {
                Ruling::Replace
            } else {
                Ruling::Wait
            };
        }
        // A server of another group that has got the address is never kept.
        if !node.is_primary() || !record.includes(node, &self.view, &self.nodes) {
            return if best.max(prefix(node)).is_some() {
                Ruling::Replace
            } else {
                Ruling::Wait
            };
        }
        let holds_all = best.is_none_or(|best| prefix(node) >= Some(best));
        if !holds_all {
            return Ruling::Replace;
        }
        if self.may_be_outranked(prefix(node)) {
            return Ruling::Wait;
        }
        if best.is_some() {
            return Ruling::Keep;
        }
        if followers == 0 {
            return self.alone(node);
        }
        self.untraced(node)
    }

    /// Whether a member that has not said what it holds may hold more than this: one that does not
    /// answer still has time to say so, and one that loads what is on its disk has all the time it needs.
    /// What was recorded of one that this monitor has not tried yet is only the least that it holds.
    fn may_be_outranked(&self, held: Option<Offset>) -> bool {
        let Some(record) = self.record() else {
            return false;
        };
        let primary = self.primary_node().map(|node| node.id);
        let waited = self.waited_for_the_others();
        let is_awaited = |node: &Node| {
            if node.answers() {
                node.starts()
            } else {
                !waited
            }
        };
        let outranks = |node: &Node| {
            let may_hold_more = !node.was_tried() || record.furthest(node) > held;
            may_hold_more && record.includes(node, &self.view, &self.nodes)
        };
        let mut others = self.view.nodes().filter(|node| Some(node.id) != primary);
        others.any(|node| is_awaited(node) && outranks(node))
    }

    /// Until when those that do not answer are waited for: since the new process was met, and anew
    /// when it was mute, because then nobody may have been heard.
    pub(super) fn others_awaited_until(&self) -> Option<Instant> {
        Some(self.dispute?.since + Policy::COLD_START_AFTER)
    }

    fn waited_for_the_others(&self) -> bool {
        self.others_awaited_until()
            .is_some_and(|until| until <= self.now)
    }

    /// Whether somebody who holds more has come, and could be promoted at once, while the store refuses
    /// to write that a restarted primary stays.
    pub(super) fn is_outranked_meanwhile(&self, plan: &Plan) -> bool {
        let Plan::Adoption { writing, how, .. } = plan else {
            return false;
        };
        let restarted = matches!(how, Adoption::Restarted | Adoption::RestartedWithoutLineage);
        let outranked = || self.rule_on_restart() == Ruling::Replace;
        let replaceable = || {
            let mut primary = self.primary_node().into_iter();
            primary.any(|node| self.may_be_replaced(node.id))
        };
        let leads = self.lease.held().is_some() && !self.observing();
        leads && restarted && writing.is_pausing() && outranked() && replaceable()
    }

    /// Everybody follows it already: its data is all there is.
    fn untraced(&self, node: &Node) -> Ruling {
        let traced = node
            .replication()
            .map(Position::from)
            .is_some_and(|position| {
                self.record()
                    .is_some_and(|record| record.chain.common_prefix(&position).is_some())
            });
        if traced {
            Ruling::Keep
        } else {
            Ruling::KeepUntraced
        }
    }

    /// Nobody answers whose data could be compared. A node with data is better than none once the
    /// others have had their time; an empty one is not.
    fn alone(&self, node: &Node) -> Ruling {
        let records = self.record().into_iter();
        let known = records.flat_map(|it| it.remaining(&self.nodes)).count();
        let has_data = node.condition.is_some_and(|condition| !condition.empty);
        if known <= 1 || (self.waited_for_the_others() && has_data) {
            self.untraced(node)
        } else {
            Ruling::Wait
        }
    }
}
