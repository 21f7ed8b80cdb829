//! What is done to one node outside a failover, so that it agrees with the record: a rival primary
//! is sealed and attached, a stray replica attached, a role that is final written down.

use alloc::string::String;

use super::grip::{Grip, Superseded, Target};
use super::{Outbox, World};
use crate::action::{Deed, Done, Failed, Outcome, Report};
use crate::id::{ActionId, Address, Epoch, NodeId};
use crate::lease::Held;
use crate::policy::Policy;

/// What a node needs, to agree with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// It says that it is a primary, and is not: seal it, then attach it to this address.
    SealAndAttach(Address),
    /// It does not follow the primary at this address.
    Attach(Address),
    /// Its role is final and not written down yet.
    Persist,
}

/// The work on one node.
#[derive(Clone, Debug)]
pub struct Duty {
    target: Target,
    need: Need,
    persist: bool,
    state: State,
    attached: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Gripping(Grip),
    Sealing(ActionId),
    Attaching(ActionId),
    Persisting(ActionId),
}

/// Something that came of the work on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DutyEnd {
    /// It goes on.
    Running,
    /// A rival was sealed here; the work goes on.
    Sealed(Report),
    /// The node was attached to this address; the work goes on if its role is to be written down.
    Attached {
        /// Whom it follows now.
        primary: Address,
        /// Nothing is left to be done.
        finished: bool,
    },
    /// The node wrote its role down.
    Persisted,
    /// The node could not write its role down.
    NotPersisted(String),
    /// It has to be tried again; the text is empty when the node was not reached.
    Failed(String),
    /// The record has moved on.
    Superseded,
}

impl DutyEnd {
    /// Whether nothing is left to be done.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Running
            | Self::Sealed(_)
            | Self::Attached {
                finished: false, ..
            } => false,
            Self::Attached { finished: true, .. }
            | Self::Persisted
            | Self::NotPersisted(_)
            | Self::Failed(_)
            | Self::Superseded => true,
        }
    }
}

impl Duty {
    /// Begins by getting hold of the node.
    pub fn begin(
        leased: Held,
        epoch: Epoch,
        node: NodeId,
        need: Need,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let target = Target::new(world, node, epoch, leased, out);
        let state = State::Gripping(Grip::begin(target, world, out));
        Self {
            target,
            need,
            persist: world.policy.persist_roles,
            state,
            attached: false,
        }
    }

    /// The action whose outcome it waits for.
    pub const fn awaits(&self) -> Option<ActionId> {
        match self.state {
            State::Gripping(grip) => grip.awaits(),
            State::Sealing(id) | State::Attaching(id) | State::Persisting(id) => Some(id),
        }
    }

    /// What it is about.
    pub const fn need(&self) -> &Need {
        &self.need
    }

    /// Whether attaching the node still lies ahead.
    pub const fn will_attach(&self) -> bool {
        let before = matches!(self.state, State::Gripping(_) | State::Sealing(_));
        before && !matches!(self.need, Need::Persist)
    }

    /// Whether the node has been attached already.
    pub const fn has_attached(&self) -> bool {
        self.attached
    }

    /// Takes the outcome of its action in.
    pub fn step(&mut self, outcome: Outcome, world: World<'_>, out: &mut Outbox) -> DutyEnd {
        match (self.state, outcome) {
            (State::Gripping(grip), outcome) => {
                match grip.step(self.target, &outcome, world, out) {
                    Err(Superseded(_)) => return DutyEnd::Superseded,
                    Ok(Grip::Slipped) => return DutyEnd::Failed(String::new()),
                    Ok(Grip::Firm) => self.state = self.first_step(world, out),
                    Ok(grip) => self.state = State::Gripping(grip),
                }
                DutyEnd::Running
            }
            (State::Sealing(_), Outcome::Done(Done::Sealed(report))) => {
                if let Need::SealAndAttach(primary) = self.need.clone() {
                    self.state = self.attach(primary, world, out);
                }
                DutyEnd::Sealed(report)
            }
            (State::Attaching(_), Outcome::Done(_)) => {
                self.attached = true;
                if self.persist {
                    self.state = self.persist(world, out);
                }
                let (Need::SealAndAttach(primary) | Need::Attach(primary)) = self.need.clone()
                else {
                    return DutyEnd::Running;
                };
                DutyEnd::Attached {
                    primary,
                    finished: !self.persist,
                }
            }
            (State::Persisting(_), Outcome::Done(_)) => DutyEnd::Persisted,
            (State::Persisting(_), Outcome::Failed(Failed::Refused(text))) => {
                DutyEnd::NotPersisted(text)
            }
            (_, Outcome::Failed(Failed::Refused(text))) => DutyEnd::Failed(text),
            (State::Sealing(_) | State::Attaching(_) | State::Persisting(_), _) => {
                DutyEnd::Failed(String::new())
            }
        }
    }

    fn first_step(&self, world: World<'_>, out: &mut Outbox) -> State {
        match self.need.clone() {
            Need::SealAndAttach(_) => {
                let deed = Deed::Seal {
                    node: self.target.node,
                    evict: true,
                };
                State::Sealing(self.act(deed, world, out))
            }
            Need::Attach(primary) => self.attach(primary, world, out),
            Need::Persist => self.persist(world, out),
        }
    }

    fn attach(&self, primary: Address, world: World<'_>, out: &mut Outbox) -> State {
        let deed = Deed::Attach {
            node: self.target.node,
            primary,
        };
        State::Attaching(self.act(deed, world, out))
    }

    fn persist(&self, world: World<'_>, out: &mut Outbox) -> State {
        State::Persisting(self.act(
            Deed::Persist {
                node: self.target.node,
            },
            world,
            out,
        ))
    }

    fn act(&self, deed: Deed, world: World<'_>, out: &mut Outbox) -> ActionId {
        out.act(world.now, self.target.epoch, Policy::ACTION_WITHIN, deed)
    }
}
