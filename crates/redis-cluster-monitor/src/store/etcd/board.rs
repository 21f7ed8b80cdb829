//! What the watch has told so far: the deployment as this monitor sees it.
//!
//! It may be behind what is stored, never ahead of it. Whoever decides by it lets etcd compare.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcm_core::id::{GroupName, MonitorId, Revision};
use rcm_core::time::Instant;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::calls::LeaseId;
use super::keys::{Key, Keys};
use super::records::revision;
use super::stubs::KeyValue;
use crate::store::settings::{Kept, Shelf};
use crate::store::{Fleet, MAX_OPINION_BYTES, Member, Opinions, Said};

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupState {
    /// Of its record.
    pub revision: Revision,
    pub leader: Option<Leader>,
    pub opinions: Opinions,
}

/// Who leads a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leader {
    /// As it calls itself.
    pub id: MonitorId,
    /// The revision that made it the leader: no other term has this number.
    pub term: i64,
    /// The lease that it leads under.
    pub lease: LeaseId,
}

/// What a monitor says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registration {
    /// Of the program.
    pub version: String,
    /// Another one with every start.
    pub started: String,
    /// Where its Sentinel API can be reached.
    pub sentinel: Option<SocketAddr>,
}

/// A copy sees the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    groups: BTreeMap<GroupName, watch::Sender<GroupState>>,
    monitors: BTreeMap<MonitorId, (Registration, i64)>,
    alive: BTreeSet<MonitorId>,
    settings: Shelf,
    fleet: watch::Sender<Fleet>,
}

impl Board {
    /// One group, now and from now on.
    pub(super) fn group(&self, group: &GroupName) -> watch::Receiver<GroupState> {
        let mut content = self.lock();
        content.groups.entry(group.clone()).or_default().subscribe()
    }

    /// The settings of a group, now and from now on.
    pub(super) fn settings(&self, group: &GroupName) -> watch::Receiver<Kept> {
        self.lock().settings.follow(group)
    }

    /// All monitors, now and from now on.
    pub(super) fn fleet(&self) -> watch::Receiver<Fleet> {
        self.lock().fleet.subscribe()
    }

    /// In which term the group is led under this lease, if it is.
    pub(super) fn term(&self, group: &GroupName, lease: LeaseId) -> Option<i64> {
        let content = self.lock();
        let state = content.groups.get(group)?.borrow();
        let leader = state.leader.as_ref()?;
        (leader.lease == lease).then_some(leader.term)
    }

    /// Whether any group is led under this lease.
    pub(super) fn leads(&self, lease: LeaseId) -> bool {
        let leads = |group: &watch::Sender<GroupState>| {
            group
                .borrow()
                .leader
                .as_ref()
                .is_some_and(|leader| leader.lease == lease)
        };
        self.lock().groups.values().any(leads)
    }

    /// Registered monitors that do not run, and the revisions of their registrations.
    pub(super) fn absent(&self) -> BTreeMap<MonitorId, i64> {
        let content = self.lock();
        let absent = content
            .monitors
            .iter()
            .filter(|(id, _)| !content.alive.contains(*id));
        absent
            .map(|(id, (_, revision))| (id.clone(), *revision))
            .collect()
    }

    /// Everything was read anew: what is said was said at any time before.
    pub(super) fn replace(&self, keys: &Keys, all: &[KeyValue]) {
        let mut content = self.lock();
        let mut groups: BTreeMap<GroupName, GroupState> = content
            .groups
            .keys()
            .map(|name| (name.clone(), GroupState::default()))
            .collect();
        let mut settings = BTreeMap::new();
        content.monitors.clear();
        content.alive.clear();
        for entry in all {
            let Some(key) = keys.parse(&entry.key) else {
                continue;
            };
            match key {
                Key::Monitor(_) | Key::Alive(_) => content.learn(key, Some(entry)),
                Key::Settings(group) => drop(settings.insert(group, Kept::parse(&entry.value))),
                Key::Record(ref group) | Key::Leader(ref group) | Key::Opinion(ref group, _) => {
                    groups
                        .entry(group.clone())
                        .or_default()
                        .learn(key, Some(entry), None);
                }
            }
        }
        for (name, state) in groups {
            let told = content.groups.entry(name).or_default();
            tell(told, |known| *known = state);
        }
        content.settings.replace(settings);
        content.tell_fleet();
    }

