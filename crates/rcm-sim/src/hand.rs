//! How actions reach a node: in order, on a connection of their own, with exactly one outcome.

use std::collections::{BTreeMap, VecDeque};

use rcm_core::action::{Action, Deed, Done, Failed, Outcome};
use rcm_core::id::{ActionId, Epoch};
use rcm_core::observation::Failure;

use crate::connect::Purpose;
use crate::trace::{MS, Time};
use crate::wire::{ConnId, Owner, Reply, Request, Script};
use crate::world::{Event, World};

/// The hand on one node.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    opening: Option<Opening>,
    hand: Option<Hand>,
    held: VecDeque<(ActionId, Epoch, Script)>,
}

#[derive(Debug)]
struct Opening {
    id: ActionId,
    epoch: Epoch,
    serial: u64,
}

#[derive(Debug)]
struct Hand {
    conn: ConnId,
    waiting: VecDeque<ActionId>,
    fencing: Option<ActionId>,
}

/// The hands of one start of the monitor.
pub(crate) type Workers = BTreeMap<usize, Worker>;

const FIRST_ATTEMPT: Time = 250 * MS;

impl Worker {
    fn holds(&self) -> bool {
        self.opening.is_some()
            || self
                .hand
                .as_ref()
                .is_some_and(|hand| hand.fencing.is_some())
    }

    /// Whether an outcome is still awaited.
    pub(crate) fn pending(&self) -> usize {
        let waiting = self.hand.as_ref().map_or(0, |hand| hand.waiting.len());
        self.held.len() + waiting
    }
}

impl World {
    fn worker(&mut self, node: usize) -> &mut Worker {
        self.monitor.workers.entry(node).or_default()
    }

    fn outcome(&mut self, id: ActionId, outcome: Outcome) {
        let incarnation = self.monitor.incarnation;
        self.schedule(
            self.now,
            Event::Outcome {
                incarnation,
                id,
                outcome,
            },
        );
    }

    fn not_reached(&mut self, id: ActionId) {
        self.outcome(id, Outcome::Failed(Failed::NotReached));
    }

    /// Begins an action on a node.
    pub(crate) fn submit(&mut self, node: usize, action: Action) {
        let Action {
            id,
            epoch,
            deadline,
            deed,
        } = action;
        let incarnation = self.monitor.incarnation;
        let script = match deed {
            Deed::Open { .. } => None,
            Deed::Fence { .. } => Some(Script::Fence(epoch)),
            Deed::Inspect { .. } => Some(Script::Inspect),
            Deed::Seal { evict, shut, .. } => Some(Script::Seal { evict, shut }),
            Deed::Promote { .. } => Some(Script::Promote),
            Deed::Attach { primary, .. } => Some(Script::Attach(primary)),
            Deed::SetGates { gates, .. } => Some(Script::SetGates(gates)),
            Deed::Persist { gates, .. } => Some(Script::Persist(gates)),
            Deed::Close { .. } => return self.close_hand(node),
            Deed::CutLink { .. } => {
                let serial = self.next_serial();
                return self.begin_connect(node, Purpose::Cut(id), serial, FIRST_ATTEMPT);
            }
            Deed::Watch { .. }
            | Deed::Unwatch { .. }
            | Deed::Pace(_)
            | Deed::Read
            | Deed::Write { .. } => return,
        };
        let deadline = Time::try_from(deadline.since_start().as_micros()).unwrap_or(Time::MAX);
        self.schedule(
            deadline,
            Event::Overdue {
                incarnation,
                node,
                id,
            },
        );
        match script {
            None => {
                self.close_hand(node);
                let serial = self.next_serial();
                self.worker(node).opening = Some(Opening { id, epoch, serial });
                self.begin_connect(node, Purpose::Hand, serial, FIRST_ATTEMPT);
            }
            Some(script) if self.worker(node).holds() => {
                self.worker(node).held.push_back((id, epoch, script));
            }
            Some(script) => self.send_script(node, id, script),
        }
    }

