//! A failover that finds nobody to promote goes on as soon as somebody can be: a node came, the operator
//! changed one, or put one into office.

use super::{Engine, Plan};
use crate::candidate::Candidate;
use crate::event::Adoption;
use crate::id::NodeId;
use crate::mutant::Mutant;
use crate::plan::Failover;
use crate::rule::Rule;
use crate::view::Node;

impl Engine {
    /// The plan as it goes on; none when it gave way to what somebody did by hand.
    pub(super) fn reconsider(&mut self, plan: Plan) -> Option<Plan> {
        let Plan::Failover(mut failover) = plan else {
            return Some(plan);
        };
        let stays = failover.record().is_strict() || self.defect.is(Mutant::StaysStalled);
        if stays || !failover.is_stalled(self.world()) {
            return Some(Plan::Failover(failover));
        }
        let by_hand = self.successor(failover.record());
        if let Some(node) = by_hand.filter(|&node| !failover.may_yet_seal(node)) {
            let stored = failover.yield_to_hand(&mut self.out);
            self.know(stored);
            self.adopt(node, Rule::R240, Adoption::ChangedByHand);
            return None;
        }
        if let Some(node) = self.who_can_be_promoted(&failover) {
            let (world, out) = self.split();
            failover.reconsider(node, world, out);
        }
        Some(Plan::Failover(failover))
    }

    /// A node that can be promoted, as far as it says, and that the failover has not seen like that. One
    /// that somebody promoted, although another may hold more, is left alone.
    fn who_can_be_promoted(&self, failover: &Failover) -> Option<NodeId> {
        let primary = self.primary_node()?.id;
        let candidates = self.preview_by(failover.record(), primary).candidates;
        let mut nodes = candidates.iter().map(Candidate::node);
        nodes.find(|&node| {
            let waits = |node: &Node| node.answers() && !node.is_primary();
            self.view.get(node).is_some_and(waits) && failover.is_news(node, self.world())
        })
    }
}
