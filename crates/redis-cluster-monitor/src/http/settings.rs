//! The settings that all monitors of a group share: shown, and changed for all of them at once.
//!
//! Any monitor takes a change, also one that does not act: the store compares the version.

use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::IF_MATCH;
use rcm_core::id::{Address, GroupName, Version};
use rcm_core::policy::Nodes;
use rcm_core::request::Refusal;
use rcm_core::settings::Settings;
use rcm_core::status::{NodeStatus, Status};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::fault::Fault;
use super::{Group, House};
use crate::store::Error;
use crate::store::settings::{Document, Edit, Kept, Values, read, unknown, write};
use crate::telemetry;

/// How long it is waited for that this monitor uses what it has stored.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(5);
/// How long a name may take to mean something.
const RESOLVED_WITHIN: Duration = Duration::from_secs(2);
/// The longest name of somebody who changes settings, in characters.
const LONGEST_NAME: usize = 64;

/// What may be said in the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    settings: Values,
    by: Option<String>,
}

/// What is stored, or what this monitor uses while nothing is.
struct Current {
    version: Version,
    values: Values,
    settings: Settings,
    document: Option<Arc<Document>>,
}

impl Current {
    async fn of(group: &Group) -> Result<Self, Fault> {
        let kept = group.keeper.settings().await;
        let in_force = Arc::clone(&group.settings.borrow());
        let own = &in_force.settings;
        match kept.map_err(|error| Fault::StoreFailed(error.to_string()))? {
            Kept::Nothing => Ok(Self {
                version: Version(0),
                values: write(own),
                settings: own.clone(),
                document: None,
            }),
            Kept::Document(document) => Ok(Self {
                version: document.version,
                values: document.settings.clone(),
                settings: read(&document.settings, &own.policy)
                    .map_err(|mistakes| Fault::SettingsUnusable(mistakes.join("; ")))?,
                document: Some(document),
            }),
            Kept::Unusable(why) => Err(Fault::SettingsUnusable(why)),
        }
    }

    fn shown(&self, group: &GroupName) -> Value {
        let last = self.document.as_ref().and_then(|it| it.history.last());
        json!({
            "group": group,
            "version": self.version,
            "at": last.map(|edit| &edit.at),
            "by": last.map(|edit| &edit.by),
            "settings": self.values,
        })
    }
}

/// The settings, and their version.
pub(super) async fn show(group: &Group) -> Result<(Version, Value), Fault> {
    let current = Current::of(group).await?;
    Ok((current.version, current.shown(&group.name)))
}

/// The last changes, the newest first.
pub(super) async fn history(group: &Group) -> Result<Value, Fault> {
    let current = Current::of(group).await?;
    let edits = current.document.iter().flat_map(|it| it.history.iter());
    let edits: Vec<_> = edits.rev().collect();
    Ok(json!({ "group": group.name, "history": edits }))
}

/// The version that a change must find.
pub(super) fn expected(headers: &HeaderMap) -> Result<Version, Fault> {
    let text = headers.get(IF_MATCH).and_then(|value| value.to_str().ok());
    let number = text.map(|text| text.trim().trim_matches('"').parse());
    match number {
        Some(Ok(number)) => Ok(Version(number)),
        Some(Err(_)) | None => Err(Fault::VersionMissing),
    }
}

/// Stores what the body says, if nothing else was stored since `expect`.
pub(super) async fn change(
    house: &House,
    group: &Group,
    expect: Version,
    body: &[u8],
    client: String,
) -> Result<(Version, Value), Fault> {
    let wish: Wish = serde_json::from_slice(body)
        .map_err(|error| Fault::BadSettings(vec![error.to_string()]))?;
    let by = name(wish.by, client)?;
    let current = Current::of(group).await?;
    if current.version != expect {
        let version = current.version;
        return Err(Fault::SettingsChanged { version });
    }
    let next = settings_of(&wish.settings, &current)?;
    let next = with_forgotten(group, next, &current.settings)?;
    check_nodes(house, group, &next, &current.settings).await?;
    let changes = next.changes_since(&current.settings);
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    if changes.is_empty() {
        let mut shown = current.shown(&group.name);
        shown["changes"] = json!([]);
        return Ok((current.version, shown));
    }
    // What this version does not know stays as it is.
    let mut values = current.values.clone();
    values.extend(write(&next));
    let version = current.version.next();
    let edit = Edit {
        version,
        at: telemetry::wall_time(),
        by,
        changes: changes.clone(),
    };
    let document = Document::after(current.document.as_deref(), values, edit);
    match group.keeper.change(document, expect).await {
        Ok(()) => {}
        Err(Error::Conflict) => return Err(Fault::SettingsChanged { version }),
        Err(Error::Failed(why)) => return Err(Fault::StoreFailed(why)),
        Err(Error::Unknown(why)) => return Err(Fault::OutcomeUnknown(why)),
    }
    let mut in_force = group.settings.clone();
    let is_in_force = in_force.wait_for(|it| it.version >= version);
    // It is stored all the same, and a monitor that is slow follows later.
    drop(timeout(IN_FORCE_WITHIN, is_in_force).await);
    let mut shown = Current::of(group).await?.shown(&group.name);
    shown["changes"] = json!(changes);
    Ok((version, shown))
}

/// Who it is, as far as anybody knows.
fn name(by: Option<String>, client: String) -> Result<String, Fault> {
    let Some(by) = by else { return Ok(client) };
    let is_plain = !by.is_empty() && by.chars().all(|letter| !letter.is_control());
    if is_plain && by.chars().count() <= LONGEST_NAME {
        return Ok(by);
    }
    let why = format!("by: a name has 1 to {LONGEST_NAME} characters and no control characters");
    Err(Fault::BadSettings(vec![why]))
}

