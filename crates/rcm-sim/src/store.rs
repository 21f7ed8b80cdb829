//! The store of the record: compare-and-set that takes time, fails, and sometimes does not answer;
//! a lease that one process at a time is granted; and a watch that tells late.

use rcm_core::action::{Done, Failed, Outcome};
use rcm_core::id::{ActionId, Revision};
use rcm_core::opinion::Opinion;
use rcm_core::record::Record;

use crate::lease::Grant;
use crate::monitor::{Incarnation, Who};
use crate::network::Party;
use crate::registry::Registered;
use crate::trace::{MS, Time};
use crate::world::{Event, Ours, World};

/// What is stored, and what is the matter with the store.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) record: Option<Record>,
    pub(crate) revision: Revision,
    pub(crate) grant: Option<Grant>,
    pub(crate) trouble: Option<Trouble>,
    /// The monitors that are registered.
    pub(crate) registry: Vec<Registered>,
}

impl Store {
    /// A store that so many monitors are registered with.
    pub(crate) fn of(monitors: usize) -> Self {
        Self {
            registry: vec![Registered::default(); monitors],
            ..Self::default()
        }
    }
}

/// What the store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Every write is refused.
    Refuses,
    /// Everything takes this long on top.
    Slow(Time),
    /// Answers take this long on top: what was read may have been overwritten since.
    AnswersLate(Time),
    /// Writes are done and not answered.
    LosesAnswers,
    /// Writes are not done and not answered.
    LosesRequests,
    /// Nothing is done, and nothing is answered.
    Down,
}

/// What a monitor wants of the store.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Read(ActionId),
    Write(ActionId, Box<Record>, Revision),
    /// To be granted the lease, or to keep it; and to stay registered.
    Lease,
    /// To stay registered.
    Register,
    /// To give up the lease.
    Resign,
    /// To tell the others.
    Tell(Opinion),
}

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Asked {
    who: Who,
    incarnation: Incarnation,
    at: Time,
    call: Call,
}

/// A request that is not acknowledged is repeated so often.
const REPEATED_EVERY: Time = 200 * MS;
/// And given up after this.
const GIVEN_UP: Time = 10_000 * MS;

impl World {
    pub(crate) fn call_store(&mut self, who: Who, call: Call) {
        let asked = Asked {
            who,
            incarnation: self.monitors[who].incarnation,
            at: self.now,
            call,
        };
        let delay = self.rng.range(20, 600) + self.slowness();
        self.schedule(self.now + delay, Event::Store(asked));
    }

    fn slowness(&mut self) -> Time {
        match self.store.trouble {
            Some(Trouble::Slow(more)) => self.rng.range(more / 2, more),
            _ => 0,
        }
    }

    fn lateness(&mut self) -> Time {
        match self.store.trouble {
            Some(Trouble::AnswersLate(more)) => self.rng.range(more / 2, more),
            _ => 0,
        }
    }

    /// The call has reached the store, unless it is cut off.
    pub(crate) fn on_store(&mut self, asked: Asked) {
        if !self.net.passes(Party::Monitor(asked.who), Party::Store) {
            // What is told late is not told.
            let waits = !matches!(asked.call, Call::Tell(_));
            if waits && self.now < asked.at + GIVEN_UP {
                self.schedule(self.now + REPEATED_EVERY, Event::Store(asked));
            }
            return;
        }
        if self.is_locked_out(&asked) {
            return;
        }
        let Asked {
            who,
            incarnation,
            at,
            call,
        } = asked;
        let answer = match (call, self.store.trouble) {
            (_, Some(Trouble::Down)) | (Call::Write(..), Some(Trouble::LosesRequests)) => return,
            (Call::Register, _) => return self.keep_registered(who, incarnation),
            (Call::Tell(opinion), _) => return self.on_opinion(who, opinion, at),
            (Call::Resign, _) => return self.give_up(incarnation),
            (Call::Lease, _) => {
                self.keep_registered(who, incarnation);
                if !self.grant(incarnation) {
                    return;
                }
                Ours::Granted { asked_at: at }
            }
            (Call::Read(id), _) => {
                let outcome = Outcome::Done(Done::Read {
                    record: self.store.record.clone().map(Box::new),
                    revision: self.store.revision,
                });
                Ours::Outcome { id, outcome }
            }
            (Call::Write(id, record, expect), trouble) => {
                let outcome = self.compare_and_set(*record, expect);
                if trouble == Some(Trouble::LosesAnswers) {
                    return;
                }
                Ours::Outcome { id, outcome }
            }
        };
        let delay = self.rng.range(10, MS) + self.lateness();
        if self.net.passes(Party::Store, Party::Monitor(who)) {
            self.schedule(self.now + delay, Event::Ours(incarnation, answer));
        }
    }

    /// A file's lock lives as long as its writer: what a process that is gone has asked for ends before
    /// the next one begins.
    fn is_locked_out(&self, asked: &Asked) -> bool {
        let owner = &self.monitors[asked.who];
        self.is_alone() && owner.engine.is_some() && owner.incarnation != asked.incarnation
    }

    fn compare_and_set(&mut self, record: Record, expect: Revision) -> Outcome {
        if self.store.trouble == Some(Trouble::Refuses) {
            return Outcome::Failed(Failed::Refused(String::from("no space left on device")));
        }
        if expect != self.store.revision {
            return Outcome::Failed(Failed::Conflict);
        }
        self.store.revision = self.store.revision.next();
        self.store_record(record);
        Outcome::Done(Done::Written(self.store.revision))
    }

    fn store_record(&mut self, record: Record) {
        self.note([40, record.epoch.0, self.store.revision.0], |_| {
            let phase = format!("{:?}", record.phase);
            let phase = phase.split(' ').next().unwrap_or_default().to_lowercase();
            format!(
                "stored: epoch {} {phase} {}",
                record.epoch, record.primary.address
            )
        });
        self.check_stored(&record);
        if !self.is_alone() {
            for who in 0..self.monitors.len() {
                let late = self.rng.pick(&[MS, MS, MS, 20 * MS, 500 * MS, 3_000 * MS]);
                let at = self.now + self.rng.range(100, late);
                let revision = self.store.revision;
                self.schedule_for(who, at, Ours::Told { revision });
            }
        }
        self.store.record = Some(record);
    }

    /// Whether the group has one monitor, and its store is a file.
    pub(crate) fn is_alone(&self) -> bool {
        self.monitors.len() == 1
    }
}
