//! What a store tells of those who share it: who leads a group, who else is there, what they see.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rcm_core::id::{MonitorId, Revision};
use rcm_core::time::Instant;
use tokio::sync::watch;

use super::settings::Kept;

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
pub type Opinions = BTreeMap<MonitorId, Said>;

/// Something that a monitor said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its words.
    pub text: String,
    /// When they were heard as they were said; `None` if they were found, and may be of any age.
    pub heard_at: Option<Instant>,
}

/// The part that this monitor takes in a group. When it is dropped, the group is left to others.
#[derive(Debug)]
pub struct Membership {
    /// Who may act; told again with every renewal.
    pub leadership: watch::Receiver<Leadership>,
    /// Who leads the group, this monitor or another one, if anybody does and that is known.
    pub leader: watch::Receiver<Option<MonitorId>>,
    /// The revision of the record, whoever wrote it; zero if there is none.
    pub stored: watch::Receiver<Revision>,
    /// What the monitors that are alive see of the group.
    pub opinions: watch::Receiver<Opinions>,
    /// The settings that all monitors share.
    pub settings: watch::Receiver<Kept>,
    pub(super) resigned_until: watch::Sender<Instant>,
}

impl Membership {
    /// In a store that nobody else can use.
    pub(super) fn alone(id: &MonitorId, settings: watch::Receiver<Kept>) -> Self {
        Self {
            leadership: watch::channel(Leadership::Alone).1,
            leader: watch::channel(Some(id.clone())).1,
            stored: watch::channel(Revision(0)).1,
            opinions: watch::channel(Opinions::new()).1,
            settings,
            resigned_until: watch::Sender::new(Instant::ZERO),
        }
    }

    /// Leaves the lead to others until then, if there are any.
    pub fn resign(&self, until: Instant) {
        self.resigned_until.send_replace(until);
    }

    /// Whether this monitor may act at `now`, of which a farewell need not have heard yet.
    pub fn leadership_at(&self, now: Instant) -> Leadership {
        let leadership = *self.leadership.borrow();
        let is_over = |until| now >= until || now < *self.resigned_until.borrow();
        match leadership {
            Leadership::Until(until) if is_over(until) => Leadership::None,
            Leadership::Until(_) | Leadership::Alone | Leadership::None => leadership,
        }
    }
}

/// The monitors that belong to the deployment; none at all until the store was read.
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
    pub fn alone(id: &MonitorId) -> Self {
        let member = Member {
            is_alive: true,
            sentinel: None,
        };
        Self(BTreeMap::from([(id.clone(), member)]))
    }
}
