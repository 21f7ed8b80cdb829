//! Which settings are in force for a group: those that are stored, or else this monitor's own.

use std::sync::Arc;

use rcm_core::engine::Input;
use rcm_core::id::{GroupName, Version};
use rcm_core::policy::Policy;
use rcm_core::settings::Settings;
use tokio::sync::watch;

use crate::store::settings::{Kept, read};

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The version that is stored; zero if these are this monitor's own.
    pub version: Version,
    /// All of it.
    pub settings: Settings,
}

/// Follows what is stored.
#[derive(Debug)]
pub(super) struct Agreed {
    group: GroupName,
    own: Settings,
    kept: watch::Receiver<Kept>,
    in_force: watch::Sender<Arc<InForce>>,
    policy: watch::Sender<Policy>,
}

impl Agreed {
    pub(super) fn new(group: GroupName, own: Settings, kept: watch::Receiver<Kept>) -> Self {
        let in_force = Arc::new(InForce {
            version: Version(0),
            settings: own.clone(),
        });
        let mut agreed = Self {
            group,
            policy: watch::Sender::new(own.policy.clone()),
            own,
            kept,
            in_force: watch::Sender::new(in_force),
        };
        if agreed.look().is_some() {
            agreed.warn_of_own();
        }
        agreed
    }

    /// What is in force, now and from now on.
    pub(super) fn in_force(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.subscribe()
    }

    /// Its policy, now and from now on.
    pub(super) fn policy(&self) -> watch::Receiver<Policy> {
        self.policy.subscribe()
    }

    /// Something else is stored. Pending for ever once nobody can store anything.
    pub(super) async fn changed(&mut self) {
        if self.kept.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What the engine has to be told, if something else is in force than before.
    pub(super) fn look(&mut self) -> Option<Input> {
        let kept = self.kept.borrow_and_update().clone();
        let next = match self.meaning_of(&kept) {
            Ok(next) => next,
            Err(why) => {
                let group = self.group.as_str();
                tracing::error!(group, "the stored settings are not used: {why}");
                return None;
            }
        };
        if next == **self.in_force.borrow() {
            return None;
        }
        let (version, settings) = (next.version, Box::new(next.settings.clone()));
        self.policy.send_replace(next.settings.policy.clone());
        self.in_force.send_replace(Arc::new(next));
        Some(Input::Settings { version, settings })
    }

    fn meaning_of(&self, kept: &Kept) -> Result<InForce, String> {
        match kept {
            Kept::Nothing => Ok(InForce {
                version: Version(0),
                settings: self.own.clone(),
            }),
            Kept::Document(document) => {
                let settings = read(&document.settings, &self.own.policy);
                Ok(InForce {
                    version: document.version,
                    settings: settings.map_err(|mistakes| mistakes.join("; "))?,
                })
            }
            Kept::Unusable(why) => Err(why.clone()),
        }
    }

    /// At the start: what this monitor was told does not count.
    fn warn_of_own(&self) {
        let in_force = self.in_force.borrow();
        let changes = in_force.settings.changes_since(&self.own);
        if changes.is_empty() {
            return;
        }
        let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
        tracing::warn!(
            group = self.group.as_str(),
            "the stored settings, version {}, rule over this monitor's own: {}; change them with \
             `redis-cluster-monitor edit`, or its own to the same",
            in_force.version,
            changes.join(", ")
        );
    }
}
