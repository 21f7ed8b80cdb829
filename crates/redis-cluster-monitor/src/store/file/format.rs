//! The text of a journal: what a line looks like, and which damage can be the work of a crash.
//!
//! A line is `<crc32 of the JSON, 8 digits> <its length, 6 digits> <JSON>` and a newline. All that
//! is not written yet is newlines too, so `grep . journal.0` shows the journal.
//!
//! A crash leaves the last line unfinished in one of two ways, and nothing else: its end is missing
//! (the process died while it wrote), or whole sectors of it are missing (the machine died while
//! the disk wrote them in an order of its own). Such a line was never acknowledged. The length is
//! written so that a line whose end is missing can be told from one whose bytes are wrong.

use std::collections::BTreeMap;

use rcm_core::id::{DeploymentId, GroupName, MonitorId, Revision};
use rcm_core::record::Record;
use serde::{Deserialize, Serialize};

use crate::store::Stored;

/// What a disk writes as one piece. The header has one to itself.
pub(super) const SECTOR: usize = 512;
/// What is not written yet.
pub(super) const BLANK: u8 = b'\n';
/// The longest JSON text that a line can hold.
pub(super) const MAX_JSON: usize = 999_999;
/// The format that this version writes.
const FORMAT: u32 = 1;
/// The checksum, the length, and a space after each.
const HEAD: usize = 16;

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// The format of the file.
    pub format: u32,
    /// Of two journals the one with the larger number is in force.
    pub generation: u64,
    /// The deployment that the records belong to.
    pub deployment: DeploymentId,
    /// The monitor that writes them.
    pub monitor: MonitorId,
    /// The size of the file.
    pub bytes: usize,
    /// How many lines were there when the header was written; not one of them can be unfinished.
    pub lines: usize,
}

/// One stored record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub group: GroupName,
    pub revision: Revision,
    pub record: Record,
}

/// Every line but the first: records that were stored at once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    records: Vec<Entry>,
}

/// What is wrong with a journal, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Counted from one; blank lines do not count.
    pub line: usize,
    pub offset: usize,
    pub what: String,
}

/// What the first sector of a journal says.
#[derive(Debug)]
pub(super) enum First {
    /// The journal is not in use.
    Blank,
    Header(Header),
    Damaged(Damage),
}

impl Damage {
    pub(super) const fn at_start(what: String) -> Self {
        Self {
            line: 1,
            offset: 0,
            what,
        }
    }
}

impl Header {
    pub(super) const fn new(deployment: DeploymentId, monitor: MonitorId) -> Self {
        Self {
            format: FORMAT,
            generation: 0,
            deployment,
            monitor,
            bytes: 0,
            lines: 0,
        }
    }

    /// The header in a sector of its own.
    pub(super) fn sector(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut sector = line(&serde_json::to_string(self)?);
        sector.resize(SECTOR.max(sector.len()), BLANK);
        Ok(sector)
    }
}

/// A line, with its newline.
pub(super) fn line(json: &str) -> Vec<u8> {
    let mut line = head(json.as_bytes());
    line.extend_from_slice(json.as_bytes());
    line.push(b'\n');
    line
}

/// The JSON text of records that are stored at once.
pub(super) fn batch<'a>(entries: impl IntoIterator<Item = &'a str>) -> String {
    let entries: Vec<_> = entries.into_iter().collect();
    format!("{{\"records\":[{}]}}", entries.join(","))
}

/// Reads the first sector.
pub(super) fn first(bytes: &[u8]) -> First {
    let sector = &bytes[..bytes.len().min(SECTOR)];
    let damaged = |what| First::Damaged(Damage::at_start(what));
    match line_at(sector, 0) {
        Line::End => First::Blank,
        Line::Unfinished => damaged("the header was never finished".to_owned()),
        Line::Bad(what) => damaged(what.to_owned()),
        Line::Whole { json, .. } => match parse_header(json) {
            Err(what) => damaged(what),
            Ok(header) if header.bytes == bytes.len() => First::Header(header),
            Ok(header) => damaged(format!(
                "the file has {} bytes, not the {} that its header tells",
                bytes.len(),
                header.bytes
            )),
        },
    }
}

