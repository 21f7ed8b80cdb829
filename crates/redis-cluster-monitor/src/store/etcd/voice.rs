//! Says what this monitor sees of its groups, under its lease: at once or not at all, because whoever
//! hears it takes it for new. Of several opinions about one group the latest is said.

use std::collections::BTreeMap;
use std::time::Duration;

use rcm_core::id::{GroupName, MonitorId};
use rcm_core::time::Instant;
use tokio::sync::watch;
use tokio::time::timeout;

use super::calls::put;
use super::keys::{Key, Keys};
use super::session::Session;
use super::transport::Client;
use crate::clock::Clock;

/// How many are said at once; etcd takes 128.
const AT_ONCE: usize = 64;
/// What could not be said within this time is not said any more. Whoever has more to say says it
/// again after a second.
const SAY_WITHIN: Duration = Duration::from_millis(500);

/// What is to be said.
pub(super) type Wanted = BTreeMap<GroupName, Words>;

/// What is to be said of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub text: String,
    /// Since when.
    pub at: Instant,
}

/// Who says it.
pub(super) struct Voice {
    pub client: Client,
    pub keys: Keys,
    pub id: MonitorId,
    pub clock: Clock,
    pub session: watch::Receiver<Option<Session>>,
    pub wanted: watch::Receiver<Wanted>,
}

impl Voice {
    /// Runs until nobody can speak any more.
    pub(super) async fn run(mut self) {
        let mut said = Wanted::new();
        while self.wanted.changed().await.is_ok() {
            loop {
                let unsaid = unsaid(&self.wanted.borrow_and_update(), &said);
                if unsaid.is_empty() {
                    break;
                }
                self.say(&unsaid).await;
                said.extend(unsaid);
            }
        }
    }

    async fn say(&self, unsaid: &[(GroupName, Words)]) {
        let Some(Session { lease, .. }) = *self.session.borrow() else {
            return;
        };
        let now = self.clock.now();
        let timely = unsaid
            .iter()
            .filter(|(_, words)| now.since(words.at) < SAY_WITHIN);
        let say: Vec<_> = timely
            .map(|(group, words)| {
                let key = Key::Opinion(group.clone(), self.id.clone());
                put(&self.keys.of(&key), words.text.as_str(), Some(lease))
            })
            .collect();
        if say.is_empty() {
            return;
        }
        let saying = self.client.transact(Vec::new(), say, Vec::new());
        match timeout(SAY_WITHIN, saying).await {
            Ok(Ok(_)) => {}
            Ok(Err(fault)) => tracing::debug!("what this monitor sees is not said: {fault}"),
            Err(_) => tracing::debug!("what this monitor sees is not said: etcd does not answer"),
        }
    }
}

fn unsaid(wanted: &Wanted, said: &Wanted) -> Vec<(GroupName, Words)> {
    let is_unsaid = |(group, words): &(&GroupName, &Words)| said.get(*group) != Some(*words);
    let unsaid = wanted.iter().filter(is_unsaid).take(AT_ONCE);
    unsaid
        .map(|(group, words)| (group.clone(), words.clone()))
        .collect()
}