fn settings_of(values: &Values, current: &Current) -> Result<Settings, Fault> {
    let mut mistakes = Vec::new();
    // What a newer monitor has stored may be sent back as it was.
    let strange = unknown(values).filter(|key| values.get(*key) != current.values.get(*key));
    mistakes.extend(strange.map(|key| format!("{key}: there is no such key")));
    match read(values, &current.settings.policy) {
        Ok(settings) if mistakes.is_empty() => Ok(settings),
        Ok(_) => Err(Fault::BadSettings(mistakes)),
        Err(more) => {
            mistakes.extend(more);
            Err(Fault::BadSettings(mistakes))
        }
    }
}

/// Who is not listed any more is forgotten, also under the address that others know it by.
fn with_forgotten(group: &Group, wished: Settings, before: &Settings) -> Result<Settings, Fault> {
    let (listed, old) = (wished.nodes.addresses(), &before.nodes);
    let removed = old.addresses().iter().filter(|node| !listed.contains(node));
    let mut forgotten = wished.nodes.forgotten().to_vec();
    forgotten.extend(removed.cloned());
    let status = group.snapshot();
    for address in forgotten.clone() {
        let node = status.nodes.iter().find(|node| node.address == address);
        forgotten.extend(node.map(NodeStatus::endpoint));
    }
    let mut kept: Vec<Address> = Vec::new();
    for address in forgotten {
        if !listed.contains(&address) && !kept.contains(&address) {
            kept.push(address);
        }
    }
    let surplus = kept.len().saturating_sub(Nodes::MAX);
    kept.drain(..surplus);
    let nodes = Nodes::new(listed.to_vec()).and_then(|nodes| nodes.without(kept));
    Ok(Settings {
        nodes: nodes.map_err(|error| Fault::BadSettings(vec![error.to_string()]))?,
        ..wished
    })
}

/// Whether the nodes may come and go.
async fn check_nodes(
    house: &House,
    group: &Group,
    next: &Settings,
    before: &Settings,
) -> Result<(), Fault> {
    let new = |list: &[Address], old: &[Address]| -> Vec<Address> {
        let new = list.iter().filter(|node| !old.contains(node));
        new.cloned().collect()
    };
    let status = group.snapshot();
    let leaving = new(next.nodes.forgotten(), before.nodes.forgotten());
    if !leaving.is_empty() && status.primary_node().is_none() {
        let refusal = Refusal::NotReady;
        return Err(Fault::refused(refusal, group));
    }
    check_leaving(leaving, before.nodes.addresses(), &status)?;
    let mut mistakes = Vec::new();
    for node in new(next.nodes.addresses(), before.nodes.addresses()) {
        let others = house.groups.iter().filter(|it| it.name != group.name);
        let owner = others.filter(|it| {
            let status = it.snapshot();
            let mut nodes = status.nodes.iter();
            nodes.any(|it| it.address == node || it.endpoint() == node)
        });
        for owner in owner {
            let name = &owner.name;
            mistakes.push(format!(
                "nodes: {node} belongs to group {name}; a node can only be in one group"
            ));
        }
        if let Some(why) = unresolved(&node).await {
            mistakes.push(format!(
                "nodes: {node} cannot be reached by its name: {why}"
            ));
        }
    }
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(Fault::BadSettings(mistakes))
    }
}

/// Whether these nodes may be forgotten, of those that are listed or that the monitor has met.
fn check_leaving(leaving: Vec<Address>, listed: &[Address], status: &Status) -> Result<(), Fault> {
    let listens_at = |node: &NodeStatus, address: &Address| {
        node.address == *address || node.endpoint() == *address
    };
    for address in leaving {
        let in_office = status.primary_node();
        if in_office.is_some_and(|node| listens_at(node, &address)) {
            return Err(Fault::IsPrimary { node: address });
        }
        let mut nodes = status.nodes.iter();
        let is_met = nodes.any(|node| listens_at(node, &address));
        if !is_met && !listed.contains(&address) {
            return Err(Fault::unknown_node(address, status));
        }
    }
    Ok(())
}

/// Why a name means nothing, if it does not.
async fn unresolved(node: &Address) -> Option<String> {
    if node.ip().is_some() {
        return None;
    }
    match timeout(RESOLVED_WITHIN, lookup_host((node.host(), node.port()))).await {
        Ok(Ok(mut found)) => found
            .next()
            .is_none()
            .then(|| "it has no address".to_owned()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("the name server does not answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rcm_core::status::NodeRole;

    use super::*;
    use crate::statuses;

    #[test]
    fn only_a_node_of_the_group_that_is_not_its_primary_can_be_forgotten() {
        let address = |host| Address::new(host, 6379);
        let named = NodeStatus {
            ip: "10.0.0.2".parse().ok(),
            ..statuses::node(address("cache-2"), NodeRole::Replica)
        };
        let status = Status {
            primary: Some(address("10.0.0.1")),
            nodes: vec![
                statuses::node(address("10.0.0.1"), NodeRole::Primary),
                named,
            ],
            ..Status::unknown("shop".parse().unwrap())
        };
        let forget = |host| check_leaving(vec![address(host)], &[address("10.0.0.3")], &status);
        // By its name, by its address, and before it was ever met.
        for host in ["cache-2", "10.0.0.2", "10.0.0.3"] {
            forget(host).expect(host);
        }
        assert_eq!(forget("10.0.0.1").unwrap_err().code(), "is-primary");
        let unknown = forget("10.0.0.9").unwrap_err();
        assert_eq!(unknown.code(), "unknown-node");
        let said = "no node of shop listens at 10.0.0.9:6379; its nodes are: 10.0.0.1:6379, \
                    cache-2:6379";
        assert_eq!(unknown.to_string(), said);
    }
}
