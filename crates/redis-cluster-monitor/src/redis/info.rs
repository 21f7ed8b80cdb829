//! Reads what a server says of itself in `INFO`.
//!
//! Pure: text in, facts out. The text comes from the network, so nothing in it is trusted: a field
//! that is needed and missing, or makes no sense, is named; nothing else is looked at.

use std::str::FromStr;

use rcm_core::id::{Address, Offset, ReplicationId, RunId};
use rcm_core::observation::{Attached, Condition, Following, Replication, Role};
use rcm_core::policy::Nodes;

/// The text lacks a field, or the field makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("INFO has no valid `{field}`")]
pub struct Malformed {
    /// The field.
    pub field: &'static str,
}

/// Which process answers (`INFO server`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The process.
    pub run_id: RunId,
    /// Name and version, for people.
    pub version: String,
}

/// The longest version that is shown.
const VERSION_LENGTH: usize = 64;
/// The longest host name there is.
const HOST_LENGTH: usize = 253;

/// Reads `INFO server`.
pub fn parse_identity(text: &str) -> Result<Server, Malformed> {
    let (mut run_id, mut redis, mut valkey) = (None, None, None);
    for (name, value) in fields(text) {
        match name {
            "run_id" => run_id = Some(value),
            "redis_version" => redis = Some(value),
            "valkey_version" => valkey = Some(value),
            _ => {}
        }
    }
    // Valkey also says which Redis it stands in for.
    let (product, version) = match (valkey, redis) {
        (Some(version), _) => ("Valkey", version),
        (None, Some(version)) => ("Redis", version),
        (None, None) => return Err(missing("redis_version")),
    };
    let version = version.chars().filter(|c| !c.is_control());
    Ok(Server {
        run_id: needed("run_id", run_id)?,
        version: format!(
            "{product} {}",
            version.take(VERSION_LENGTH).collect::<String>()
        ),
    })
}

/// Reads `INFO replication`. Whether the node is loading is said elsewhere, see [`is_loading`];
/// it is taken from here when the text has that section too.
pub fn parse_replication(text: &str) -> Result<Replication, Malformed> {
    let said = Said::of(text);
    let master_offset = offset("master_repl_offset", said.master_repl_offset)?;
    let is_primary = match said.role {
        Some("master") => true,
        Some("slave") => false,
        Some(_) | None => return Err(missing("role")),
    };
    let (role, offset) = if is_primary {
        let good_replicas = optional("min_slaves_good_slaves", said.good_replicas)?;
        let replicas = said.replicas;
        let role = Role::Primary {
            replicas,
            good_replicas,
        };
        (role, master_offset)
    } else {
        let following = said.following()?;
        let applied = offset("slave_repl_offset", said.slave_repl_offset)?;
        // Without a link and without a remembered primary the field stands at its start, which some
        // versions call 1, and the node's position is the one it would go on from as a primary.
        let is_forgotten = !following.link_up && applied.0 <= 1;
        let offset = if is_forgotten { master_offset } else { applied };
        (Role::Replica(following), offset)
    };
    Ok(Replication {
        id: needed("master_replid", said.master_replid)?,
        previous: previous(said.master_replid2, said.second_repl_offset)?,
        offset,
        role,
        loading: said.loading,
    })
}

/// Reads `INFO persistence`: whether the node is reading its data set.
pub fn is_loading(text: &str) -> bool {
    fields(text).any(|(name, value)| is_loading_field(name) && value != "0")
}

/// Reads `INFO persistence`, `INFO memory` and `INFO keyspace`. `save_must_work` says whether the
/// node refuses writes when its last save failed. What is missing counts as fine.
pub fn parse_condition(
    persistence: &str,
    memory: &str,
    keyspace: &str,
    save_must_work: bool,
) -> Condition {
    let has_failed =
        |field| fields(persistence).any(|(name, value)| name == field && value.starts_with("err"));
    let has_aof = fields(persistence).any(|(name, value)| name == "aof_enabled" && value != "0");
    let save_failed = has_failed("rdb_last_bgsave_status") && save_must_work;
    let append_failed = has_failed("aof_last_write_status") && has_aof;
    Condition {
        cannot_persist: save_failed || append_failed,
        out_of_memory: is_out_of_memory(memory),
        min_replicas: 0,
        feeds: None,
        empty: !fields(keyspace).any(|(name, _)| is_numbered("db", name)),
    }
}

/// Reads `INFO clients`.
pub fn connected_clients(text: &str) -> Option<u64> {
    fields(text)
        .find(|(name, _)| *name == "connected_clients")
        .and_then(|(_, value)| value.parse().ok())
}

fn is_out_of_memory(memory: &str) -> bool {
    let (mut used, mut most, mut uncounted, mut evicts) = (0, 0, 0, true);
    for (name, value) in fields(memory) {
        let number = || value.parse::<u64>().unwrap_or(0);
        match name {
            "used_memory" => used = number(),
            "maxmemory" => most = number(),
            "mem_not_counted_for_evict" => uncounted = number(),
            "maxmemory_policy" => evicts = value != "noeviction",
            _ => {}
        }
    }
    most > 0 && !evicts && used.saturating_sub(uncounted) > most
}

