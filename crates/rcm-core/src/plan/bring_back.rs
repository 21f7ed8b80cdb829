//! What is done to one node outside a failover, so that it agrees with the record: a rival primary
//! is sealed and attached, a stray replica attached, a role that is final written down.

use alloc::string::String;

use super::grip::{Grip, Superseded, Target};
use super::{Outbox, World};
use crate::action::{Deed, Done, Failed, Outcome, Report};
use crate::id::{ActionId, Address, NodeId, RunId};
use crate::lease::Held;
use crate::mutant::Mutant;
use crate::observation::Gates;
use crate::policy::Policy;
use crate::record::Record;
use crate::view::Node;

/// What a node needs, to agree with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// It says that it is a primary, and is not: seal it, then attach it to this address.
    SealAndAttach(Address),
    /// It does not follow the primary at this address.
    Attach(Address),
    /// Its role is final and not written down yet.
    Persist,
    /// Strict mode: it lets through something else than this.
    SetGates(Gates),
}

/// What is to be written into the node's own configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteDown {
    /// Nothing, unless that is what it needs.
    Nothing,
    /// Its role, once it is attached.
    Role,
    /// Strict mode: that it is sealed, before it is attached. However often its role changes later,
    /// it starts sealed and waits for a monitor.
    Sealed,
}

/// The work on one node.
#[derive(Clone, Debug)]
pub struct Duty {
    target: Target,
    need: Need,
    write_down: WriteDown,
    /// It said that it was a primary.
    rival: bool,
    strict: bool,
    /// Strict mode: only this process may be opened. It may have restarted since it was last looked
    /// at, and with less than it had; on one connection it is always the same.
    only: Option<RunId>,
    /// Strict mode: what the primary lets through, in case it is this node that writes its role down.
    in_office: Option<Gates>,
    state: State,
    attached: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Gripping(Grip),
    Inspecting(ActionId),
    Sealing(ActionId),
    /// The writing of its role is sent with it, so that a node that is attached has it in its file
    /// even if nobody is left to hear of that.
    Attaching(ActionId, Option<ActionId>),
    Persisting(ActionId),
    Setting(ActionId),
}

/// Something that came of the work on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DutyEnd {
    /// It goes on.
    Running,
    /// The node was sealed here; the work goes on.
    Sealed(Report),
    /// The node was attached to this address; the work goes on if its role is to be written down.
    Attached {
        /// Whom it follows now.
        primary: Address,
        /// Nothing is left to be done.
        finished: bool,
    },
    /// The node wrote down what it should; the work goes on if it is still to be attached.
    Persisted {
        /// Nothing is left to be done.
        finished: bool,
    },
    /// The node could not write down what it should.
    NotPersisted {
        /// What it said.
        text: String,
        /// Nothing is left to be done.
        finished: bool,
    },
    /// The node lets this through.
    Gated(Gates),
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
            }
            | Self::Persisted { finished: false }
            | Self::NotPersisted {
                finished: false, ..
            } => false,
            Self::Attached { finished: true, .. }
            | Self::Persisted { finished: true }
            | Self::NotPersisted { finished: true, .. }
            | Self::Gated(_)
            | Self::Failed(_)
            | Self::Superseded => true,
        }
    }
}

impl Duty {
    /// Begins by getting hold of the node.
    pub fn begin(
        leased: Held,
        record: &Record,
        node: NodeId,
        (need, write_down): (Need, WriteDown),
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let target = Target::new(world, node, record.epoch, leased, out);
        let state = State::Gripping(Grip::begin(target, world, out));
        let strict = record.is_strict();
        let shuts = strict && !world.lacks(Mutant::OpenOnDisk);
        let in_office = shuts.then(|| Gates::open(record.ack_replicas));
        let opens = match &need {
            Need::Persist => strict,
            Need::SetGates(gates) => *gates != Gates::SHUT,
            Need::SealAndAttach(_) | Need::Attach(_) => false,
        };
        Self {
            target,
            need,
            only: record.primary.run_id.filter(|_| opens),
            write_down,
            rival: world.view.get(node).is_some_and(Node::is_primary),
            strict,
            in_office,
            state,
            attached: false,
        }
    }

    /// Whether it waits for the outcome of this action.
    pub fn awaits(&self, action: ActionId) -> bool {
        match self.state {
            State::Gripping(grip) => grip.awaits() == Some(action),
            State::Attaching(attach, persist) => attach == action || persist == Some(action),
            State::Inspecting(id)
            | State::Sealing(id)
            | State::Persisting(id)
            | State::Setting(id) => id == action,
        }
    }

    /// What it is about.
    pub const fn need(&self) -> &Need {
        &self.need
    }

    /// Whether it is about a node that said that it was a primary.
    pub const fn is_about_a_rival(&self) -> bool {
        self.rival
    }

    /// Whether attaching the node still lies ahead.
    pub const fn will_attach(&self) -> bool {
        !self.may_have_attached() && self.attaches_to().is_some()
    }

    /// Whether the node was told to follow the primary.
    pub const fn may_have_attached(&self) -> bool {
        self.attached || matches!(self.state, State::Attaching(..))
    }

