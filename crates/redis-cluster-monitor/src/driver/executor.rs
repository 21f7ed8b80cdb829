//! The only place where an action becomes a call to the outside.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use rcm_core::action::{Action, Deed, Done, Failed, Outcome, Pace};
use rcm_core::id::{ActionId, Address, GroupName, NodeId};
use rcm_core::observation::{Observation, Seen};
use rcm_core::opinion::Opinion;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

use super::holders::Holders;
use crate::clock::Clock;
use crate::redis::{Hands, Link, Memory, Settings};
use crate::store::{Error, Membership, Store};

/// What actions came to, what was seen, and which pause may begin.
pub(super) type Inbox = (
    UnboundedReceiver<(ActionId, Outcome)>,
    UnboundedReceiver<Observation>,
    UnboundedReceiver<ActionId>,
);

/// Carries out the actions of one engine.
#[derive(Debug)]
pub(super) struct Executor {
    group: GroupName,
    store: Store,
    settings: Arc<Settings>,
    clock: Clock,
    memory: Memory,
    hands: Hands,
    watched: BTreeMap<NodeId, Watched>,
    pace: watch::Sender<Pace>,
    outcomes: UnboundedSender<(ActionId, Outcome)>,
    observations: UnboundedSender<Observation>,
    holders: Holders,
    /// A pause that waits until all holders are calm.
    pause: Option<Action>,
    calm: UnboundedSender<ActionId>,
    inbox: Option<Inbox>,
}

/// A node that is looked at, for as long as its link lives.
#[derive(Debug)]
struct Watched {
    address: Address,
    ip: Option<IpAddr>,
    _link: Link,
}

impl Executor {
    pub(super) fn new(
        group: GroupName,
        settings: Arc<Settings>,
        store: Store,
        clock: Clock,
        memory: Memory,
        holders: Holders,
    ) -> Self {
        let (calm, calm_inbox) = mpsc::unbounded_channel();
        let (outcomes, outcome_inbox) = mpsc::unbounded_channel();
        let (observations, observation_inbox) = mpsc::unbounded_channel();
        Self {
            group,
            store,
            hands: Hands::new(Arc::clone(&settings), clock),
            settings,
            clock,
            memory,
            watched: BTreeMap::new(),
            pace: watch::Sender::new(Pace::Calm),
            outcomes,
            observations,
            holders,
            pause: None,
            calm,
            inbox: Some((outcome_inbox, observation_inbox, calm_inbox)),
        }
    }

    /// Where all of that arrives; it can be taken once.
    pub(super) fn take_inbox(&mut self) -> Option<Inbox> {
        self.inbox.take()
    }

    /// The policy has changed: links look when it says.
    pub(super) fn retime(&self) {
        self.pace.send_modify(|_| {});
    }

    /// Names are resolved by the links; acting must not wait for a name server.
    pub(super) fn note(&mut self, observation: &Observation) {
        if let Seen::Resolved(ip) = observation.seen
            && let Some(watched) = self.watched.get_mut(&observation.node)
        {
            watched.ip = Some(ip);
        }
    }

    /// `membership` is the part that this monitor takes in the group.
    pub(super) fn execute(&mut self, action: Action, membership: &Membership) {
        let Action { id, deed, .. } = &action;
        match deed {
            Deed::Watch { node, address } => self.watch(*node, address.clone()),
            Deed::Unwatch { node } => drop(self.watched.remove(node)),
            Deed::Pace(pace) => drop(self.pace.send_replace(*pace)),
            Deed::Read => self.read(*id),
            Deed::Write { .. } => self.write(action),
            Deed::Tell(opinion) => self.tell(opinion),
            Deed::Resign { pause } => membership.resign(self.clock.now() + *pause),
            Deed::Open { node, .. }
            | Deed::Close { node }
            | Deed::Fence { node }
            | Deed::Inspect { node }
            | Deed::Resume { node }
            | Deed::Seal { node, .. }
            | Deed::Promote { node }
            | Deed::Attach { node, .. }
            | Deed::SetGates { node, .. }
            | Deed::Persist { node, .. }
            | Deed::CutLink { node } => {
                let node = *node;
                self.forget_pause(node);
                self.do_to_node(node, action);
            }
            Deed::Pause { node, .. } => {
                let node = *node;
                self.forget_pause(node);
                self.pause(node, action);
            }
        }
    }

