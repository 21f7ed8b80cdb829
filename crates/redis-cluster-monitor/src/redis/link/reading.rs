//! What the replies of one connection mean.
//!
//! Decided here: which reply completes which observation, and which error replies end the
//! conversation. No sockets and no time.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rcm_core::fencing::{Stranger, clients, rivals};
use rcm_core::observation::{Deciders, Failure, Identity, Seen};
use rcm_resp::Frame;

use super::ask::Ask;
use crate::redis::refusal::Refusal;
use crate::redis::{Replicate, Settings, info};

/// A list of more clients than this is not asked for: it costs the node too much.
const CLIENTS_MOST: u64 = 10_000;
/// A list of more clients than this is asked for rarely: making it takes the node milliseconds.
const CLIENTS_CHEAP: u64 = 500;
/// How rarely: one time in so many.
const RARELY: u32 = 6;
/// So many other deciders are named.
const RIVALS_MOST: usize = 8;
/// What a Sentinel is called when only its subscription was seen.
const NAMELESS_SENTINEL: &str = "sentinel";

/// What was understood so far on one connection.
pub(super) struct Reading {
    settings: Arc<Settings>,
    /// The process has said who it is.
    pub(super) identified: bool,
    /// What it does.
    pub(super) role: Role,
    /// Somebody else decides here too.
    pub(super) has_rivals: bool,
    /// How many times the list of clients could have been asked for.
    lists: u32,
    can_replicate: bool,
    busy_threshold: Option<Duration>,
    min_replicas: u32,
    feeds: Option<bool>,
    saving: Saving,
    persistence: Bytes,
    memory: Bytes,
}

/// What the node said last of its role.
#[derive(Default)]
pub(super) struct Role {
    pub(super) is_primary: bool,
    /// It is reading a data set, or soon will.
    pub(super) may_load: bool,
    is_loading: bool,
}

/// Whether a failed save stops writes: if both.
struct Saving {
    stops_writes: bool,
    is_wanted: bool,
}

/// What one reply brought.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) seen: Option<Seen>,
    /// What to ask next because of it.
    pub(super) then: Option<Ask>,
}

impl Heard {
    const NOTHING: Self = Self {
        seen: None,
        then: None,
    };

    const fn seen(seen: Seen) -> Self {
        Self {
            seen: Some(seen),
            then: None,
        }
    }

    const fn then(ask: Ask) -> Self {
        Self {
            seen: None,
            then: Some(ask),
        }
    }
}

