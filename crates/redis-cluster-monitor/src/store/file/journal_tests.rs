use super::*;
use crate::store::conformance::{group, record};
use rcm_core::id::Revision;
use std::sync::{Arc, Mutex};

/// A file whose every write can be replayed up to any point, and which fails when it is told to.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Clone, Default)]
struct DiskState {
    files: [Vec<u8>; 2],
    /// What was durable at the last sync.
    synced: [Vec<u8>; 2],
    /// How many operations succeed before all fail; `None` means all.
    left: Option<usize>,
}

struct Slot(Disk, usize);

impl Disk {
    fn of(files: [Vec<u8>; 2]) -> Self {
        let synced = files.clone();
        Self(Arc::new(Mutex::new(DiskState {
            files,
            synced,
            left: None,
        })))
    }

    fn media(&self) -> [Box<dyn Medium>; 2] {
        [
            Box::new(Slot(self.clone(), 0)),
            Box::new(Slot(self.clone(), 1)),
        ]
    }

    fn open(&self) -> Result<Journal, Fault> {
        Journal::open(self.media(), 4096, || {
            ("d1".parse().unwrap(), "m1".parse().unwrap())
        })
    }

    fn files(&self) -> [Vec<u8>; 2] {
        self.0.lock().unwrap().files.clone()
    }

    fn synced(&self) -> [Vec<u8>; 2] {
        self.0.lock().unwrap().synced.clone()
    }

    fn fail_after(&self, left: Option<usize>) {
        self.0.lock().unwrap().left = left;
    }
}

impl DiskState {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("broken")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Medium for Slot {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.0.files()[self.1].clone())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.spend()?;
        let file = &mut state.files[self.1];
        let end = offset + bytes.len();
        file.resize(file.len().max(end), 0);
        file[offset..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.spend()?;
        state.synced[self.1] = state.files[self.1].clone();
        Ok(())
    }
}

fn stage(name: &str, epoch: u64, revision: u64) -> Vec<Staged> {
    let entry = Entry {
        group: group(name),
        revision: Revision(revision),
        record: record(epoch),
    };
    let json = serde_json::to_string(&entry).unwrap();
    vec![Staged { entry, json }]
}

fn epoch(journal: &Journal, name: &str) -> Option<u64> {
    journal
        .get(&group(name))
        .map(|stored| stored.record.epoch.0)
}

/// A journal with two records of `a`, and the files before and after the second.
fn appended() -> ([Vec<u8>; 2], [Vec<u8>; 2], usize, usize) {
    let disk = Disk::default();
    let mut journal = disk.open().unwrap();
    journal.commit(stage("a", 1, 1)).unwrap();
    let before = disk.files();
    let start = journal.tail;
    journal.commit(stage("a", 2, 2)).unwrap();
    (before, disk.files(), start, journal.tail)
}

#[test]
fn a_kill_at_every_byte_of_the_last_line_leaves_the_old_or_the_new_record() {
    let (before, after, start, end) = appended();
    for cut in start..=end {
        let mut files = before.clone();
        files[0][start..cut].copy_from_slice(&after[0][start..cut]);
        let journal = Disk::of(files).open().unwrap();
        let expected = if cut >= end - 1 { 2 } else { 1 };
        assert_eq!(epoch(&journal, "a"), Some(expected), "cut at {cut}");
    }
}

#[test]
fn sectors_that_reach_the_disk_in_any_order_leave_the_old_or_the_new_record() {
    let (before, after, start, end) = appended();
    let sectors: Vec<_> = (start / SECTOR..=(end - 1) / SECTOR).collect();
    assert!(sectors.len() > 1, "the line must span sectors");
    for there in 0..1_u32 << sectors.len() {
        let mut files = before.clone();
        for (i, sector) in sectors.iter().enumerate() {
            if there >> i & 1 == 1 {
                let range = sector * SECTOR..(sector + 1) * SECTOR;
                files[0][range.clone()].copy_from_slice(&after[0][range]);
            }
        }
        let journal = Disk::of(files).open().unwrap();
        let whole = there.count_ones() as usize == sectors.len();
        assert_eq!(epoch(&journal, "a"), Some(if whole { 2 } else { 1 }));
    }
}