    /// The primary begins to pause when nothing is on its way to it any more.
    fn pause(&mut self, node: NodeId, action: Action) {
        if self.holders.is_empty() {
            return self.do_to_node(node, action);
        }
        let (id, calm) = (action.id, self.calm.clone());
        self.pause = Some(action);
        let asking = self.holders.clone().calm();
        tokio::spawn(async move {
            asking.await;
            // The inbox is gone only when the group is.
            calm.send(id).ok();
        });
    }

    /// The holders of a pause are calm; it may have been given up meanwhile.
    pub(super) fn all_are_calm(&mut self, pause: ActionId) {
        if let Some(action) = self.pause.take_if(|action| action.id == pause)
            && let Some(node) = action.deed.node()
        {
            self.do_to_node(node, action);
        }
    }

    /// What comes after a pause must not be overtaken by it.
    fn forget_pause(&mut self, node: NodeId) {
        let same = |action: &mut Action| action.deed.node() == Some(node);
        if let Some(action) = self.pause.take_if(same) {
            self.end(action.id, Outcome::Failed(Failed::NotReached));
        }
    }

    fn watch(&mut self, node: NodeId, address: Address) {
        let link = Link::spawn(
            node,
            address.clone(),
            Arc::clone(&self.settings),
            self.clock,
            self.pace.subscribe(),
            self.observations.clone(),
            self.memory.clone(),
        );
        let ip = address.ip();
        self.watched.insert(
            node,
            Watched {
                address,
                ip,
                _link: link,
            },
        );
    }

    fn do_to_node(&self, node: NodeId, action: Action) {
        let Some(watched) = self.watched.get(&node) else {
            // It was forgotten meanwhile.
            self.end(action.id, Outcome::Failed(Failed::NotReached));
            return;
        };
        let address = watched.ip.map_or_else(
            || watched.address.clone(),
            |ip| Address::new(ip.to_string(), watched.address.port()),
        );
        self.hands.submit(action, address, self.outcomes.clone());
    }

    fn tell(&self, opinion: &Opinion) {
        match serde_json::to_string(opinion) {
            Ok(text) => self.store.say(&self.group, text),
            Err(error) => {
                let group = self.group.as_str();
                tracing::error!(group, "an opinion cannot be written: {error}");
            }
        }
    }

    fn read(&self, id: ActionId) {
        let (store, group) = (self.store.clone(), self.group.clone());
        let outcomes = self.outcomes.clone();
        tokio::spawn(async move {
            let outcome = match store.read(&group).await {
                Ok((record, revision)) => Outcome::Done(Done::Read {
                    record: record.map(Box::new),
                    revision,
                }),
                Err(error) => failed(error),
            };
            outcomes.send((id, outcome)).ok();
        });
    }

    fn write(&self, action: Action) {
        let Deed::Write { record, expect } = action.deed else {
            return;
        };
        let (store, group) = (self.store.clone(), self.group.clone());
        let outcomes = self.outcomes.clone();
        tokio::spawn(async move {
            let outcome = match store.write(&group, *record, expect).await {
                Ok(revision) => Outcome::Done(Done::Written(revision)),
                Err(error) => failed(error),
            };
            outcomes.send((action.id, outcome)).ok();
        });
    }

    fn end(&self, id: ActionId, outcome: Outcome) {
        // The inbox is gone only when the group is.
        self.outcomes.send((id, outcome)).ok();
    }
}

fn failed(error: Error) -> Outcome {
    match error {
        Error::Conflict => Outcome::Failed(Failed::Conflict),
        Error::Failed(text) => Outcome::Failed(Failed::Refused(text)),
        Error::Unknown(text) => {
            tracing::warn!("{text}");
            Outcome::Unknown
        }
    }
}
