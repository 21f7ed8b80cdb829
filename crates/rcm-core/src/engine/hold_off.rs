//! When a group may fail over again on evidence that decides nothing.

use crate::policy::Policy;
use crate::time::Instant;

/// Pauses between failovers on undecidable evidence, so that a group whose nodes hang in turn does
/// not flap. A provable crash never waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HoldOff {
    count: u32,
    last: Option<Instant>,
}

impl HoldOff {
    /// When the pause ends, if there is one.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let last = self.last?;
        if now.since(last) >= Policy::HOLD_OFF_FORGET {
            return None;
        }
        let doubled = Policy::HOLD_OFF * 2_u32.saturating_pow(self.count.saturating_sub(1).min(8));
        Some(last + doubled.min(Policy::HOLD_OFF_MAX)).filter(|&until| until > now)
    }

    /// A failover on undecidable evidence begins.
    pub(super) fn note(&mut self, now: Instant) {
        let fresh = self
            .last
            .is_none_or(|last| now.since(last) >= Policy::HOLD_OFF_FORGET);
        self.count = if fresh {
            1
        } else {
            self.count.saturating_add(1)
        };
        self.last = Some(now);
    }
}