    /// One key was written or deleted just now.
    pub(super) fn apply(&self, keys: &Keys, entry: &KeyValue, is_there: bool, now: Instant) {
        let Some(key) = keys.parse(&entry.key) else {
            return;
        };
        let entry = is_there.then_some(entry);
        let mut content = self.lock();
        match key {
            Key::Monitor(_) | Key::Alive(_) => {
                content.learn(key, entry);
                content.tell_fleet();
            }
            Key::Settings(group) => {
                let kept = entry.map(|entry| Kept::parse(&entry.value));
                content.settings.put(&group, kept.unwrap_or_default());
            }
            Key::Record(ref group) | Key::Leader(ref group) | Key::Opinion(ref group, _) => {
                let told = content.groups.entry(group.clone()).or_default();
                tell(told, |known| known.learn(key, entry, Some(now)));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn learn(&mut self, key: Key, entry: Option<&KeyValue>) {
        match (key, entry) {
            (Key::Monitor(id), Some(entry)) => {
                // Whoever cannot be understood is no member.
                match serde_json::from_slice(&entry.value) {
                    Ok(registration) => {
                        let known = (registration, entry.mod_revision);
                        self.monitors.insert(id, known);
                    }
                    Err(error) => {
                        tracing::warn!("the registration of monitor {id} cannot be read: {error}");
                        self.monitors.remove(&id);
                    }
                }
            }
            (Key::Monitor(id), None) => drop(self.monitors.remove(&id)),
            (Key::Alive(id), Some(_)) => drop(self.alive.insert(id)),
            (Key::Alive(id), None) => drop(self.alive.remove(&id)),
            (Key::Record(_) | Key::Settings(_) | Key::Leader(_) | Key::Opinion(..), _) => {}
        }
    }

    fn tell_fleet(&self) {
        let members = self.monitors.iter().map(|(id, (registration, _))| {
            let member = Member {
                is_alive: self.alive.contains(id),
                sentinel: registration.sentinel,
            };
            (id.clone(), member)
        });
        let fleet = Fleet(members.collect());
        tell(&self.fleet, |known| *known = fleet);
    }
}

impl GroupState {
    fn learn(&mut self, key: Key, entry: Option<&KeyValue>, heard_at: Option<Instant>) {
        match key {
            Key::Record(_) => {
                self.revision = revision(entry.map_or(0, |entry| entry.mod_revision));
            }
            Key::Leader(_) => {
                self.leader = entry.and_then(leader);
            }
            Key::Opinion(_, id) => match entry.and_then(|entry| text(&entry.value)) {
                Some(text) => drop(self.opinions.insert(id, Said { text, heard_at })),
                None => drop(self.opinions.remove(&id)),
            },
            Key::Settings(_) | Key::Monitor(_) | Key::Alive(_) => {}
        }
    }
}

/// Whoever writes the key writes its name into it.
fn leader(entry: &KeyValue) -> Option<Leader> {
    Some(Leader {
        id: str::from_utf8(&entry.value).ok()?.parse().ok()?,
        term: entry.create_revision,
        lease: LeaseId(entry.lease),
    })
}

/// What a monitor may say of a group.
fn text(value: &[u8]) -> Option<String> {
    if value.len() > MAX_OPINION_BYTES {
        return None;
    }
    String::from_utf8(value.to_vec()).ok()
}

/// Changes what is told, and wakes those who listen only if it is something else than before.
pub(super) fn tell<T: Clone + PartialEq>(told: &watch::Sender<T>, change: impl FnOnce(&mut T)) {
    told.send_if_modified(|known| {
        let before = known.clone();
        change(known);
        *known != before
    });
}
