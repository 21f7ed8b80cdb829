//! The thread that owns the journals: answers requests in order, many with one sync.

use std::collections::BTreeMap;

use rcm_core::id::{GroupName, Revision};
use rcm_core::record::Record;
use tokio::sync::{mpsc, oneshot};

use super::format::Entry;
use super::journal::{Journal, Staged};
use crate::store::{Error, MAX_RECORD_BYTES, revision_of, too_large};

/// No request joins a sync that has this many bytes already.
const ENOUGH_BYTES: usize = 256 * 1024;

type Found = (Option<Record>, Revision);
type Reply<T> = oneshot::Sender<Result<T, Error>>;

pub(super) enum Request {
    Read {
        group: GroupName,
        reply: Reply<Found>,
    },
    Write {
        group: GroupName,
        record: Box<Record>,
        expect: Revision,
        reply: Reply<Revision>,
    },
    Probe {
        reply: Reply<()>,
    },
}

/// An answer that waits for the sync.
enum Answer {
    Read(Reply<Found>, Box<Found>),
    Write(Reply<Revision>, Result<Revision, Error>),
    Probe(Reply<()>),
}

/// Requests that are answered together, and what they would store.
#[derive(Default)]
struct Round {
    answers: Vec<Answer>,
    staged: Vec<Staged>,
    /// Where in `staged` the newest record of a group is.
    newest: BTreeMap<GroupName, usize>,
    bytes: usize,
    probes: bool,
}

/// Serves until nobody can ask any more.
pub(super) fn run(mut journal: Journal, mut requests: mpsc::UnboundedReceiver<Request>) {
    while let Some(first) = requests.blocking_recv() {
        let mut round = Round::default();
        round.add(&journal, first);
        while round.bytes < ENOUGH_BYTES
            && let Ok(request) = requests.try_recv()
        {
            round.add(&journal, request);
        }
        round.finish(&mut journal);
    }
}

impl Round {
    fn add(&mut self, journal: &Journal, request: Request) {
        let answer = match request {
            Request::Read { group, reply } => {
                let (record, revision) = self.look(journal, &group);
                Answer::Read(reply, Box::new((record.cloned(), revision)))
            }
            Request::Write {
                group,
                record,
                expect,
                reply,
            } => Answer::Write(reply, self.stage(journal, group, *record, expect)),
            Request::Probe { reply } => {
                self.probes = true;
                Answer::Probe(reply)
            }
        };
        self.answers.push(answer);
    }

    /// What is stored, once this round is.
    fn look<'a>(
        &'a self,
        journal: &'a Journal,
        group: &GroupName,
    ) -> (Option<&'a Record>, Revision) {
        if let Some(&index) = self.newest.get(group) {
            let entry = &self.staged[index].entry;
            return (Some(&entry.record), entry.revision);
        }
        let stored = journal.get(group);
        (stored.map(|stored| &stored.record), revision_of(stored))
    }

    fn stage(
        &mut self,
        journal: &Journal,
        group: GroupName,
        record: Record,
        expect: Revision,
    ) -> Result<Revision, Error> {
        if self.look(journal, &group).1 != expect {
            return Err(Error::Conflict);
        }
        let revision = expect.next();
        let entry = Entry {
            group,
            revision,
            record,
        };
        let json =
            serde_json::to_string(&entry).map_err(|error| Error::Failed(error.to_string()))?;
        if json.len() > MAX_RECORD_BYTES {
            return Err(too_large(&entry.group, json.len()));
        }
        self.bytes += json.len();
        self.newest.insert(entry.group.clone(), self.staged.len());
        self.staged.push(Staged { entry, json });
        Ok(revision)
    }

    fn finish(self, journal: &mut Journal) {
        let stored = if self.staged.is_empty() {
            journal.heal()
        } else {
            journal.commit(self.staged)
        };
        let probed = match &stored {
            Ok(()) if self.probes => journal.probe(),
            other => other.clone(),
        };
        for answer in self.answers {
            // Whoever asked may have stopped waiting; what was stored stays stored.
            match answer {
                Answer::Read(reply, found) => {
                    drop(reply.send(stored.clone().map(|()| *found).map_err(certain)));
                }
                Answer::Write(reply, written) => {
                    drop(reply.send(stored.clone().and(written)));
                }
                Answer::Probe(reply) => drop(reply.send(probed.clone().map_err(certain))),
            }
        }
    }
}

/// The error of a request that would store nothing.
fn certain(error: Error) -> Error {
    match error {
        Error::Unknown(text) | Error::Failed(text) => Error::Failed(text),
        Error::Conflict => Error::Conflict,
    }
}