/// The fields of `INFO replication` as they are written.
#[derive(Default)]
struct Said<'a> {
    role: Option<&'a str>,
    master_host: Option<&'a str>,
    master_port: Option<&'a str>,
    master_link_status: Option<&'a str>,
    master_sync_in_progress: Option<&'a str>,
    slave_priority: Option<&'a str>,
    slave_repl_offset: Option<&'a str>,
    master_replid: Option<&'a str>,
    master_replid2: Option<&'a str>,
    master_repl_offset: Option<&'a str>,
    second_repl_offset: Option<&'a str>,
    good_replicas: Option<&'a str>,
    replicas: Vec<Attached>,
    loading: bool,
}

impl<'a> Said<'a> {
    fn of(text: &'a str) -> Self {
        let mut said = Self::default();
        for (name, value) in fields(text) {
            match name {
                "role" => said.role = Some(value),
                "master_host" => said.master_host = Some(value),
                "master_port" => said.master_port = Some(value),
                "master_link_status" => said.master_link_status = Some(value),
                "master_sync_in_progress" => said.master_sync_in_progress = Some(value),
                "slave_priority" => said.slave_priority = Some(value),
                "slave_repl_offset" => said.slave_repl_offset = Some(value),
                "master_replid" => said.master_replid = Some(value),
                "master_replid2" => said.master_replid2 = Some(value),
                "master_repl_offset" => said.master_repl_offset = Some(value),
                "second_repl_offset" => said.second_repl_offset = Some(value),
                "min_slaves_good_slaves" => said.good_replicas = Some(value),
                _ if is_loading_field(name) => said.loading |= value != "0",
                _ if is_numbered("slave", name) && said.replicas.len() < Nodes::MAX => {
                    said.replicas.extend(attached(value));
                }
                _ => {}
            }
        }
        said
    }

    fn following(&self) -> Result<Following, Malformed> {
        let host = self.master_host.filter(|host| is_host(host));
        let host = host.ok_or(missing("master_host"))?;
        Ok(Following {
            primary: Address::new(host, needed("master_port", self.master_port)?),
            link_up: self.master_link_status == Some("up"),
            syncing: self.master_sync_in_progress.is_some_and(|it| it != "0"),
            priority: needed("slave_priority", self.slave_priority)?,
        })
    }
}

/// Reads `ip=10.0.0.2,port=6379,state=online,offset=14,lag=1`; `None` if it is not like that.
fn attached(line: &str) -> Option<Attached> {
    let (mut host, mut port, mut acknowledged, mut online) = (None, None, 0, false);
    for (name, value) in line.split(',').filter_map(|field| field.split_once('=')) {
        match name {
            "ip" => host = Some(value).filter(|host| is_host(host)),
            "port" => port = value.parse().ok().filter(|port| *port != 0),
            "offset" => acknowledged = value.parse().unwrap_or(0),
            "state" => online = value == "online",
            _ => {}
        }
    }
    Some(Attached {
        address: Address::new(host?, port?),
        offset: Offset(acknowledged),
        online,
    })
}

/// `second_repl_offset` is the first offset that the two streams do not share, and -1 if there is
/// no other stream.
fn previous(
    id: Option<&str>,
    first_own: Option<&str>,
) -> Result<Option<(ReplicationId, Offset)>, Malformed> {
    let (Some(id), Some(first_own)) = (id, first_own) else {
        return Ok(None);
    };
    let first_own: i64 = needed("second_repl_offset", Some(first_own))?;
    if first_own < 1 || id.bytes().all(|digit| digit == b'0') {
        return Ok(None);
    }
    let id = needed("master_replid2", Some(id))?;
    Ok(Some((id, Offset(first_own.unsigned_abs() - 1))))
}

/// An offset; a negative one, which stands for none, is zero.
fn offset(field: &'static str, value: Option<&str>) -> Result<Offset, Malformed> {
    let value: i64 = needed(field, value)?;
    Ok(Offset(u64::try_from(value).unwrap_or(0)))
}

fn needed<T: FromStr>(field: &'static str, value: Option<&str>) -> Result<T, Malformed> {
    value
        .and_then(|value| value.parse().ok())
        .ok_or(missing(field))
}

fn optional<T: FromStr>(field: &'static str, value: Option<&str>) -> Result<Option<T>, Malformed> {
    value.map(|value| needed(field, Some(value))).transpose()
}

const fn missing(field: &'static str) -> Malformed {
    Malformed { field }
}

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':'))
}

fn is_loading_field(name: &str) -> bool {
    matches!(name, "loading" | "async_loading")
}

/// Whether `name` is `prefix` with a number behind it.
fn is_numbered(prefix: &str, name: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|digit| digit.is_ascii_digit()))
}

/// A host name or an IP address of either kind, perhaps with a zone.
fn is_host(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    !host.is_empty() && host.len() <= HOST_LENGTH && host.chars().all(allowed)
}

#[cfg(test)]
#[path = "info_tests.rs"]
mod tests;
