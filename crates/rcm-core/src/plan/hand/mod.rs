//! What is done to one node between the claim and the count: hold it, drain it, seal it.

mod looks;

use core::time::Duration;

use self::looks::{is_gone, is_heard};
use crate::action::{Deed, Done, Outcome, Report};
use crate::id::{ActionId, NodeId, Offset, RunId};
use crate::lease::Held;
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::plan::count::Sealed;
use crate::plan::grip::{Grip, Superseded, Target};
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::Node;

/// One node in the hands of a failover.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, none of them a state"
)]
pub(super) struct Hand {
    target: Target,
    state: State,
    /// Since when it is waited for; once anew, when the store has confirmed the epoch.
    began: Instant,
    /// It had let us in when that was confirmed.
    let_in: bool,
    /// It was taken in hand again as soon as it was back.
    taken_back: bool,
    /// How it is sealed.
    seal: Deed,
    /// It is given time to apply what it has received; since then nothing more was sent to it.
    drain: Option<Instant>,
    /// How far it had come when it was asked last; asked twice without progress, it is done.
    drained_to: Option<Offset>,
    /// Nothing spoke against it when it was taken in hand.
    expected: bool,
    /// Where it stood while it was loading a whole data set.
    was_loading: Option<Position>,
    /// A seal was sent and not answered: it may be executed at any time.
    unanswered: bool,
    /// The process that looks had met when the node was sealed.
    met: Option<RunId>,
}

#[derive(Clone, Debug)]
enum State {
    Gripping(Grip),
    Inspecting(ActionId),
    /// Its link to the lost primary is still up: look again at this time.
    Draining {
        again: Instant,
    },
    Sealing {
        seal: ActionId,
        since: Instant,
    },
    Sealed {
        report: Report,
        at: Instant,
    },
    /// The seal was sent and not answered. Once the node answers again it is sealed again.
    Unknown,
    /// Nothing was sent.
    Unreached {
        since: Instant,
    },
}

/// How often a draining replica is asked whether it has read to the end.
const DRAIN_EVERY: Duration = Duration::from_millis(5);
/// How often a node that was not reached is tried again while nobody can be promoted.
const REACH_AGAIN: Duration = Duration::from_millis(100);

impl Hand {
    pub(super) fn begin(
        node: NodeId,
        epoch: crate::id::Epoch,
        leased: Held,
        (lost, quiet_since): (Option<NodeId>, Option<Instant>),
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let is_lost = lost == Some(node);
        let target = if is_lost {
            Target::lost(node, epoch)
        } else {
            Target::new(world, node, epoch, leased, out)
        };
        let known = world.view.get(node);
        let following = known.and_then(|node| node.following());
        Self {
            state: State::Gripping(Grip::begin(target, world, out)),
            target,
            began: world.now,
            let_in: false,
            taken_back: false,
            seal: Deed::Seal {
                node,
                // Whom a fence would end on the lost primary is ended by its seal.
                evict: is_lost || following.is_none(),
                shut: false,
            },
            // It may still hold what an earlier primary sent.
            drain: quiet_since.filter(|_| {
                // Who was never looked at may follow anybody.
                let unknown = known.is_none_or(|node| node.look.is_none());
                let follows = following.is_some_and(|it| !it.primary.is_tombstone());
                !world.lacks(Mutant::NoDrain) && !is_lost && (unknown || follows)
            }),
            expected: is_heard(node, world),
            was_loading: known
                .and_then(|node| node.replication())
                .filter(|replication| replication.loading)
                .map(Position::from),
            unanswered: false,
            drained_to: None,
            met: None,
        }
    }

    /// The same in strict mode: no client may survive an epoch, also none of a replica, which may be
    /// in office again later.
    pub(super) fn strictly(mut self) -> Self {
        self.seal = Deed::Seal {
            node: self.target.node,
            evict: true,
            shut: true,
        };
        self
    }

