//! What is kept for each group, and who is told when that changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcm_core::id::GroupName;
use tokio::sync::watch;

use super::Kept;

type Groups = BTreeMap<GroupName, watch::Sender<Kept>>;

/// A copy is the same shelf.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Shelf(Arc<Mutex<Groups>>);

impl Shelf {
    /// The settings of a group, now and from now on.
    pub(in crate::store) fn follow(&self, group: &GroupName) -> watch::Receiver<Kept> {
        self.lock().entry(group.clone()).or_default().subscribe()
    }

    pub(in crate::store) fn get(&self, group: &GroupName) -> Kept {
        let groups = self.lock();
        let kept = groups.get(group).map(|kept| kept.borrow().clone());
        kept.unwrap_or_default()
    }

    /// Puts something else there. Who listens is woken only if it is something else.
    pub(in crate::store) fn put(&self, group: &GroupName, kept: Kept) {
        let mut groups = self.lock();
        tell(groups.entry(group.clone()).or_default(), kept);
    }

    /// Everything was read anew: what is not in `all` is not there.
    pub(in crate::store) fn replace(&self, mut all: BTreeMap<GroupName, Kept>) {
        let mut groups = self.lock();
        for (group, told) in groups.iter() {
            tell(told, all.remove(group).unwrap_or_default());
        }
        for (group, kept) in all {
            groups.insert(group, watch::Sender::new(kept));
        }
    }

    /// Everything that is there.
    pub(in crate::store) fn all(&self) -> Vec<(GroupName, Kept)> {
        let groups = self.lock();
        let all = groups.iter();
        all.map(|(group, kept)| (group.clone(), kept.borrow().clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(told: &watch::Sender<Kept>, kept: Kept) {
    told.send_if_modified(|known| {
        let differs = *known != kept;
        *known = kept;
        differs
    });
}
