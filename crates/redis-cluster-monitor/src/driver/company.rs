//! The monitors of a group, for those who serve clients.

use std::net::SocketAddr;

use rcm_core::id::MonitorId;
use rcm_core::request::Refusal;
use tokio::sync::watch;

use crate::store::Fleet;

/// This monitor, the others, and which of them acts.
#[derive(Clone, Debug)]
pub struct Company {
    /// This monitor.
    pub me: MonitorId,
    pub(super) fleet: watch::Receiver<Fleet>,
    pub(super) leader: watch::Receiver<Option<MonitorId>>,
}

impl Company {
    /// One monitor that shares its group with nobody.
    pub fn alone(me: MonitorId) -> Self {
        Self {
            fleet: watch::channel(Fleet::alone(&me)).1,
            leader: watch::channel(Some(me.clone())).1,
            me,
        }
    }

    /// Which of them acts, if any does.
    pub fn leader(&self) -> Option<MonitorId> {
        self.leader.borrow().clone()
    }

    /// Where the Sentinel API of one of them can be reached, if it has told.
    pub fn sentinel_of(&self, monitor: &MonitorId) -> Option<SocketAddr> {
        self.fleet.borrow().0.get(monitor)?.sentinel
    }

    /// A refusal as a sentence. Where another monitor has to be asked it says which.
    pub fn explain(&self, refusal: &Refusal) -> String {
        if *refusal != Refusal::NoLease {
            return refusal.to_string();
        }
        let Some(leader) = self.leader().filter(|leader| *leader != self.me) else {
            return "no monitor may act for this group at the moment; ask again in a few seconds"
                .to_owned();
        };
        match self.sentinel_of(&leader) {
            Some(address) => format!("{refusal}: monitor {leader}, Sentinel API at {address}"),
            None => format!("{refusal}: monitor {leader}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::Member;

    fn explained(leader: Option<&str>, sentinel: Option<&str>) -> String {
        let member = Member {
            is_alive: true,
            sentinel: sentinel.map(|address| address.parse().unwrap()),
        };
        let other: MonitorId = "m2".parse().unwrap();
        let company = Company {
            fleet: watch::channel(Fleet(BTreeMap::from([(other, member)]))).1,
            leader: watch::channel(leader.map(|id| id.parse().unwrap())).1,
            ..Company::alone("m1".parse().unwrap())
        };
        company.explain(&Refusal::NoLease)
    }

    #[test]
    fn who_is_refused_learns_whom_to_ask() {
        assert_eq!(
            explained(Some("m2"), Some("10.0.0.2:26379")),
            "another monitor acts for this group; ask that one: monitor m2, Sentinel API at \
             10.0.0.2:26379"
        );
        assert!(explained(Some("m2"), None).ends_with("ask that one: monitor m2"));
        for nobody in [None, Some("m1")] {
            assert!(explained(nobody, None).ends_with("ask again in a few seconds"));
        }
        let company = Company::alone("m1".parse().unwrap());
        let refusal = Refusal::InProgress;
        assert_eq!(company.explain(&refusal), refusal.to_string());
    }
}