#[test]
fn a_flipped_bit_in_any_byte_that_was_written_is_refused() {
    let (_, after, _, end) = appended();
    for offset in 0..end {
        // Blanks after the header hold nothing.
        if after[0][offset] == BLANK && after[0][offset - 1] == BLANK {
            continue;
        }
        for bit in 0..8 {
            let mut files = after.clone();
            files[0][offset] ^= 1 << bit;
            let fault = Disk::of(files).open().err();
            assert!(
                matches!(fault, Some(Fault::Damaged(0, _))),
                "bit {bit} of byte {offset}: {fault:?}"
            );
        }
    }
}

#[test]
fn a_lost_sector_before_a_later_line_is_refused() {
    let (_, mut after, start, _) = appended();
    let sector = start / SECTOR * SECTOR;
    assert!(sector > SECTOR, "the first line must span a sector");
    // The whole second sector: the head of the first line is gone, the second line is whole.
    let lost = SECTOR..start - 1;
    after[0][lost].fill(BLANK);
    assert!(matches!(Disk::of(after).open(), Err(Fault::Damaged(0, _))));
}

#[test]
fn a_shortened_file_is_refused() {
    let (_, mut after, _, end) = appended();
    after[0].truncate(end + 1);
    assert!(matches!(Disk::of(after).open(), Err(Fault::Damaged(0, _))));
}

