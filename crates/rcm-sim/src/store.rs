//! The store of the record: compare-and-set that takes time, fails, and sometimes does not answer.

use rcm_core::action::{Done, Failed, Outcome};
use rcm_core::id::{ActionId, Revision};
use rcm_core::record::Record;

use crate::trace::{MS, Time};
use crate::world::{Event, World};

/// What is stored, and what is the matter with the store.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) record: Option<Record>,
    pub(crate) revision: Revision,
    pub(crate) trouble: Option<Trouble>,
}

/// What the store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Every write is refused.
    Refuses,
    /// Everything takes this long on top.
    Slow(Time),
    /// Writes are done and not answered.
    LosesAnswers,
    /// Writes are not done and not answered.
    LosesRequests,
}

/// What the monitor wants of the store.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Read,
    Write(Box<Record>, Revision),
}

impl World {
    pub(crate) fn call_store(&mut self, id: ActionId, call: Call) {
        let mut delay = self.rng.range(20, 600);
        if let Some(Trouble::Slow(more)) = self.store.trouble {
            delay += self.rng.range(more / 2, more);
        }
        let incarnation = self.monitor.incarnation;
        let event = Event::Store {
            incarnation,
            id,
            call,
        };
        self.schedule(self.now + delay, event);
    }

    /// The call has reached the store.
    pub(crate) fn on_store(&mut self, incarnation: u64, id: ActionId, call: Call) {
        let outcome = match (call, self.store.trouble) {
            (Call::Read, _) => Outcome::Done(Done::Read {
                record: self.store.record.clone().map(Box::new),
                revision: self.store.revision,
            }),
            (Call::Write(..), Some(Trouble::LosesRequests)) => return,
            (Call::Write(..), Some(Trouble::Refuses)) => {
                Outcome::Failed(Failed::Refused(String::from("no space left on device")))
            }
            (Call::Write(_, expect), _) if expect != self.store.revision => {
                Outcome::Failed(Failed::Conflict)
            }
            (Call::Write(record, _), trouble) => {
                self.store.revision = self.store.revision.next();
                self.truth.stray_write = incarnation != self.monitor.incarnation;
                self.store_record(*record);
                if trouble == Some(Trouble::LosesAnswers) {
                    return;
                }
                Outcome::Done(Done::Written(self.store.revision))
            }
        };
        let delay = self.rng.range(10, MS);
        self.schedule(
            self.now + delay,
            Event::Outcome {
                incarnation,
                id,
                outcome,
            },
        );
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
        self.store.record = Some(record);
    }
}
