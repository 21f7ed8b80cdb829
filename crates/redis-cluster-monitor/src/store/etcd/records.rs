//! Records in etcd: read by the majority, written by whoever leads the group.
//!
//! Always holds: a write names the revision that it replaces and the term in which its writer
//! leads, and etcd compares both in the transaction that stores it.

use rcm_core::id::{GroupName, Revision};
use rcm_core::record::Record;

use super::calls::{created, modified, put};
use super::keys::{Key, Keys};
use super::transport::{Client, Fault};
use crate::store::{Error, MAX_RECORD_BYTES, too_large};

pub(super) async fn read(
    client: &Client,
    keys: &Keys,
    group: &GroupName,
) -> Result<(Option<Record>, Revision), Error> {
    let key = keys.of(&Key::Record(group.clone()));
    let found = client.get(&key).await;
    let found = found.map_err(|fault| Error::Failed(fault.to_string()))?;
    let Some(found) = found else {
        return Ok((None, Revision(0)));
    };
    let record = parse(&found.value)
        .map_err(|what| Error::Failed(format!("the record at {key} cannot be used: {what}")))?;
    Ok((Some(record), revision(found.mod_revision)))
}

/// Stores `record` if the stored one has the revision `expect` and the writer leads the group in
/// `term`, the revision that made it the leader.
pub(super) async fn write(
    client: &Client,
    keys: &Keys,
    group: &GroupName,
    record: &Record,
    expect: Revision,
    term: i64,
) -> Result<Revision, Error> {
    let json = serde_json::to_string(record).map_err(|error| Error::Failed(error.to_string()))?;
    if json.len() > MAX_RECORD_BYTES {
        return Err(too_large(group, json.len()));
    }
    let key = keys.of(&Key::Record(group.clone()));
    let leader = keys.of(&Key::Leader(group.clone()));
    let expect = i64::try_from(expect.0).map_err(|_| Error::Conflict)?;
    let conditions = vec![modified(&key, expect), created(&leader, term)];
    let stored = client
        .transact(conditions, vec![put(&key, json, None)], Vec::new())
        .await;
    match stored {
        Ok(answer) if answer.succeeded => Ok(revision(answer.header.unwrap_or_default().revision)),
        Ok(_) => Err(Error::Conflict),
        Err(fault @ Fault::Lost(_)) => Err(Error::Unknown(fault.to_string())),
        Err(fault @ (Fault::Unreachable(_) | Fault::Refused(_) | Fault::Compacted)) => {
            Err(Error::Failed(fault.to_string()))
        }
    }
}

pub(super) fn revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or_default())
}

fn parse(json: &[u8]) -> Result<Record, String> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if version != Record::VERSION {
        return Err(format!(
            "it has version {version}, this version reads {}; update this monitor",
            Record::VERSION
        ));
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::record;

    #[test]
    fn a_record_with_more_in_it_is_read_and_one_of_another_version_is_refused() {
        let json = serde_json::to_string(&record(3)).unwrap();
        assert_eq!(parse(json.as_bytes()), Ok(record(3)));
        let newer = json.replacen("\"version\":1", "\"version\":2", 1);
        assert!(parse(newer.as_bytes()).unwrap_err().contains("version 2"));
        let more = json.replacen('{', "{\"more\":1,", 1);
        assert_eq!(parse(more.as_bytes()), Ok(record(3)));
        assert!(parse(b"").is_err());
    }
}
