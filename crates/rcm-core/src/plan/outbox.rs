//! Where plans and the engine put what they want done and told.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use core::time::Duration;

use crate::action::{Action, Deed, Done, Outcome};
use crate::event::{Event, Kind};
use crate::id::{ActionId, Epoch, NodeId};
use crate::rule::Rule;
use crate::time::Instant;

/// Actions and events that wait to be fetched, and actions whose outcome is awaited.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    next: ActionId,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
    awaited: BTreeMap<ActionId, Awaited>,
    /// Nodes on which a command of ours was not answered and may be executed late, with the newest
    /// epoch of such a command.
    loose: BTreeMap<NodeId, Epoch>,
    evicted: BTreeMap<NodeId, Instant>,
    /// The store refused what was written last.
    store_refuses: bool,
}

/// An action whose outcome has not come.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    epoch: Epoch,
    deadline: Instant,
    node: Option<NodeId>,
    /// It changes the node.
    changes: bool,
}

impl Outbox {
    /// Orders an action and awaits its outcome for at most `within`.
    pub fn act(&mut self, now: Instant, epoch: Epoch, within: Duration, deed: Deed) -> ActionId {
        if let Deed::Seal {
            node, evict: true, ..
        } = deed
        {
            self.evicted.insert(node, now);
        }
        let awaited = Awaited {
            epoch,
            deadline: now + within,
            node: deed.node(),
            changes: deed.changes_node(),
        };
        let id = self.push(epoch, awaited.deadline, deed);
        self.awaited.insert(id, awaited);
        id
    }

    /// When the clients of a node, our own among them, were last told to leave.
    pub fn evicted_at(&self, node: NodeId) -> Option<Instant> {
        self.evicted.get(&node).copied()
    }

    /// Gives an order that has no outcome.
    pub fn order(&mut self, epoch: Epoch, deed: Deed) {
        self.push(epoch, Instant::ZERO, deed);
    }

    fn push(&mut self, epoch: Epoch, deadline: Instant, deed: Deed) -> ActionId {
        self.next = self.next.next();
        self.actions.push_back(Action {
            id: self.next,
            epoch,
            deadline,
            deed,
        });
        self.next
    }

    /// Tells an event that is not part of a plan.
    pub fn tell(&mut self, at: Instant, kind: Kind) {
        self.events.push_back(Event {
            at,
            rule: None,
            kind,
        });
    }

    /// Tells an event together with the transition that it belongs to.
    pub fn tell_rule(&mut self, at: Instant, rule: Rule, kind: Kind) {
        self.events.push_back(Event {
            at,
            rule: Some(rule),
            kind,
        });
    }

    /// Tells that the store refuses what is written, once until it takes something.
    pub fn tell_store_refuses(&mut self, at: Instant, text: String) {
        if !core::mem::replace(&mut self.store_refuses, true) {
            self.tell(at, Kind::StoreFailed { text });
        }
    }

    /// Tells that the store takes what is written, if it was told that it does not.
    pub fn tell_store_takes(&mut self, at: Instant) {
        if core::mem::take(&mut self.store_refuses) {
            self.tell(at, Kind::StoreRecovered);
        }
    }

    /// The next action to be executed.
    pub fn pop_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next event to be told.
    pub fn pop_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Notes that an outcome has come, and gives the node that it is about, if it is about one;
    /// `None` when nobody waits for it any more.
    pub fn settle(&mut self, id: ActionId, outcome: &Outcome) -> Option<Option<NodeId>> {
        let awaited = self.awaited.remove(&id)?;
        match outcome {
            Outcome::Unknown => self.note_loose(awaited),
            Outcome::Done(Done::Fenced) => self.note_fenced(awaited),
            Outcome::Done(_) | Outcome::Failed(_) => {}
        }
        Some(awaited.node)
    }

    fn note_loose(&mut self, awaited: Awaited) {
        let Some(node) = awaited.node.filter(|_| awaited.changes) else {
            return;
        };
        let newest = self.loose.entry(node).or_insert(awaited.epoch);
        *newest = awaited.epoch.max(*newest);
    }

    /// A fence ends what was sent under older epochs, and nothing of its own.
    fn note_fenced(&mut self, fence: Awaited) {
        self.loose
            .retain(|node, newest| fence.node != Some(*node) || *newest >= fence.epoch);
    }

    /// Whether a command of ours that was not answered may still be executed on the node, on a
    /// connection that was given up.
    pub fn is_loose(&self, node: NodeId) -> bool {
        let mut awaited = self.awaited.values();
        self.loose.contains_key(&node) || awaited.any(|it| it.changes && it.node == Some(node))
    }

    /// An action whose deadline has passed.
    pub fn overdue(&mut self, now: Instant) -> Option<ActionId> {
        let id = self
            .awaited
            .iter()
            .find(|(_, awaited)| awaited.deadline <= now)
            .map(|(id, _)| *id)?;
        let awaited = self.awaited.remove(&id)?;
        self.note_loose(awaited);
        Some(id)
    }

    /// Nobody could be heard for this long: every outcome is awaited so much longer.
    pub fn postpone(&mut self, by: Duration) {
        for awaited in self.awaited.values_mut() {
            awaited.deadline = awaited.deadline + by;
        }
    }

    /// When the next awaited action is overdue.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.awaited.values().map(|awaited| awaited.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_ends_what_was_sent_under_older_epochs_only() {
        let node = NodeId(1);
        let within = Duration::from_secs(2);
        let mut out = Outbox::default();
        let act = |out: &mut Outbox, epoch, deed, outcome| {
            let id = out.act(Instant::ZERO, Epoch(epoch), within, deed);
            out.settle(id, &outcome);
            out.is_loose(node)
        };
        let seal = Deed::Seal {
            node,
            evict: false,
            shut: false,
        };
        let fence = || Deed::Fence { node };
        assert!(act(&mut out, 2, seal, Outcome::Unknown));
        assert!(act(&mut out, 2, fence(), Outcome::Done(Done::Fenced)));
        assert!(act(&mut out, 3, fence(), Outcome::Unknown));
        assert!(!act(&mut out, 3, fence(), Outcome::Done(Done::Fenced)));
    }
}
