//! What a store tells of those who share it: who leads a group, who else is there, what they see.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rcm_core::id::{MonitorId, Revision};
use rcm_core::time::Instant;
use tokio::sync::watch;

/// Whether this monitor may act for a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leadership {
    /// Another may be acting.
    #[default]
    None,
    /// Nobody else can use the store.
    Alone,
    /// This one may, until then, unless it is told a later time before. By this monitor's own
    /// clock, which whoever acts has to look at first.
    Until(Instant),
}

/// What other monitors see of a group, this one included, in their words.
pub type Opinions = BTreeMap<MonitorId, String>;

/// The part that this monitor takes in a group. When it is dropped, the group is left to others.
#[derive(Debug)]
pub struct Membership {
    /// Who may act; told again with every renewal.
    pub leadership: watch::Receiver<Leadership>,
    /// The revision of the record, whoever wrote it; zero if there is none.
    pub stored: watch::Receiver<Revision>,
    /// What the monitors that are alive see of the group.
    pub opinions: watch::Receiver<Opinions>,
    pub(super) resign: watch::Sender<()>,
}

impl Membership {
    /// In a store that nobody else can use.
    pub(super) fn alone() -> Self {
        Self {
            leadership: watch::channel(Leadership::Alone).1,
            stored: watch::channel(Revision(0)).1,
            opinions: watch::channel(Opinions::new()).1,
            resign: watch::Sender::new(()),
        }
    }

    /// Leaves the lead to others for some seconds, if there are any.
    pub fn resign(&self) {
        self.resign.send_replace(());
    }
}

/// The monitors that belong to the deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet(pub BTreeMap<MonitorId, Member>);

/// One monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Whether its process runs and reaches the store.
    pub is_alive: bool,
    /// Where its Sentinel API can be reached, if it has told.
    pub sentinel: Option<SocketAddr>,
}

impl Fleet {
    /// One monitor that shares its store with nobody.
    pub(super) fn alone(id: &MonitorId) -> Self {
        let member = Member {
            is_alive: true,
            sentinel: None,
        };
        Self(BTreeMap::from([(id.clone(), member)]))
    }
}