impl Reading {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            identified: false,
            role: Role::default(),
            has_rivals: false,
            lists: 0,
            can_replicate: true,
            busy_threshold: None,
            min_replicas: 0,
            feeds: None,
            saving: Saving {
                stops_writes: true,
                is_wanted: true,
            },
            persistence: Bytes::new(),
            memory: Bytes::new(),
        }
    }

    /// Takes the reply to `ask`; a failure ends the conversation.
    pub(super) fn take(&mut self, ask: Ask, reply: Frame) -> Result<Heard, Failure> {
        if let Some(text) = reply.as_error() {
            let refusal = Refusal::of(&text);
            return self.refused(ask, refusal);
        }
        match ask {
            Ask::Auth | Ask::Name => {}
            Ask::Replicate => self.can_replicate = Replicate::known_to(reply).is_some(),
            Ask::BusyThreshold | Ask::LuaTimeLimit => {
                let millis = setting(reply).and_then(|value| value.parse().ok());
                // Zero and less mean that it never says so.
                let threshold = millis.filter(|millis| *millis > 0);
                self.busy_threshold = threshold.map(Duration::from_millis).or(self.busy_threshold);
            }
            Ask::Server => return self.server(&reply),
            Ask::Loading => self.role.is_loading = info::is_loading(&text(&reply)),
            Ask::Replication => return self.replication(&reply),
            Ask::Ping => return Ok(Heard::seen(Seen::Alive)),
            Ask::MinReplicas => {
                let number = setting(reply).and_then(|value| value.parse().ok());
                self.min_replicas = number.unwrap_or(0);
            }
            Ask::StopWrites => {
                self.saving.stops_writes = setting(reply).is_none_or(|is| is != "no");
            }
            Ask::SavePoints => {
                self.saving.is_wanted = setting(reply).is_none_or(|is| !is.is_empty());
            }
            Ask::ReplicationUser => self.feeds = Some(is_on(reply)),
            Ask::Persistence => {
                self.persistence = bytes(&reply);
                self.role.is_loading =
                    info::is_loading(&String::from_utf8_lossy(&self.persistence));
            }
            Ask::Memory => self.memory = bytes(&reply),
            Ask::Keyspace => return Ok(self.condition(&text(&reply))),
            Ask::Clients => {
                let clients = info::connected_clients(&text(&reply)).unwrap_or(u64::MAX);
                return Ok(self.clients(clients));
            }
            Ask::ClientList => return Ok(self.client_list(&text(&reply))),
            Ask::Sentinels => return Ok(self.sentinels(reply)),
        }
        Ok(Heard::NOTHING)
    }

    fn server(&mut self, reply: &Frame) -> Result<Heard, Failure> {
        let server = info::parse_identity(&text(reply)).map_err(|_| Failure::NotRedis)?;
        self.identified = true;
        Ok(Heard::seen(Seen::Identity(Identity {
            run_id: server.run_id,
            version: server.version,
            busy_threshold: self.busy_threshold,
            can_replicate: self.can_replicate,
        })))
    }

    fn replication(&mut self, reply: &Frame) -> Result<Heard, Failure> {
        if !self.identified {
            return Ok(Heard::seen(Seen::Alive));
        }
        let replication = info::parse_replication(&text(reply));
        let mut replication = replication.map_err(|_| Failure::NotRedis)?;
        replication.loading |= self.role.is_loading;
        self.role.is_primary = replication.is_primary();
        let is_syncing = replication.following().is_some_and(|it| it.syncing);
        self.role.may_load = replication.loading || is_syncing;
        Ok(Heard::seen(Seen::Replication(replication)))
    }

    fn condition(&mut self, keyspace: &str) -> Heard {
        let condition = info::parse_condition(
            &String::from_utf8_lossy(&self.persistence),
            &String::from_utf8_lossy(&self.memory),
            keyspace,
            self.saving.stops_writes && self.saving.is_wanted,
        );
        // They are slices of a buffer that is better used again.
        (self.persistence, self.memory) = (Bytes::new(), Bytes::new());
        let (min_replicas, feeds) = (self.min_replicas, self.feeds);
        Heard::seen(Seen::Condition(rcm_core::observation::Condition {
            min_replicas,
            feeds,
            ..condition
        }))
    }

    /// How to find out who else decides on a node with so many clients.
    fn clients(&mut self, clients: u64) -> Heard {
        let turn = self.lists;
        self.lists = self.lists.wrapping_add(1);
        if clients > CLIENTS_MOST {
            Heard::then(Ask::Sentinels)
        } else if clients <= CLIENTS_CHEAP || turn.is_multiple_of(RARELY) {
            Heard::then(Ask::ClientList)
        } else {
            Heard::NOTHING
        }
    }

    fn client_list(&mut self, list: &str) -> Heard {
        let owner = &self.settings.owner;
        let is_hand = |name: &str| matches!(owner.recognise(name), Stranger::Hand(_));
        let rivals = rivals(owner, list, RIVALS_MOST);
        self.has_rivals = !rivals.is_empty();
        Heard::seen(Seen::Deciders(Deciders {
            // Which epoch is held is not known here, so every hand may be an older one.
            older_hands: clients(list).any(|(_, name)| is_hand(name)),
            rivals,
        }))
    }

    fn sentinels(&mut self, reply: Frame) -> Heard {
        let count = reply
            .into_array()
            .and_then(|values| values.last().and_then(Frame::as_integer));
        self.has_rivals = count.is_some_and(|count| count > 0);
        let rivals = self.has_rivals.then(|| NAMELESS_SENTINEL.to_owned());
        Heard::seen(Seen::Deciders(Deciders {
            rivals: rivals.into_iter().collect(),
            // Not seen, so not excluded.
            older_hands: true,
        }))
    }

    fn refused(&mut self, ask: Ask, refusal: Refusal) -> Result<Heard, Failure> {
        match (refusal, ask) {
            (Refusal::Failure(Failure::Busy), Ask::Ping | Ask::Replication) => {
                Ok(Heard::seen(Seen::Failed(Failure::Busy)))
            }
            (Refusal::Failure(Failure::Forbidden), Ask::Server | Ask::Replication) => {
                Err(Failure::Forbidden)
            }
            (Refusal::Failure(failure @ (Failure::Unauthorised | Failure::TurnedAway)), _) => {
                Err(failure)
            }
            (Refusal::Loading, Ask::Ping | Ask::Replication) => {
                (self.role.is_loading, self.role.may_load) = (true, true);
                Ok(Heard::seen(Seen::Alive))
            }
            (Refusal::Command, Ask::Auth) => Err(Failure::Unauthorised),
            (Refusal::Command, Ask::Server | Ask::Replication) => Err(Failure::NotRedis),
            // What may not be seen is asked for in another way.
            (_, Ask::Clients | Ask::ClientList) => Ok(Heard::then(Ask::Sentinels)),
            (_, Ask::Ping) => Ok(Heard::seen(Seen::Alive)),
            (Refusal::Failure(_) | Refusal::Loading | Refusal::Command, _) => Ok(Heard::NOTHING),
        }
    }
}

fn bytes(reply: &Frame) -> Bytes {
    reply.as_bytes().cloned().unwrap_or_default()
}

fn text(reply: &Frame) -> Cow<'_, str> {
    reply
        .as_bytes()
        .map_or(Cow::Borrowed(""), |bytes| String::from_utf8_lossy(bytes))
}

/// The value in the answer to `CONFIG GET` of one parameter.
fn setting(reply: Frame) -> Option<String> {
    let (_, value) = reply.into_map()?.pop()?;
    value.as_str().map(str::to_owned)
}

/// Whether a user may be used, by the answer to `ACL GETUSER`. One that does not exist may not.
fn is_on(reply: Frame) -> bool {
    let fields = reply.into_map().unwrap_or_default();
    let mut flags = fields
        .into_iter()
        .filter(|(name, _)| name.as_str() == Some("flags"));
    let flags = flags.next().and_then(|(_, flags)| flags.into_array());
    flags.is_some_and(|flags| flags.iter().any(|flag| flag.as_str() == Some("on")))
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
