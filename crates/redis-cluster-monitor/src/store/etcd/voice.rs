//! Says what this monitor sees of its groups, under its lease. Of several opinions about one group
//! the latest is said; one that could not be said is said again.

use std::collections::BTreeMap;

use rcm_core::id::{GroupName, MonitorId};
use tokio::sync::watch;

use super::calls::{LeaseId, put};
use super::keys::{Key, Keys};
use super::session::Session;
use super::transport::Client;
use crate::store::jitter;

/// How many are said at once; etcd takes 128.
const AT_ONCE: usize = 64;
/// How long nothing is tried after a failure, a quarter more or less.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// What is to be said.
pub(super) type Wanted = BTreeMap<GroupName, String>;

/// Who says it.
pub(super) struct Voice {
    pub client: Client,
    pub keys: Keys,
    pub id: MonitorId,
    pub session: watch::Receiver<Option<Session>>,
    pub wanted: watch::Receiver<Wanted>,
}

impl Voice {
    /// Runs until nobody can speak any more.
    pub(super) async fn run(mut self) {
        let mut said: BTreeMap<GroupName, (LeaseId, String)> = BTreeMap::new();
        loop {
            let lease = self
                .session
                .borrow_and_update()
                .map(|session| session.lease);
            let unsaid = match lease {
                Some(lease) => unsaid(&self.wanted.borrow_and_update(), &said, lease),
                None => Vec::new(),
            };
            if let Some(lease) = lease
                && !unsaid.is_empty()
            {
                let say = unsaid.iter().map(|(group, text)| {
                    let key = Key::Opinion(group.clone(), self.id.clone());
                    put(&self.keys.of(&key), text.as_str(), Some(lease))
                });
                match self
                    .client
                    .transact(Vec::new(), say.collect(), Vec::new())
                    .await
                {
                    Ok(_) => {
                        let now = unsaid
                            .into_iter()
                            .map(|(group, text)| (group, (lease, text)));
                        said.extend(now);
                    }
                    Err(fault) => {
                        tracing::debug!("what this monitor sees is not said yet: {fault}");
                        tokio::time::sleep(jitter(PAUSE)).await;
                    }
                }
                continue;
            }
            tokio::select! {
                Ok(()) = self.session.changed() => {}
                changed = self.wanted.changed() => if changed.is_err() { return },
            }
        }
    }
}

fn unsaid(
    wanted: &Wanted,
    said: &BTreeMap<GroupName, (LeaseId, String)>,
    lease: LeaseId,
) -> Vec<(GroupName, String)> {
    let is_unsaid = |(group, text): &(&GroupName, &String)| {
        said.get(*group)
            .is_none_or(|(under, said)| *under != lease || said != *text)
    };
    let unsaid = wanted.iter().filter(is_unsaid).take(AT_ONCE);
    unsaid
        .map(|(group, text)| (group.clone(), text.clone()))
        .collect()
}
