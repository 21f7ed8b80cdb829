//! Who is connected: what `CLIENT LIST` tells, and who has been silent for too long.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rcm_core::time::Instant;
use rcm_resp::Version;
use tokio::sync::Notify;

/// All connections of a door.
#[derive(Debug, Default)]
pub(super) struct Clients {
    next: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
}

/// One connection, as others may see it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    local: SocketAddr,
    since: Instant,
    facts: Mutex<Facts>,
    end: Notify,
}

/// What changes while a connection lives.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) library: String,
    pub(super) library_version: String,
    pub(super) version: Version,
    pub(super) user: Option<Arc<str>>,
    pub(super) channels: usize,
    pub(super) patterns: usize,
    pub(super) last_command: &'static str,
    pub(super) last_at: Instant,
}

impl Clients {
    /// Enters a connection; it leaves with [`Clients::leave`].
    pub(super) fn enter(&self, peer: SocketAddr, local: SocketAddr, now: Instant) -> Arc<Client> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            peer,
            local,
            since: now,
            facts: Mutex::new(Facts {
                name: String::new(),
                library: String::new(),
                library_version: String::new(),
                version: Version::Resp2,
                user: None,
                channels: 0,
                patterns: 0,
                last_command: "NULL",
                last_at: now,
            }),
            end: Notify::new(),
        });
        self.connected().insert(id, Arc::clone(&client));
        client
    }

    pub(super) fn leave(&self, client: &Client) {
        self.connected().remove(&client.id);
    }

    pub(super) fn count(&self) -> usize {
        self.connected().len()
    }

    /// Everybody, in the order in which they came.
    pub(super) fn all(&self) -> Vec<Arc<Client>> {
        self.connected().values().cloned().collect()
    }

    /// Ends those who have been silent for longer than they may.
    pub(super) fn end_idle(&self, now: Instant, idle_after: Duration, nameless_after: Duration) {
        for client in self.connected().values() {
            let facts = client.facts();
            let limit = match (&facts.user, facts.channels + facts.patterns) {
                (None, _) => nameless_after,
                // Who subscribed has nothing more to say.
                (Some(_), 0) => idle_after,
                (Some(_), _) => continue,
            };
            if !limit.is_zero() && now.since(facts.last_at) >= limit {
                client.end.notify_one();
            }
        }
    }

    fn connected(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody wants the connection to end.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }

    pub(super) fn end(&self) {
        self.end.notify_one();
    }

    /// `pubsub` or `normal`, as `CLIENT LIST TYPE` calls it.
    pub(super) fn kind(&self) -> &'static str {
        let facts = self.facts();
        if facts.channels + facts.patterns > 0 {
            "pubsub"
        } else {
            "normal"
        }
    }

    /// The line of `CLIENT LIST`.
    pub(super) fn describe(&self, now: Instant, line: &mut String) {
        let facts = self.facts();
        let flags = if facts.channels + facts.patterns > 0 {
            "P"
        } else {
            "N"
        };
        let resp = match facts.version {
            Version::Resp2 => 2,
            Version::Resp3 => 3,
        };
        // Text cannot fail to be written to.
        let written = writeln!(
            line,
            "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={flags} db=0 sub={} psub={} \
             ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 \
             oll=0 omem=0 tot-mem=0 events=r cmd={} user={} redir=-1 resp={resp} lib-name={} \
             lib-ver={}",
            self.id,
            self.peer,
            self.local,
            facts.name,
            now.since(self.since).as_secs(),
            now.since(facts.last_at).as_secs(),
            facts.channels,
            facts.patterns,
            facts.last_command,
            facts.user.as_deref().unwrap_or("(none)"),
            facts.library,
            facts.library_version,
        );
        debug_assert!(written.is_ok(), "text grows");
    }
}
