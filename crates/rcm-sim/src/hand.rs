//! How actions reach a node: in order, on a connection of their own, with exactly one outcome.

use std::collections::{BTreeMap, VecDeque};

use rcm_core::action::{Action, Deed, Done, Failed, Outcome};
use rcm_core::id::{ActionId, Epoch};
use rcm_core::observation::Failure;

use crate::connect::Purpose;
use crate::monitor::Who;
use crate::trace::{MS, Time};
use crate::wire::{ConnId, Owner, Reply, Request, Script};
use crate::world::{Ours, World};

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
    blind: bool,
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
    fn worker(&mut self, who: Who, node: usize) -> &mut Worker {
        self.monitors[who].workers.entry(node).or_default()
    }

    fn outcome(&mut self, who: Who, id: ActionId, outcome: Outcome) {
        self.schedule_for(who, self.now, Ours::Outcome { id, outcome });
    }

    fn not_reached(&mut self, who: Who, id: ActionId) {
        self.outcome(who, id, Outcome::Failed(Failed::NotReached));
    }

    /// Begins an action on a node.
    pub(crate) fn submit(&mut self, who: Who, node: usize, action: Action) {
        let Action {
            id,
            epoch,
            deadline,
            deed,
        } = action;
        let mut blindly = false;
        let script = match deed {
            Deed::Open { blind, .. } => {
                blindly = blind;
                None
            }
            Deed::Fence { .. } => Some(Script::Fence(epoch)),
            Deed::Inspect { .. } => Some(Script::Inspect),
            Deed::Pause { within, .. } => Some(Script::Pause(
                Time::try_from(within.as_micros()).unwrap_or(Time::MAX),
            )),
            Deed::Resume { .. } => Some(Script::Resume),
            Deed::Seal { evict, shut, .. } => Some(Script::Seal { evict, shut }),
            Deed::Promote { .. } => Some(Script::Promote),
            Deed::Attach { primary, .. } => {
                let process = self.at(&primary).map(|it| self.servers[it].process);
                Some(Script::Attach(primary, process))
            }
            Deed::SetGates { gates, .. } => Some(Script::SetGates(gates)),
            Deed::Persist { gates, .. } => Some(Script::Persist(gates)),
            Deed::Close { .. } => return self.close_hand(who, node),
            Deed::CutLink { .. } => {
                let serial = self.next_serial();
                return self.begin_connect(
                    who,
                    node,
                    Purpose::Cut(id, epoch),
                    serial,
                    FIRST_ATTEMPT,
                );
            }
            Deed::Watch { .. }
            | Deed::Unwatch { .. }
            | Deed::Pace(_)
            | Deed::Read
            | Deed::Write { .. }
            | Deed::Tell(_)
            | Deed::Resign { .. } => return,
        };
        let deadline = self.monitors[who].clock.when(deadline);
        self.schedule_for(who, deadline, Ours::Overdue { node, id });
        match script {
            None => {
                self.close_hand(who, node);
                let serial = self.next_serial();
                let opening = Opening {
                    id,
                    epoch,
                    blind: blindly,
                    serial,
                };
                self.worker(who, node).opening = Some(opening);
                self.begin_connect(who, node, Purpose::Hand, serial, FIRST_ATTEMPT);
            }
            Some(script) if self.worker(who, node).holds() => {
                self.worker(who, node).held.push_back((id, epoch, script));
            }
            Some(script) => self.send_script(who, node, (id, epoch), script),
        }
    }

    fn send_script(
        &mut self,
        who: Who,
        node: usize,
        (id, epoch): (ActionId, Epoch),
        script: Script,
    ) {
        let Some(hand) = &mut self.worker(who, node).hand else {
            return self.not_reached(who, id);
        };
        if matches!(script, Script::Fence(_)) {
            hand.fencing = Some(id);
        }
        hand.waiting.push_back(id);
        let conn = hand.conn;
        let incarnation = self.monitors[who].incarnation;
        self.truth.sent.insert((incarnation, id), self.now);
        self.send(conn, Request::Act(id, epoch, script));
    }

    /// A connect for acting ended.
    pub(crate) fn hand_connected(
        &mut self,
        who: Who,
        node: usize,
        serial: u64,
        within: Time,
        result: Result<(), Failure>,
    ) {
        let current = |opening: &mut Opening| opening.serial == serial;
        let Some(opening) = self.worker(who, node).opening.take_if(current) else {
            return;
        };
        match result {
            Err(Failure::Silent) => {
                // Tried for as long as nothing speaks against it.
                self.worker(who, node).opening = Some(opening);
                return self.begin_connect(who, node, Purpose::Hand, serial, within * 2);
            }
            Err(_) => self.not_reached(who, opening.id),
            Ok(()) => {
                let conn = self.connect(who, node, Owner::Hand(node), None);
                let (waiting, fencing) = (VecDeque::new(), None);
                self.worker(who, node).hand = Some(Hand {
                    conn,
                    waiting,
                    fencing,
                });
                self.send(conn, Request::Name(opening.epoch));
                if opening.blind {
                    self.outcome(who, opening.id, Outcome::Done(Done::Opened));
                } else {
                    self.worker(who, node).opening = Some(opening);
                }
            }
        }
        self.release(who, node);
    }

    fn release(&mut self, who: Who, node: usize) {
        while !self.worker(who, node).holds() {
            let Some((id, epoch, script)) = self.worker(who, node).held.pop_front() else {
                return;
            };
            self.send_script(who, node, (id, epoch), script);
        }
    }

    pub(crate) fn cut_connected(
        &mut self,
        who: Who,
        node: usize,
        (id, epoch): (ActionId, Epoch),
        result: Result<(), Failure>,
    ) {
        if result.is_err() {
            return self.not_reached(who, id);
        }
        let conn = self.connect(who, node, Owner::Cut(node), None);
        self.send(conn, Request::Act(id, epoch, Script::Cut));
    }

    /// A reply on an acting connection.
    pub(crate) fn hear_hand(&mut self, who: Who, node: usize, conn: ConnId, reply: Reply) {
        let current = self
            .worker(who, node)
            .hand
            .as_ref()
            .is_some_and(|hand| hand.conn == conn);
        if !current {
            return;
        }
        match reply {
            Reply::End => self.close_hand(who, node),
            Reply::Named => {
                if let Some(opening) = self.worker(who, node).opening.take() {
                    self.outcome(who, opening.id, Outcome::Done(Done::Opened));
                    self.release(who, node);
                }
            }
            Reply::Seen(_) => {}
            Reply::Outcome(id, outcome) => {
                let Some(hand) = &mut self.worker(who, node).hand else {
                    return;
                };
                hand.fencing.take_if(|fencing| *fencing == id);
                let known = hand.waiting.iter().position(|waiting| *waiting == id);
                if let Some(place) = known {
                    hand.waiting.remove(place);
                    self.outcome(who, id, outcome);
                }
                self.release(who, node);
            }
        }
    }

    pub(crate) fn hear_cut(&mut self, who: Who, conn: ConnId, reply: Reply) {
        if let Reply::Outcome(id, outcome) = reply {
            self.outcome(who, id, outcome);
        }
        self.close(conn);
    }

    /// Closes the acting connection; what was sent may still be done.
    fn close_hand(&mut self, who: Who, node: usize) {
        let worker = self.worker(who, node);
        let (opening, hand) = (worker.opening.take(), worker.hand.take());
        let held = std::mem::take(&mut worker.held);
        if let Some(opening) = opening {
            self.not_reached(who, opening.id);
        }
        if let Some(hand) = hand {
            self.close(hand.conn);
            for id in hand.waiting {
                self.outcome(who, id, Outcome::Unknown);
            }
        }
        for (id, ..) in held {
            self.not_reached(who, id);
        }
    }

    /// An action's time is over.
    pub(crate) fn on_overdue(&mut self, who: Who, node: usize, id: ActionId) {
        let worker = self.worker(who, node);
        if worker.opening.take_if(|opening| opening.id == id).is_some() {
            self.not_reached(who, id);
            return self.release(who, node);
        }
        if let Some(place) = worker.held.iter().position(|(held, ..)| *held == id) {
            worker.held.remove(place);
            return self.not_reached(who, id);
        }
        let Some(hand) = &mut worker.hand else { return };
        if let Some(place) = hand.waiting.iter().position(|waiting| *waiting == id) {
            hand.waiting.remove(place);
            self.outcome(who, id, Outcome::Unknown);
        }
    }
}
