//! Writing the record step by step, with every outcome of a write taken seriously.
//!
//! A write whose outcome is unknown may have happened. It is read back before anything else.

use alloc::boxed::Box;

use crate::action::{Deed, Done, Failed, Outcome};
use crate::id::{ActionId, Revision};
use crate::mutant::Mutant;
use crate::plan::{Outbox, World};
use crate::policy::Policy;
use crate::record::Record;
use crate::time::Instant;

/// A record together with the revision under which it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// Its revision.
    pub revision: Revision,
}

/// A record on its way into the store.
#[derive(Clone, Debug)]
pub struct Writing {
    record: Record,
    expect: Revision,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Writing(ActionId),
    ReadingBack(ActionId),
    Pausing { until: Instant },
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Not yet.
    Pending,
    /// It is stored.
    Done(Stored),
    /// Something else is stored.
    Conflict(Option<Stored>),
}

/// How long to wait before a store that failed is tried again.
const RETRY_AFTER: core::time::Duration = core::time::Duration::from_millis(100);

impl Writing {
    pub(crate) fn begin(
        record: Record,
        expect: Revision,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Self {
        let state = State::Writing(write(&record, expect, world, out));
        Self {
            record,
            expect,
            state,
        }
    }

    pub(crate) const fn record(&self) -> &Record {
        &self.record
    }

    const fn awaits(&self) -> Option<ActionId> {
        match self.state {
            State::Writing(id) | State::ReadingBack(id) => Some(id),
            State::Pausing { .. } => None,
        }
    }

    pub(crate) const fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Pausing { until } => Some(until),
            State::Writing(_) | State::ReadingBack(_) => None,
        }
    }

    /// Whether the store failed, and is tried again later.
    pub(crate) const fn is_pausing(&self) -> bool {
        matches!(self.state, State::Pausing { .. })
    }

    pub(crate) fn tick(&mut self, world: World<'_>, out: &mut Outbox) {
        if let State::Pausing { until } = self.state
            && until <= world.now
        {
            self.read_back(world, out);
        }
    }

    pub(crate) fn step(
        &mut self,
        id: ActionId,
        outcome: Outcome,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Written {
        if self.awaits() != Some(id) {
            return Written::Pending;
        }
        match (self.state, outcome) {
            (State::Writing(_), Outcome::Done(Done::Written(revision))) => {
                self.done(revision, world, out)
            }
            (State::Writing(_), Outcome::Failed(Failed::Conflict))
                if world.lacks(Mutant::NoCompare) =>
            {
                Written::Done(Stored {
                    record: self.record.clone(),
                    revision: self.expect.next(),
                })
            }
            (State::ReadingBack(_), Outcome::Done(Done::Read { record, revision })) => {
                self.compare(record, revision, world, out)
            }
            (_, Outcome::Failed(Failed::Refused(text))) => {
                out.tell_store_refuses(world.now, text);
                self.state = State::Pausing {
                    until: world.now + RETRY_AFTER,
                };
                Written::Pending
            }
            // Unknown, a conflict (which may be with our own write), or nonsense: read it back.
            (State::Writing(_), _) => {
                self.read_back(world, out);
                Written::Pending
            }
            (State::ReadingBack(_) | State::Pausing { .. }, _) => {
                self.state = State::Pausing {
                    until: world.now + RETRY_AFTER,
                };
                Written::Pending
            }
        }
    }

    fn compare(
        &mut self,
        record: Option<Box<Record>>,
        revision: Revision,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Written {
        if record.as_deref() == Some(&self.record) {
            return self.done(revision, world, out);
        }
        if revision == self.expect {
            self.state = State::Writing(write(&self.record, self.expect, world, out));
            return Written::Pending;
        }
        Written::Conflict(record.map(|record| Stored {
            record: *record,
            revision,
        }))
    }

    fn done(&self, revision: Revision, world: World<'_>, out: &mut Outbox) -> Written {
        out.tell_store_takes(world.now);
        Written::Done(Stored {
            record: self.record.clone(),
            revision,
        })
    }

    fn read_back(&mut self, world: World<'_>, out: &mut Outbox) {
        let epoch = self.record.epoch;
        let id = out.act(world.now, epoch, Policy::ACTION_WITHIN, Deed::Read);
        self.state = State::ReadingBack(id);
    }
}

fn write(record: &Record, expect: Revision, world: World<'_>, out: &mut Outbox) -> ActionId {
    let deed = Deed::Write {
        record: Box::new(record.clone()),
        expect,
    };
    out.act(world.now, record.epoch, Policy::ACTION_WITHIN, deed)
}