    /// The same, knowing what an earlier hand on the node knew.
    pub(super) fn after(mut self, before: Option<&Self>) -> Self {
        self.was_loading = self.was_loading.or(before.and_then(|it| it.was_loading));
        self
    }

    pub(super) const fn node(&self) -> NodeId {
        self.target.node
    }

    pub(super) const fn awaits(&self) -> Option<ActionId> {
        match &self.state {
            State::Gripping(grip) => grip.awaits(),
            State::Inspecting(id) | State::Sealing { seal: id, .. } => Some(*id),
            State::Draining { .. }
            | State::Sealed { .. }
            | State::Unknown
            | State::Unreached { .. } => None,
        }
    }

    /// Where the node stands, once it is sealed.
    pub(super) const fn report(&self) -> Option<&Report> {
        match &self.state {
            State::Sealed { report, .. } => Some(report),
            State::Gripping(_)
            | State::Inspecting(_)
            | State::Draining { .. }
            | State::Sealing { .. }
            | State::Unknown
            | State::Unreached { .. } => None,
        }
    }

    /// The node as the count takes it, once it is sealed.
    pub(super) fn sealed(&self) -> Option<Sealed<'_>> {
        self.report().map(|report| Sealed {
            node: self.node(),
            report,
            was_loading: self.was_loading,
        })
    }

    /// Whether a seal may be executed on the node, now or later.
    pub(super) const fn may_be_sealed(&self) -> bool {
        self.unanswered || matches!(self.state, State::Sealing { .. } | State::Sealed { .. })
    }

    /// Whether a seal was sent and not answered.
    pub(super) const fn is_outstanding(&self) -> bool {
        matches!(self.state, State::Sealing { .. } | State::Unknown)
    }

    /// Whether the node has let us in, and only the record is read before it is sealed: how long that
    /// takes is the store's, and says nothing about the node. At a lost primary it is the kernel that
    /// lets us in.
    pub(super) const fn awaits_store(&self) -> bool {
        matches!(self.state, State::Gripping(Grip::Confirming(_))) && !self.target.blind
    }

    /// Until when the count waits for this node, if it does: it was heard when it was taken in hand, has
    /// let us in, or is heard by now.
    pub(super) fn awaited_until(&self, world: World<'_>) -> Option<Instant> {
        if !(self.expected || self.let_in || is_heard(self.target.node, world)) {
            return None;
        }
        let drained = if self.drain.is_some() {
            Policy::DRAIN_WITHIN
        } else {
            Duration::ZERO
        };
        match self.state {
            State::Gripping(_) | State::Inspecting(_) | State::Draining { .. } => {
                Some(self.began + drained + Policy::SEAL_WITHIN)
            }
            State::Sealing { since, .. } => Some(since + Policy::SEAL_WITHIN),
            State::Unknown | State::Unreached { .. } => self
                .was_cut_off(world)
                .then(|| self.began + drained + Policy::SEAL_WITHIN),
            State::Sealed { .. } => None,
        }
    }

    pub(super) fn postpone(&mut self, by: Duration) {
        self.began = self.began + by;
        if let State::Sealing { since, .. } = &mut self.state {
            *since = *since + by;
        }
    }

    /// When the node wants to be asked again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Draining { again } => Some(again),
            // A node that never answers the look is sealed all the same when its time is over.
            State::Inspecting(_) => Some(self.began + Policy::DRAIN_WITHIN),
            State::Unreached { since } => Some(since + REACH_AGAIN),
            State::Gripping(_) | State::Sealing { .. } | State::Sealed { .. } | State::Unknown => {
                None
            }
        }
    }

    pub(super) fn tick(&mut self, world: World<'_>, out: &mut Outbox) {
        let restarted = self.report().is_some_and(|report| {
            let node = world.view.get(self.target.node);
            // What is older than the seal has not met the process that was sealed.
            let met = node.and_then(Node::run_id);
            met != Some(report.run_id) && met != self.met
        });
        if world.lacks(Mutant::Impatient) && matches!(self.state, State::Sealing { .. }) {
            return self.seal(world, out);
        }
        let answers = matches!(self.state, State::Unknown) && self.answers(world);
        let is_back = !self.taken_back && self.is_back(world);
        self.taken_back |= is_back;
        if restarted || answers || is_back {
            self.state = State::Gripping(Grip::begin(self.target, world, out));
        }
        if self.next_deadline().is_none_or(|at| at > world.now) {
            return;
        }
        match self.state {
            State::Draining { .. } if self.drain_is_over(world) => self.seal(world, out),
            State::Draining { .. } => self.inspect(world, out),
            State::Inspecting(_) => self.seal(world, out),
            State::Unreached { .. } => {
                self.state = State::Gripping(Grip::begin(self.target, world, out));
            }
            State::Gripping(_) | State::Sealing { .. } | State::Sealed { .. } | State::Unknown => {}
        }
    }

    pub(super) fn step(
        &mut self,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Result<(), Superseded> {
        match (&self.state, outcome) {
            (State::Gripping(grip), outcome) => {
                let awaited_store = self.awaits_store();
                let grip = grip.step(self.target, &outcome, world, out)?;
                self.state = State::Gripping(grip);
                if awaited_store && !self.let_in {
                    self.let_in = true;
                    self.began = world.now;
                }
                match grip {
                    Grip::Firm if self.may_have_more_to_read(world) => self.inspect(world, out),
                    Grip::Firm => self.seal(world, out),
                    Grip::Slipped => self.state = State::Unreached { since: world.now },
                    Grip::Opening(_) | Grip::Confirming(_) | Grip::Fencing(_) => {}
                }
            }
            (State::Inspecting(_), Outcome::Done(Done::Inspected(report))) => {
                let progress = self.drained_to != Some(report.replication.offset);
                self.drained_to = Some(report.replication.offset);
                if report.replication.link_up() && progress && !self.drain_is_over(world) {
                    self.state = State::Draining {
                        again: world.now + DRAIN_EVERY,
                    };
                } else {
                    self.seal(world, out);
                }
            }
            (
                &State::Sealing { since, .. },
                Outcome::Done(Done::Sealed(report) | Done::Inspected(report)),
            ) => {
                let node = world.view.get(self.target.node);
                self.met = node.and_then(Node::run_id);
                self.state = if node.is_some_and(|node| is_gone(&report, since, node)) {
                    State::Unreached { since: world.now }
                } else {
                    let at = world.now;
                    State::Sealed { report, at }
                };
            }
            (State::Sealing { .. }, Outcome::Unknown) => {
                self.unanswered = true;
                self.state = State::Unknown;
            }
            // Refused (a loading node cannot be sealed), or the connection ended before it.
            (State::Inspecting(_) | State::Sealing { .. }, _) => {
                self.state = State::Unreached { since: world.now };
            }
            (
                State::Draining { .. }
                | State::Sealed { .. }
                | State::Unknown
                | State::Unreached { .. },
                _,
            ) => {}
        }
        Ok(())
    }

    fn inspect(&mut self, world: World<'_>, out: &mut Outbox) {
        let deed = Deed::Inspect {
            node: self.target.node,
        };
        let id = out.act(world.now, self.target.epoch, Policy::ACTION_WITHIN, deed);
        self.state = State::Inspecting(id);
    }

    fn seal(&mut self, world: World<'_>, out: &mut Outbox) {
        let node = self.target.node;
        let deed = if world.lacks(Mutant::NoSeal) {
            Deed::Inspect { node }
        } else {
            self.seal.clone()
        };
        let seal = out.act(world.now, self.target.epoch, Policy::ACTION_WITHIN, deed);
        self.state = State::Sealing {
            seal,
            since: world.now,
        };
    }
}
