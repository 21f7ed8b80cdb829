//! Two journals of fixed size, of which one is in force.
//!
//! A batch of records becomes one line at the tail of the journal in force, and is acknowledged
//! when that is synced. When the journal is full, a snapshot goes to the other one:
//!
//! 1. the snapshot is written to the other journal, whose first sector stays blank; sync;
//! 2. its header is written, with the next generation; sync;
//! 3. the first sector of the old journal is blanked; sync. Only then is anything appended.
//!
//! So a journal with a header holds everything, always: of two headers the younger is in force and
//! the older has the same records, and a damaged header never hides behind an older journal.
//!
//! **When a write or a sync fails**, what the disk holds is unknown, and trying to sync again would
//! succeed without having written anything. So the journal is given up: a snapshot without the
//! failed batch goes to the other one. If that succeeds, the batch is certainly not stored
//! ([`Error::Failed`]). If it does not, nobody knows ([`Error::Unknown`]), and nothing is read or
//! stored until a later attempt succeeds: it writes every byte again, so its sync means something.
//! For the same reason opening begins with a snapshot: what was read may never have been synced.
//!
//! Always holds: `records` is what is stored; a batch of unknown outcome is not in it and never
//! will be.

use std::collections::BTreeMap;
use std::io;

use rcm_core::id::{DeploymentId, GroupName, MonitorId};

use super::format::{self, BLANK, Damage, Entry, First, Header, MAX_JSON, SECTOR};
use super::medium::Medium;
use crate::store::{Error, Stored};

/// An entry with its JSON text.
pub(super) struct Staged {
    pub entry: Entry,
    pub json: String,
}

/// Why the journals cannot be opened; the number says which of the two.
#[derive(Debug)]
pub(super) enum Fault {
    Damaged(usize, Damage),
    Read(usize, io::Error),
    Write(String),
}

pub(super) struct Journal {
    media: [Box<dyn Medium>; 2],
    /// Which of the two is in force.
    active: usize,
    /// Of the one in force; its generation counts failed attempts too.
    header: Header,
    tail: usize,
    /// The size of a journal that is written from now on.
    bytes: usize,
    records: BTreeMap<GroupName, Stored>,
    health: Health,
}

/// What has to be done before anything is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    /// The journal in force cannot be trusted: a snapshot must go to the other one.
    Untrusted,
    /// The old journal still has a header.
    NotRetired,
}

