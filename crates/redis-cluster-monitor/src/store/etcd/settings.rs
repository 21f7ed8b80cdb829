//! The settings of a group in etcd: any monitor may change them, and etcd compares what it replaces.

use rcm_core::id::{GroupName, Version};

use super::calls::{created, modified, put};
use super::keys::{Key, Keys};
use super::transport::{Client, Fault};
use crate::store::Error;
use crate::store::settings::{Document, Kept};

pub(super) async fn read(client: &Client, keys: &Keys, group: &GroupName) -> Result<Kept, Error> {
    Ok(look(client, keys, group).await?.0)
}

/// Stores `document` if what is stored has the version `expect`.
pub(super) async fn change(
    client: &Client,
    keys: &Keys,
    group: &GroupName,
    document: &Document,
    expect: Version,
) -> Result<(), Error> {
    let json = document.to_json().map_err(Error::Failed)?;
    let (kept, revision) = look(client, keys, group).await?;
    if kept.version() != Some(expect) {
        return Err(Error::Conflict);
    }
    let key = keys.of(&Key::Settings(group.clone()));
    let is_the_same = vec![modified(&key, revision)];
    let change = vec![put(&key, json, None)];
    match client.transact(is_the_same, change, Vec::new()).await {
        Ok(answer) if answer.succeeded => Ok(()),
        Ok(_) => Err(Error::Conflict),
        Err(fault @ Fault::Lost(_)) => Err(Error::Unknown(fault.to_string())),
        Err(fault @ (Fault::Unreachable(_) | Fault::Refused(_) | Fault::Compacted)) => {
            Err(Error::Failed(fault.to_string()))
        }
    }
}

/// Whoever begins the deployment brings along what its folder knows.
pub(super) async fn bring_along(
    client: &Client,
    keys: &Keys,
    known: Vec<(GroupName, Kept)>,
) -> Result<(), Fault> {
    for (group, kept) in known {
        let Kept::Document(document) = kept else {
            continue;
        };
        let Ok(json) = document.to_json() else {
            continue;
        };
        let key = keys.of(&Key::Settings(group));
        let is_free = vec![created(&key, 0)];
        client
            .transact(is_free, vec![put(&key, json, None)], Vec::new())
            .await?;
    }
    Ok(())
}

/// What is stored, and the revision that wrote it.
async fn look(client: &Client, keys: &Keys, group: &GroupName) -> Result<(Kept, i64), Error> {
    let key = keys.of(&Key::Settings(group.clone()));
    let found = client.get(&key).await;
    let found = found.map_err(|fault| Error::Failed(fault.to_string()))?;
    Ok(found.map_or((Kept::Nothing, 0), |entry| {
        (Kept::parse(&entry.value), entry.mod_revision)
    }))
}