#[test]
fn a_journal_of_another_format_is_refused_by_name() {
    let (_, mut after, _, _) = appended();
    let line = format::line(r#"{"format":2,"new":true}"#);
    after[0][..SECTOR].fill(BLANK);
    after[0][..line.len()].copy_from_slice(&line);
    let Err(Fault::Damaged(0, damage)) = Disk::of(after).open() else {
        panic!("it must be refused");
    };
    assert_eq!(
        damage.what,
        "the journal has format 2, this version reads format 1"
    );
}

#[test]
fn what_a_newer_version_added_to_a_record_is_ignored_and_everything_else_is_refused() {
    let (_, after, start, _) = appended();
    let text = String::from_utf8(after[0][SECTOR..start - 1].to_vec()).unwrap();
    let json = &text[16..];
    for (from, to, is_refused) in [
        (r#"{"records""#, r#"{"more":1,"records""#, true),
        (r#""primary":{"#, r#""primary":{"more":1,"#, false),
        (r#""version":1"#, r#""version":1,"more":1"#, false),
        (r#""version":1"#, r#""version":2"#, true),
    ] {
        assert!(json.contains(from), "{from} in {json}");
        let mut files = after.clone();
        files[0][SECTOR..].fill(BLANK);
        let line = format::line(&json.replacen(from, to, 1));
        files[0][SECTOR..SECTOR + line.len()].copy_from_slice(&line);
        assert_eq!(Disk::of(files).open().is_err(), is_refused, "{to}");
    }
}

#[test]
fn a_crash_at_every_step_of_a_snapshot_loses_nothing() {
    for steps in 0..12 {
        for durable_only in [false, true] {
            let disk = Disk::default();
            let mut journal = disk.open().unwrap();
            journal.commit(stage("a", 1, 1)).unwrap();
            disk.fail_after(Some(steps));
            drop(journal.switch());
            drop(journal);
            let files = if durable_only {
                disk.synced()
            } else {
                disk.files()
            };
            let journal = Disk::of(files).open().unwrap();
            assert_eq!(epoch(&journal, "a"), Some(1), "after {steps} steps");
        }
    }
}

#[test]
fn a_failed_write_is_never_acknowledged_and_its_outcome_is_told_honestly() {
    for steps in 0..12 {
        for durable_only in [false, true] {
            let disk = Disk::default();
            let mut journal = disk.open().unwrap();
            journal.commit(stage("a", 1, 1)).unwrap();
            disk.fail_after(Some(steps));
            let outcome = journal.commit(stage("a", 2, 2));
            let told = epoch(&journal, "a");
            let files = if durable_only {
                disk.synced()
            } else {
                disk.files()
            };
            let found = epoch(&Disk::of(files).open().unwrap(), "a");
            match outcome {
                Ok(()) => assert_eq!((told, found), (Some(2), Some(2))),
                Err(Error::Failed(_)) => assert_eq!((told, found), (Some(1), Some(1))),
                Err(_) => assert!(found == Some(1) || found == Some(2)),
            }
            // While nothing can be written nothing is told; once it can, the old record holds.
            if outcome.is_err() {
                assert!(journal.heal().is_err());
                disk.fail_after(None);
                journal.heal().unwrap();
                assert_eq!(epoch(&journal, "a"), Some(1));
                drop(journal);
                assert_eq!(epoch(&disk.open().unwrap(), "a"), Some(1));
            }
        }
    }
}

#[test]
fn one_failed_sync_costs_a_snapshot_and_stores_nothing() {
    struct OneBadSync(Slot, Arc<Mutex<usize>>);
    impl Medium for OneBadSync {
        fn read(&mut self) -> io::Result<Vec<u8>> {
            self.0.read()
        }
        fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
            self.0.write(offset, bytes)
        }
        fn sync(&mut self) -> io::Result<()> {
            let mut bad = self.1.lock().unwrap();
            if *bad > 0 {
                *bad -= 1;
                return Err(io::Error::other("broken"));
            }
            self.0.sync()
        }
    }
    for bad_syncs in 1..5 {
        let disk = Disk::default();
        let bad = Arc::new(Mutex::new(0));
        let media = [0, 1].map(|i| {
            Box::new(OneBadSync(Slot(disk.clone(), i), Arc::clone(&bad))) as Box<dyn Medium>
        });
        let names = || ("d1".parse().unwrap(), "m1".parse().unwrap());
        let mut journal = Journal::open(media, 4096, names).unwrap();
        journal.commit(stage("a", 1, 1)).unwrap();
        *bad.lock().unwrap() = bad_syncs;
        let error = journal.commit(stage("a", 2, 2)).unwrap_err();
        assert_eq!(matches!(error, Error::Failed(_)), bad_syncs == 1);
        while journal.heal().is_err() {}
        journal.commit(stage("a", 3, 2)).unwrap();
        assert_eq!(
            epoch(&Disk::of(disk.synced()).open().unwrap(), "a"),
            Some(3)
        );
    }
}

#[test]
fn snapshots_follow_each_other_without_end() {
    let disk = Disk::default();
    let mut journal = disk.open().unwrap();
    for revision in 1..200 {
        journal.commit(stage("a", revision, revision)).unwrap();
        if revision % 7 == 0 {
            journal.probe().unwrap();
        }
    }
    assert!(journal.header.generation > 20);
    drop(journal);
    assert_eq!(epoch(&disk.open().unwrap(), "a"), Some(199));
}

#[test]
fn groups_that_do_not_fit_are_refused_and_the_others_stay() {
    let disk = Disk::default();
    let mut journal = disk.open().unwrap();
    let error = (0..100)
        .find_map(|i| journal.commit(stage(&format!("g{i}"), 1, 1)).err())
        .unwrap();
    assert!(matches!(&error, Error::Failed(text) if text.contains("cannot hold")));
    journal.commit(stage("g0", 2, 2)).unwrap();
    drop(journal);
    assert_eq!(epoch(&disk.open().unwrap(), "g0"), Some(2));
}

#[test]
fn a_full_disk_after_the_start_stops_nothing() {
    let disk = Disk::default();
    let mut journal = disk.open().unwrap();
    let sizes = disk.files().map(|file| file.len());
    for revision in 1..50 {
        journal.commit(stage("a", revision, revision)).unwrap();
    }
    assert_eq!(disk.files().map(|file| file.len()), sizes);
}