impl Journal {
    /// Opens two journals, which may both be new, and makes them `bytes` long if they are shorter.
    pub(super) fn open(
        mut media: [Box<dyn Medium>; 2],
        bytes: usize,
        names: impl FnOnce() -> (DeploymentId, MonitorId),
    ) -> Result<Self, Fault> {
        let texts = [
            media[0].read().map_err(|error| Fault::Read(0, error))?,
            media[1].read().map_err(|error| Fault::Read(1, error))?,
        ];
        let (active, header, records) = if let Some((active, header)) = in_force(&texts)? {
            let records = format::body(&texts[active], &header)
                .map_err(|damage| Fault::Damaged(active, damage))?;
            (active, header, records)
        } else {
            let (deployment, monitor) = names();
            (1, Header::new(deployment, monitor), BTreeMap::new())
        };
        let bytes = bytes
            .max(header.bytes)
            .max(2 * SECTOR)
            .next_multiple_of(SECTOR);
        let mut journal = Self {
            media,
            active,
            header,
            tail: SECTOR,
            bytes,
            records,
            health: Health::Untrusted,
        };
        journal.recover().map_err(Fault::Write)?;
        // The space of the other journal must exist before the disk is full.
        let other = 1 - journal.active;
        journal
            .put(other, 0, &vec![BLANK; bytes])
            .map_err(Fault::Write)?;
        Ok(journal)
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn get(&self, group: &GroupName) -> Option<&Stored> {
        self.records.get(group)
    }

    /// Makes the journal trustworthy again, if it is not.
    pub(super) fn heal(&mut self) -> Result<(), Error> {
        self.recover().map_err(Error::Failed)
    }

    /// Stores a batch: all of it, or nothing.
    pub(super) fn commit(&mut self, batch: Vec<Staged>) -> Result<(), Error> {
        self.heal()?;
        let json = format::batch(batch.iter().map(|staged| staged.json.as_str()));
        if json.len() > MAX_JSON {
            let text = format!("{} bytes are too many to be stored at once", json.len());
            return Err(Error::Failed(text));
        }
        let line = format::line(&json);
        let is_new = |staged: &Staged| !self.records.contains_key(&staged.entry.group);
        // A new group must leave room for the next records of the others.
        if batch.iter().any(is_new)
            && self.snapshot().map_err(Error::Failed)?.len() + line.len() > self.bytes / 2
        {
            return Err(Error::Failed(self.too_small()));
        }
        if !self.fits(&line) {
            self.switch().map_err(Error::Failed)?;
        }
        if !self.fits(&line) {
            return Err(Error::Failed(self.too_small()));
        }
        if let Err(text) = self.put(self.active, self.tail, &line) {
            self.health = Health::Untrusted;
            return Err(match self.recover() {
                Ok(()) => Error::Failed(text),
                Err(_) => Error::Unknown(text),
            });
        }
        self.tail += line.len();
        for Staged { entry, .. } in batch {
            let stored = Stored {
                revision: entry.revision,
                record: entry.record,
            };
            self.records.insert(entry.group, stored);
        }
        Ok(())
    }

    /// Writes a blank over the blank at the tail, where the next line goes, and syncs it. Makes
    /// room beforehand when little is left, so that no failover has to.
    pub(super) fn probe(&mut self) -> Result<(), Error> {
        self.heal()?;
        if self.tail > self.bytes / 4 * 3 {
            self.switch().map_err(Error::Failed)?;
        }
        let probed = self.put(self.active, self.tail, &[BLANK]);
        if probed.is_err() {
            self.health = Health::Untrusted;
        }
        probed.map_err(Error::Failed)
    }

    /// Whether `line` fits; one blank always remains after it.
    const fn fits(&self, line: &[u8]) -> bool {
        self.tail + line.len() < self.header.bytes
    }

    fn recover(&mut self) -> Result<(), String> {
        match self.health {
            Health::Good => Ok(()),
            Health::Untrusted => self.switch(),
            Health::NotRetired => self.retire(),
        }
    }

    /// Puts a snapshot into the other journal and that into force. After an error the journal in
    /// force is what it was, or the step that is missing is known.
    fn switch(&mut self) -> Result<(), String> {
        let mut image = self.snapshot()?;
        let tail = image.len();
        if tail >= self.bytes {
            return Err(self.too_small());
        }
        image.resize(self.bytes, BLANK);
        self.header.generation += 1;
        let header = Header {
            bytes: self.bytes,
            lines: self.records.len(),
            ..self.header.clone()
        };
        let sector = header.sector().map_err(|error| error.to_string())?;
        let other = 1 - self.active;
        let was = self.health;
        self.health = Health::Untrusted;
        if let Err(text) = self.put(other, 0, &image) {
            // Nothing happened to the journal in force.
            self.health = was;
            return Err(text);
        }
        self.put(other, 0, &sector)?;
        self.active = other;
        self.header = header;
        self.tail = tail;
        self.health = Health::NotRetired;
        self.retire()
    }

    /// All records as lines, after a blank first sector.
    fn snapshot(&self) -> Result<Vec<u8>, String> {
        let mut image = vec![BLANK; SECTOR];
        for (group, stored) in &self.records {
            let entry = Entry {
                group: group.clone(),
                revision: stored.revision,
                record: stored.record.clone(),
            };
            let json = serde_json::to_string(&entry).map_err(|error| error.to_string())?;
            image.extend(format::line(&format::batch([json.as_str()])));
        }
        Ok(image)
    }

    fn too_small(&self) -> String {
        format!(
            "the journal of {} bytes cannot hold the records of {} groups; start the monitor again \
             to get a larger one",
            self.bytes,
            self.records.len() + 1
        )
    }

    fn retire(&mut self) -> Result<(), String> {
        self.put(1 - self.active, 0, &[BLANK; SECTOR])?;
        self.health = Health::Good;
        Ok(())
    }

    fn put(&mut self, which: usize, offset: usize, bytes: &[u8]) -> Result<(), String> {
        let medium = &mut self.media[which];
        medium
            .write(offset, bytes)
            .map_err(|error| format!("cannot write journal.{which}: {error}"))?;
        medium
            .sync()
            .map_err(|error| format!("cannot sync journal.{which}: {error}"))
    }
}

/// Which of two journals is in force, if any was ever used.
fn in_force(texts: &[Vec<u8>; 2]) -> Result<Option<(usize, Header)>, Fault> {
    let unused = |text: &[u8]| text.iter().all(|&byte| byte == BLANK);
    match [format::first(&texts[0]), format::first(&texts[1])] {
        [First::Header(a), First::Header(b)] => match a.generation.cmp(&b.generation) {
            std::cmp::Ordering::Greater => Ok(Some((0, a))),
            std::cmp::Ordering::Less => Ok(Some((1, b))),
            std::cmp::Ordering::Equal => {
                let what = "both journals have the same generation".to_owned();
                Err(Fault::Damaged(1, Damage::at_start(what)))
            }
        },
        [First::Header(header), _] => Ok(Some((0, header))),
        [_, First::Header(header)] => Ok(Some((1, header))),
        _ if unused(&texts[0]) && unused(&texts[1]) => Ok(None),
        [First::Damaged(damage), _] => Err(Fault::Damaged(0, damage)),
        [_, First::Damaged(damage)] => Err(Fault::Damaged(1, damage)),
        [First::Blank, First::Blank] => {
            let what = "neither journal has a header".to_owned();
            Err(Fault::Damaged(0, Damage::at_start(what)))
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