/// Reads everything after the first sector. An unfinished last line is left out.
pub(super) fn body(bytes: &[u8], header: &Header) -> Result<BTreeMap<GroupName, Stored>, Damage> {
    let mut records = BTreeMap::new();
    let mut tail = SECTOR;
    let mut lines = 0;
    loop {
        let damage = |what| Damage {
            line: lines + 2,
            offset: tail,
            what,
        };
        match line_at(bytes, tail) {
            Line::End | Line::Unfinished if lines >= header.lines => {
                return Ok(records);
            }
            Line::End | Line::Unfinished => {
                let what = format!("{} lines are missing", header.lines - lines);
                return Err(damage(what));
            }
            Line::Bad(what) => return Err(damage(what.to_owned())),
            Line::Whole { json, next } => {
                for entry in parse_batch(json).map_err(damage)? {
                    let stored = Stored {
                        revision: entry.revision,
                        record: entry.record,
                    };
                    records.insert(entry.group, stored);
                }
                tail = next;
                lines += 1;
            }
        }
    }
}

fn parse_header(json: &str) -> Result<Header, String> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let Versioned { format } = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if format != FORMAT {
        return Err(format!(
            "the journal has format {format}, this version reads format {FORMAT}"
        ));
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn parse_batch(json: &str) -> Result<Vec<Entry>, String> {
    let batch: Batch = serde_json::from_str(json).map_err(|error| error.to_string())?;
    for Entry { group, record, .. } in &batch.records {
        if record.version != Record::VERSION {
            return Err(format!(
                "the record of group {group} has version {}, this version reads {}",
                record.version,
                Record::VERSION
            ));
        }
    }
    Ok(batch.records)
}

enum Line<'a> {
    /// Nothing follows.
    End,
    Whole {
        json: &'a str,
        next: usize,
    },
    /// A crash kept the line from being finished.
    Unfinished,
    /// No crash explains this.
    Bad(&'static str),
}

fn line_at(bytes: &[u8], start: usize) -> Line<'_> {
    let Some(rest) = bytes.get(start..) else {
        return Line::Bad("the file ends before its last line");
    };
    if is_blank(rest) {
        return Line::End;
    }
    let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
        return Line::Bad("the last line has no end");
    };
    let text = &rest[..length];
    if let Some(json) = json_of(text) {
        let next = start + length + 1;
        return Line::Whole { json, next };
    }
    if is_unfinished(bytes, start, text) {
        return Line::Unfinished;
    }
    if text.is_empty() {
        return Line::Bad("there is data after the end");
    }
    Line::Bad("the checksum or the length of the line does not match its text")
}

/// Whether a crash explains the line that should begin at `start` and of which only `text` is there.
fn is_unfinished(bytes: &[u8], start: usize, text: &[u8]) -> bool {
    if let Some((head, json)) = text.split_at_checked(HEAD) {
        let Some((checksum, length)) = parse_head(head) else {
            return false;
        };
        // All of it is there, so its bytes are wrong; or its text is right, so its length is wrong.
        if json.len() >= length || crc32fast::hash(json) == checksum {
            return false;
        }
    }
    let cut = start + text.len();
    let rest = &bytes[cut..];
    if is_blank(rest) {
        return true;
    }
    let hole = (SECTOR - cut % SECTOR).min(rest.len());
    let sector_is_missing = text.is_empty() || cut.is_multiple_of(SECTOR);
    // One write is one line, so a whole line after the hole belongs to a later write, and what is
    // missing here had been acknowledged.
    sector_is_missing
        && is_blank(&rest[..hole])
        && !rest
            .split(|&byte| byte == b'\n')
            .any(|line| json_of(line).is_some())
}

/// The JSON of a line whose checksum and length are right.
fn json_of(text: &[u8]) -> Option<&str> {
    let (found, json) = text.split_at_checked(HEAD)?;
    // Comparing with what would be written refuses every other spelling of the same numbers.
    if json.is_empty() || json.len() > MAX_JSON || found != head(json) {
        return None;
    }
    std::str::from_utf8(json).ok()
}

fn head(json: &[u8]) -> Vec<u8> {
    format!("{:08x} {:06} ", crc32fast::hash(json), json.len()).into_bytes()
}

fn parse_head(head: &[u8]) -> Option<(u32, usize)> {
    let (checksum, length) = std::str::from_utf8(head)
        .ok()?
        .strip_suffix(' ')?
        .split_once(' ')?;
    Some((
        u32::from_str_radix(checksum, 16).ok()?,
        length.parse().ok()?,
    ))
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == BLANK)
}