    fn send_script(&mut self, node: usize, id: ActionId, script: Script) {
        let Some(hand) = &mut self.worker(node).hand else {
            return self.not_reached(id);
        };
        if matches!(script, Script::Fence(_)) {
            hand.fencing = Some(id);
        }
        hand.waiting.push_back(id);
        let conn = hand.conn;
        self.send(conn, Request::Act(id, script));
    }

    /// A connect for acting ended.
    pub(crate) fn hand_connected(
        &mut self,
        node: usize,
        serial: u64,
        within: Time,
        result: Result<(), Failure>,
    ) {
        let current = |opening: &mut Opening| opening.serial == serial;
        let Some(Opening { id, epoch, .. }) = self.worker(node).opening.take_if(current) else {
            return;
        };
        match result {
            Err(Failure::Silent) => {
                // Tried for as long as nothing speaks against it.
                self.worker(node).opening = Some(Opening { id, epoch, serial });
                return self.begin_connect(node, Purpose::Hand, serial, within * 2);
            }
            Err(_) => self.not_reached(id),
            Ok(()) => {
                let conn = self.connect(node, Owner::Hand(node), None);
                let (waiting, fencing) = (VecDeque::new(), None);
                self.worker(node).hand = Some(Hand {
                    conn,
                    waiting,
                    fencing,
                });
                self.send(conn, Request::Name(epoch));
                self.outcome(id, Outcome::Done(Done::Opened));
            }
        }
        self.release(node);
    }

    fn release(&mut self, node: usize) {
        while !self.worker(node).holds() {
            let Some((id, _, script)) = self.worker(node).held.pop_front() else {
                return;
            };
            self.send_script(node, id, script);
        }
    }

    pub(crate) fn cut_connected(&mut self, node: usize, id: ActionId, result: Result<(), Failure>) {
        if result.is_err() {
            return self.not_reached(id);
        }
        let conn = self.connect(node, Owner::Cut(node), None);
        self.send(conn, Request::Act(id, Script::Cut));
    }

    /// A reply on an acting connection.
    pub(crate) fn hear_hand(&mut self, node: usize, conn: ConnId, reply: Reply) {
        let current = self
            .worker(node)
            .hand
            .as_ref()
            .is_some_and(|hand| hand.conn == conn);
        if !current {
            return;
        }
        match reply {
            Reply::End => self.close_hand(node),
            Reply::Named | Reply::Seen(_) => {}
            Reply::Outcome(id, outcome) => {
                let Some(hand) = &mut self.worker(node).hand else {
                    return;
                };
                hand.fencing.take_if(|fencing| *fencing == id);
                let known = hand.waiting.iter().position(|waiting| *waiting == id);
                if let Some(place) = known {
                    hand.waiting.remove(place);
                    self.outcome(id, outcome);
                }
                self.release(node);
            }
        }
    }

    pub(crate) fn hear_cut(&mut self, conn: ConnId, reply: Reply) {
        if let Reply::Outcome(id, outcome) = reply {
            self.outcome(id, outcome);
        }
        self.close(conn);
    }

    /// Closes the acting connection; what was sent may still be done.
    fn close_hand(&mut self, node: usize) {
        let worker = self.worker(node);
        let (opening, hand) = (worker.opening.take(), worker.hand.take());
        let held = std::mem::take(&mut worker.held);
        if let Some(opening) = opening {
            self.not_reached(opening.id);
        }
        if let Some(hand) = hand {
            self.close(hand.conn);
            for id in hand.waiting {
                self.outcome(id, Outcome::Unknown);
            }
        }
        for (id, ..) in held {
            self.not_reached(id);
        }
    }

    /// An action's time is over.
    pub(crate) fn on_overdue(&mut self, node: usize, id: ActionId) {
        let worker = self.worker(node);
        if worker.opening.take_if(|opening| opening.id == id).is_some() {
            self.not_reached(id);
            return self.release(node);
        }
        if let Some(place) = worker.held.iter().position(|(held, ..)| *held == id) {
            worker.held.remove(place);
            return self.not_reached(id);
        }
        let Some(hand) = &mut worker.hand else { return };
        if let Some(place) = hand.waiting.iter().position(|waiting| *waiting == id) {
            hand.waiting.remove(place);
            self.outcome(id, Outcome::Unknown);
        }
    }
}
