//! What somebody asks for: begun at once, or refused with a reason.

use alloc::boxed::Box;
use core::cmp::Reverse;

use super::belonging::{Follows, follows};
use super::{Engine, Plan, Reading};
use crate::id::{Address, NodeId};
use crate::lease::Held;
use crate::plan::{Failover, Incumbent};
use crate::policy::Policy;
use crate::record::Record;
use crate::request::{Refusal, Request, Unfit};
use crate::time::Instant;
use crate::view::Node;

impl Engine {
    /// Begins what is asked for. Actions, events and the status follow as after
    /// [`Engine::handle`]; how it ends is told by events. `now` must not go backwards.
    pub fn request(&mut self, now: Instant, request: &Request) -> Result<(), Refusal> {
        self.now = self.now.max(now);
        let begun = self.begin_request(request);
        self.decide();
        self.publish();
        begun
    }

    fn begin_request(&mut self, request: &Request) -> Result<(), Refusal> {
        let held = self.may_begin()?;
        let primary = self.primary_node().ok_or(Refusal::NotReady)?.id;
        let well = self.primary_in_office().is_some_and(Node::answers);
        let to = match request {
            Request::Switchover { to } => to.as_ref(),
            Request::Replace => None,
        };
        if well {
            let successor = self.successor_in_switchover(primary, to)?;
            self.begin_switchover(held, primary, successor);
            return Ok(());
        }
        let verdict = self.verdict;
        if matches!(request, Request::Switchover { .. }) {
            return Err(Refusal::PrimaryNotWell { verdict });
        }
        if !self.may_be_replaced(primary) {
            return Err(Refusal::NoCandidate);
        }
        let primary = Incumbent {
            node: primary,
            is_lost: true,
        };
        self.begin_failover(held, primary, verdict);
        Ok(())
    }

    /// Whether anything may be begun on request.
    fn may_begin(&self) -> Result<Held, Refusal> {
        if self.halted.is_some() || !self.grounded || self.record().is_none() {
            return Err(Refusal::NotReady);
        }
        if self.policy.observe {
            return Err(Refusal::Observing);
        }
        if !self.rivals.is_empty() {
            let names = self.rivals.clone();
            return Err(Refusal::RivalController { names });
        }
        let held = self.lease.held().ok_or(Refusal::NoLease)?;
        let settled = self.record().is_some_and(Record::is_committed);
        if self.plan.is_some() || !settled || !matches!(self.store.reading, Reading::Current) {
            return Err(Refusal::InProgress);
        }
        if self.store_failed {
            return Err(Refusal::StoreUnwritable);
        }
        Ok(held)
    }

    fn begin_switchover(&mut self, held: Held, primary: NodeId, successor: NodeId) {
        let Some(stored) = self.store.stored.clone() else {
            return;
        };
        self.abandon_duties();
        let (world, out) = self.split();
        let plan = Failover::begin_switchover(held, stored, (primary, successor), world, out);
        self.plan = Some(Plan::Failover(Box::new(plan)));
    }

    /// The replica asked for, or the one that the operator prefers and that is the least behind.
    fn successor_in_switchover(
        &self,
        primary: NodeId,
        to: Option<&Address>,
    ) -> Result<NodeId, Refusal> {
        let primary = self.view.get(primary).ok_or(Refusal::NotReady)?;
        if let Some(address) = to {
            let named = || address.clone();
            let node = self.view.at_address(address);
            let node = node.ok_or_else(|| Refusal::UnknownNode { node: named() })?;
            if node.id == primary.id {
                return Err(Refusal::AlreadyPrimary { node: named() });
            }
            return match self.unfit(primary, node) {
                None => Ok(node.id),
                Some(why) => Err(Refusal::NotACandidate { node: named(), why }),
            };
        }
        let fit = |node: &&Node| node.id != primary.id && self.unfit(primary, node).is_none();
        let preferred = |node: &&Node| {
            let priority = node.following().map(|following| following.priority);
            let offset = node.offset().map(|(offset, _)| offset);
            (priority, Reverse(offset), node.run_id())
        };
        let best = self.view.nodes().filter(fit).min_by_key(preferred);
        best.map(|node| node.id).ok_or(Refusal::NoCandidate)
    }

    fn unfit(&self, primary: &Node, node: &Node) -> Option<Unfit> {
        if !node.answers() {
            return Some(Unfit::NotReached);
        }
        let seen = node.replication().filter(|seen| !seen.loading);
        let attached = seen.and_then(|seen| Some((seen, seen.following()?)));
        let attached = attached.filter(|(seen, following)| {
            let whom = follows(&self.view, primary, following, seen);
            let stream = primary.replication().map(|stream| stream.id);
            whom == Follows::Primary && following.link_up && stream == Some(seen.id)
        });
        let Some((_, following)) = attached else {
            return Some(Unfit::NotAttached);
        };
        if following.priority == 0 {
            return Some(Unfit::PriorityZero);
        }
        if self.is_strict() && !self.has_vote(node) {
            return Some(Unfit::NoVote);
        }
        let offset = |node: &Node| node.offset().map(|(offset, _)| offset);
        let lag = offset(primary).zip(offset(node));
        lag.is_none_or(|(ahead, own)| ahead.ahead_of(own) > Policy::SWITCHOVER_LAG)
            .then_some(Unfit::Lagging)
    }
}