    const fn attaches_to(&self) -> Option<&Address> {
        match &self.need {
            Need::SealAndAttach(primary) | Need::Attach(primary) => Some(primary),
            Need::Persist | Need::SetGates(_) => None,
        }
    }

    /// Whether the node has been attached already.
    pub const fn has_attached(&self) -> bool {
        self.attached
    }

    /// Takes the outcome of one of its actions in.
    pub fn step(
        &mut self,
        action: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> DutyEnd {
        match (self.state, outcome) {
            // The writing ended before the attaching: which role was written, only a look can tell.
            (State::Attaching(_, Some(persist)), _) if persist == action => {
                DutyEnd::Failed(String::new())
            }
            (State::Gripping(grip), outcome) => {
                match grip.step(self.target, &outcome, world, out) {
                    Err(Superseded(_)) => return DutyEnd::Superseded,
                    Ok(Grip::Slipped) => return DutyEnd::Failed(String::new()),
                    Ok(Grip::Firm) => self.state = self.first_step(world, out),
                    Ok(grip) => self.state = State::Gripping(grip),
                }
                DutyEnd::Running
            }
            (State::Inspecting(_), Outcome::Done(Done::Inspected(report))) => {
                if Some(report.run_id) != self.only || !report.replication.is_primary() {
                    return DutyEnd::Failed(String::new());
                }
                self.only = None;
                self.state = self.first_step(world, out);
                DutyEnd::Running
            }
            (State::Sealing(_), Outcome::Done(Done::Sealed(report))) => {
                if let Some(primary) = self.attaches_to().cloned() {
                    self.state = self.before_attaching(primary, world, out);
                }
                DutyEnd::Sealed(report)
            }
            (State::Attaching(_, persist), Outcome::Done(_)) => {
                self.attached = true;
                if let Some(id) = persist {
                    self.state = State::Persisting(id);
                }
                match self.attaches_to().cloned() {
                    Some(primary) => DutyEnd::Attached {
                        primary,
                        finished: persist.is_none(),
                    },
                    None => DutyEnd::Running,
                }
            }
            (State::Persisting(_), Outcome::Done(_)) => {
                let finished = self.after_persisting(world, out);
                DutyEnd::Persisted { finished }
            }
            (State::Persisting(_), Outcome::Failed(Failed::Refused(text))) => {
                let finished = self.after_persisting(world, out);
                DutyEnd::NotPersisted { text, finished }
            }
            (State::Setting(_), Outcome::Done(Done::Gated(gates))) => DutyEnd::Gated(gates),
            (_, Outcome::Failed(Failed::Refused(text))) => DutyEnd::Failed(text),
            (
                State::Inspecting(_)
                | State::Sealing(_)
                | State::Attaching(..)
                | State::Persisting(_)
                | State::Setting(_),
                _,
            ) => DutyEnd::Failed(String::new()),
        }
    }

    fn first_step(&self, world: World<'_>, out: &mut Outbox) -> State {
        let node = self.target.node;
        if self.only.is_some() {
            return State::Inspecting(self.act(Deed::Inspect { node }, world, out));
        }
        match self.need.clone() {
            Need::SealAndAttach(_) => {
                let shut = self.strict;
                let deed = Deed::Seal {
                    node,
                    evict: true,
                    shut,
                };
                State::Sealing(self.act(deed, world, out))
            }
            Need::Attach(primary) => self.before_attaching(primary, world, out),
            Need::Persist => State::Persisting(self.persist(world, out)),
            Need::SetGates(gates) => {
                State::Setting(self.act(Deed::SetGates { node, gates }, world, out))
            }
        }
    }

    /// The node is sealed and about to be attached.
    fn before_attaching(&self, primary: Address, world: World<'_>, out: &mut Outbox) -> State {
        if self.write_down == WriteDown::Sealed {
            State::Persisting(self.persist(world, out))
        } else {
            self.attach(primary, world, out)
        }
    }

    /// Says whether nothing is left to be done.
    fn after_persisting(&mut self, world: World<'_>, out: &mut Outbox) -> bool {
        let attaches_to = self.attaches_to().filter(|_| !self.attached).cloned();
        let finished = attaches_to.is_none();
        if let Some(primary) = attaches_to {
            self.state = self.attach(primary, world, out);
        }
        finished
    }

    fn attach(&self, primary: Address, world: World<'_>, out: &mut Outbox) -> State {
        let node = self.target.node;
        let attach = self.act(Deed::Attach { node, primary }, world, out);
        let writes = self.write_down == WriteDown::Role;
        State::Attaching(attach, writes.then(|| self.persist(world, out)))
    }

    fn persist(&self, world: World<'_>, out: &mut Outbox) -> ActionId {
        let node = self.target.node;
        let gates = match self.need {
            Need::Persist => self.in_office,
            Need::SealAndAttach(_) | Need::Attach(_) | Need::SetGates(_) => {
                self.in_office.map(|_| Gates::SHUT)
            }
        };
        self.act(Deed::Persist { node, gates }, world, out)
    }

    fn act(&self, deed: Deed, world: World<'_>, out: &mut Outbox) -> ActionId {
        out.act(world.now, self.target.epoch, Policy::ACTION_WITHIN, deed)
    }
}
