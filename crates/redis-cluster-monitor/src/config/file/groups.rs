//! `[defaults]` and `[groups.NAME]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rcm_core::id::{Address, GroupName};
use rcm_core::policy::Nodes;

use super::reader::{Key, Reader, Value};
use crate::config::problem::Problem;
use crate::config::settings::{self, Door, Settings, check_delay};
use crate::config::{duration, hooks};

const SETTINGS: &[&str] = &[
    "client_reconfig_script",
    "crash_after",
    "hang_after",
    "notification_script",
    "observe",
    "password_file",
    "persist_roles",
    "probe_every",
    "proxy",
    "proxy_replicas",
    "quorum",
    "rename_commands",
    "silent_after",
    "username",
];

/// Which group a node belongs to.
type Owners = BTreeMap<Address, GroupName>;

/// `[defaults]`: settings for all groups.
pub(super) fn defaults(reader: &mut Reader, value: &Value<'_>) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in reader.table("defaults", value).into_iter().flatten() {
        if !setting(reader, key, value, &mut settings) {
            reader.unknown(key, SETTINGS);
        }
    }
    settings
}

/// `[groups]`: all groups, with `defaults` where they say nothing.
pub(super) fn groups(
    reader: &mut Reader,
    value: &Value<'_>,
    defaults: &Settings,
) -> Vec<(GroupName, Nodes, Settings)> {
    let Some(table) = reader.table("groups", value) else {
        return Vec::new();
    };
    if table.is_empty() {
        reader.problems.push(
            Problem::new(value.span(), "there is no group to watch")
                .help("add one: [groups.mymaster] with nodes = [\"10.0.0.1:6379\"]"),
        );
    }
    let mut owners = Owners::new();
    table
        .iter()
        .filter_map(|(key, value)| group(reader, key, value, defaults, &mut owners))
        .collect()
}

fn group(
    reader: &mut Reader,
    key: &Key<'_>,
    value: &Value<'_>,
    defaults: &Settings,
    owners: &mut Owners,
) -> Option<(GroupName, Nodes, Settings)> {
    let name = match key.get_ref().parse::<GroupName>() {
        Ok(name) => Some(name),
        Err(error) => {
            let problem = Problem::new(key.span(), error.to_string());
            reader.problems.push(problem);
            None
        }
    };
    let table = reader.table(&format!("groups.{}", key.get_ref()), value)?;
    let mut settings = Settings::default();
    let mut found = None;
    let mut known = vec!["nodes"];
    known.extend(SETTINGS);
    for (key, value) in table {
        if key.get_ref() == "nodes" {
            found = Some(nodes(reader, value, name.as_ref(), owners));
        } else if !setting(reader, key, value, &mut settings) {
            reader.unknown(key, &known);
        }
    }
    let Some(nodes) = found else {
        let title = format!("group `{}` has no nodes", key.get_ref());
        reader.problems.push(
            Problem::new(key.span(), title).help("add nodes = [\"10.0.0.1:6379\", \"10.0.0.2\"]"),
        );
        return None;
    };
    Some((name?, nodes?, settings.over(defaults)))
}

fn nodes(
    reader: &mut Reader,
    value: &Value<'_>,
    group: Option<&GroupName>,
    owners: &mut Owners,
) -> Option<Nodes> {
    let Some(list) = value.get_ref().as_array() else {
        reader.refuse(
            value,
            "`nodes` must be a list; write nodes = [\"10.0.0.1:6379\"]",
        );
        return None;
    };
    let mut addresses: Vec<Address> = Vec::new();
    let problems = reader.problems.len();
    for item in list {
        let Some(text) = item.get_ref().as_str() else {
            reader.refuse(item, "a node must be text; write \"HOST:PORT\"");
            continue;
        };
        let address = match text.parse::<Address>() {
            Ok(address) => address,
            Err(error) => {
                reader.refuse(item, &error.to_string());
                continue;
            }
        };
        if addresses.contains(&address) {
            let why = format!("`{address}` is listed twice; remove one of the two");
            reader.refuse(item, &why);
        } else if let Some(owner) = owners.get(&address) {
            let why = format!(
                "`{address}` belongs to group `{owner}` already; a node can only be in one group"
            );
            reader.refuse(item, &why);
        } else if let Some(group) = group {
            owners.insert(address.clone(), group.clone());
        }
        addresses.push(address);
    }
    if reader.problems.len() > problems {
        return None;
    }
    Nodes::new(addresses)
        .map_err(|error| reader.refuse(value, &error.to_string()))
        .ok()
}

/// Takes one setting. Answers whether it is one.
fn setting(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>, into: &mut Settings) -> bool {
    match key.get_ref().as_ref() {
        "crash_after" => into.crash_after = delay(reader, key, value),
        "silent_after" => into.silent_after = delay(reader, key, value),
        "hang_after" => into.hang_after = delay(reader, key, value),
        "probe_every" => into.probe_every = delay(reader, key, value),
        "quorum" => into.quorum = quorum(reader, value),
        "username" => into.username = reader.text(key, value).map(str::to_owned),
        "password_file" => into.password = reader.secret("password", key, value),
        "observe" => into.observe = reader.truth(key, value),
        "persist_roles" => into.persist_roles = reader.truth(key, value),
        "proxy" => into.proxy = door(reader, key, value),
        "proxy_replicas" => into.proxy_replicas = door(reader, key, value),
        "rename_commands" => into.rename_commands = rename_commands(reader, value),
        "notification_script" => into.notification_script = script(reader, key, value),
        "client_reconfig_script" => into.client_reconfig_script = script(reader, key, value),
        _ => return false,
    }
    true
}

fn delay(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<std::time::Duration> {
    let parsed = duration::parse(reader.text(key, value)?);
    let delay = reader.duration(parsed, value)?;
    match check_delay(key.get_ref(), delay) {
        Ok(()) => Some(delay),
        Err(why) => {
            reader.refuse(value, &why);
            None
        }
    }
}

fn quorum(reader: &mut Reader, value: &Value<'_>) -> Option<usize> {
    let number = value.get_ref().as_integer();
    let parsed = settings::quorum(number.map_or("", |number| number.as_str()));
    parsed.map_err(|why| reader.refuse(value, &why)).ok()
}

fn door(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<Door> {
    match reader.text(key, value)?.parse() {
        Ok(door) => Some(door),
        Err(why) => {
            reader.refuse(value, &why);
            None
        }
    }
}

fn script(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<PathBuf> {
    let path = reader.text(key, value)?;
    hooks::script(path)
        .map_err(|why| reader.refuse(value, &why))
        .ok()
}

fn rename_commands(reader: &mut Reader, value: &Value<'_>) -> Option<BTreeMap<String, String>> {
    let Some(table) = value.get_ref().as_table() else {
        reader.refuse(
            value,
            "`rename_commands` must be a table; write { REPLICAOF = \"its new name\" }",
        );
        return None;
    };
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let mut renamed = BTreeMap::new();
    for (command, new) in table {
        match new.get_ref().as_str().filter(|new| is_word(new)) {
            Some(new) => {
                renamed.insert(command.get_ref().to_uppercase(), new.to_owned());
            }
            None => reader.refuse(
                new,
                "the new name of a command must be a word; write \"NAME\"",
            ),
        }
    }
    Some(renamed)
}
