//! Does to the nodes what the core has decided.
//!
//! One task per node keeps the order of its actions. Each node is acted on over a connection of its
//! own, named after the epoch, so that a newer monitor can find it and end it ([`worker`]). What is
//! sent for which action, and what the replies mean for it, is in [`script`].
//!
//! Always holds: an action has exactly one outcome, at its deadline at the latest, except that
//! closing has none. An action is only called failed if it is certain that it was not done.

mod cut;
mod gates;
mod line;
mod reach;
mod script;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rcm_core::action::{Action, Deed, Failed, Outcome};
use rcm_core::id::{ActionId, Address, NodeId};
use rcm_core::time::Instant;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::worker::{Job, Task, Worker};
use super::Settings;
use crate::clock::Clock;

/// Carries out actions on the nodes of one group.
#[derive(Debug)]
pub struct Hands {
    settings: Arc<Settings>,
    clock: Clock,
    workers: Mutex<BTreeMap<NodeId, UnboundedSender<Job>>>,
}

impl Hands {
    pub fn new(settings: Arc<Settings>, clock: Clock) -> Self {
        Self {
            settings,
            clock,
            workers: Mutex::default(),
        }
    }

    /// Begins an action on the node at `address`; its outcome goes to `outcomes`. Deeds that are
    /// not done to a node are none of ours and come to nothing.
    pub fn submit(
        &self,
        action: Action,
        address: Address,
        outcomes: UnboundedSender<(ActionId, Outcome)>,
    ) {
        let Action {
            id,
            epoch,
            deadline,
            deed,
        } = action;
        let outcome = Pending {
            id,
            deadline,
            outcomes,
        };
        let (node, task) = match deed {
            Deed::Open { node, blind } => (node, Task::Open { blind }),
            Deed::Close { node } => (node, Task::Close),
            Deed::Fence { node } => (node, Task::Fence),
            Deed::Inspect { node } => (node, Task::Run(script::Script::Inspect)),
            Deed::Pause { node, within } => (node, Task::Run(script::Script::Pause { within })),
            Deed::Resume { node } => (node, Task::Run(script::Script::Resume)),
            Deed::Seal { node, evict, shut } => {
                (node, Task::Run(script::Script::Seal { evict, shut }))
            }
            Deed::Promote { node } => (node, Task::Run(script::Script::Promote)),
            Deed::Attach { node, primary } => (node, Task::Run(script::Script::Attach { primary })),
            Deed::SetGates { node, gates } => (node, Task::Run(script::Script::SetGates(gates))),
            Deed::Persist { node, gates } => (node, Task::Run(script::Script::Persist { gates })),
            Deed::CutLink { node: _ } => {
                let settings = Arc::clone(&self.settings);
                tokio::spawn(cut::cut(settings, self.clock, address, epoch, outcome));
                return;
            }
            Deed::Watch { .. }
            | Deed::Unwatch { .. }
            | Deed::Pace(_)
            | Deed::Read
            | Deed::Write { .. }
            | Deed::Tell(_)
            | Deed::Resign { .. } => {
                debug_assert!(false, "not done to a node: {deed:?}");
                return;
            }
        };
        let job = Job {
            task,
            epoch,
            address,
            outcome,
        };
        self.give(node, job);
    }

    fn give(&self, node: NodeId, job: Job) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = workers.entry(node).or_insert_with(|| {
            let (sender, jobs) = unbounded_channel();
            let worker = Worker::new(Arc::clone(&self.settings), self.clock);
            tokio::spawn(worker.run(jobs));
            sender
        });
        // A worker ends only after its sender.
        worker.send(job).ok();
    }
}

/// An action that has no outcome yet.
#[derive(Debug)]
struct Pending {
    id: ActionId,
    deadline: Instant,
    outcomes: UnboundedSender<(ActionId, Outcome)>,
}

impl Pending {
    fn end(self, outcome: Outcome) {
        // Nobody listens any more only while the program ends.
        self.outcomes.send((self.id, outcome)).ok();
    }

    fn not_reached(self) {
        self.end(Outcome::Failed(Failed::NotReached));
    }

    fn refused(self, text: impl Into<String>) {
        self.end(Outcome::Failed(Failed::Refused(text.into())));
    }
}
