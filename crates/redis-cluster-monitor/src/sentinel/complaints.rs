//! Lines about clients in the log: at most a few in a second.
//!
//! Whoever may connect could otherwise fill the log, and the log is written by those who watch too.

use std::sync::atomic::{AtomicU64, Ordering};

use rcm_core::time::Instant;

/// Counts the lines of the current second. It is used from one thread only, so it may count
/// loosely.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    second: AtomicU64,
    told: AtomicU64,
    untold: AtomicU64,
}

const PER_SECOND: u64 = 5;

impl Complaints {
    /// Whether a line may be written at `now`, and how many were not since the last one.
    pub(super) fn may_tell(&self, now: Instant) -> Option<u64> {
        let second = now.since_start().as_secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.told.store(0, Ordering::Relaxed);
        }
        if self.told.fetch_add(1, Ordering::Relaxed) < PER_SECOND {
            return Some(self.untold.swap(0, Ordering::Relaxed));
        }
        self.untold.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_few_lines_and_the_next_one_tells_how_many_are_missing() {
        let complaints = Complaints::default();
        let at = Instant::from_millis;
        let told = (0..20).filter_map(|n| complaints.may_tell(at(1_000 + n)));
        assert_eq!(told.collect::<Vec<_>>(), [0; 5]);
        assert_eq!(complaints.may_tell(at(2_000)), Some(15));
        assert_eq!(complaints.may_tell(at(2_001)), Some(0));
    }
}
