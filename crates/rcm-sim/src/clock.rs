//! A monitor's own clock: it began at another time than the world's and runs a little fast or slow.

use std::time::Duration;

use rcm_core::time::Instant;

use crate::seed::Rng;
use crate::trace::Time;

/// A clock of one monitor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// What it shows when the world begins, in microseconds.
    offset: Time,
    /// So many microseconds in a second it is too fast, or, below zero, too slow.
    drift: i64,
}

const MILLION: i128 = 1_000_000;

impl Clock {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let drift = rng.pick(&[0, 50, -50, 500, -500, 20_000, -20_000]);
        Self {
            offset: rng.range(0, 3_600_000_000),
            drift,
        }
    }

    /// What it shows at a time of the world.
    pub(crate) fn read(self, now: Time) -> Instant {
        let passed = i128::from(now) * (MILLION + i128::from(self.drift)) / MILLION;
        let passed = Time::try_from(passed).unwrap_or(Time::MAX);
        Instant::after_start(Duration::from_micros(self.offset.saturating_add(passed)))
    }

    /// The first time of the world at which it shows `instant`.
    pub(crate) fn when(self, instant: Instant) -> Time {
        let shown = Time::try_from(instant.since_start().as_micros()).unwrap_or(Time::MAX);
        // The core counts nanoseconds.
        let is_whole = instant.since_start().subsec_nanos().is_multiple_of(1_000);
        let shown = shown + u64::from(!is_whole);
        let passed = i128::from(shown.saturating_sub(self.offset));
        let per_million = MILLION + i128::from(self.drift);
        let at = (passed * MILLION + per_million - 1) / per_million;
        Time::try_from(at).unwrap_or(Time::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_was_read_is_found_again() {
        for drift in [0, 37, -37, 20_000, -20_000] {
            let clock = Clock { offset: 7, drift };
            for now in (0..3_000).chain(5_000_000_000..5_000_003_000) {
                let at = clock.when(clock.read(now));
                assert!(at <= now && clock.read(at) == clock.read(now));
            }
        }
    }

    #[test]
    fn a_deadline_has_come_when_it_is_due() {
        for drift in [0, 37, -37, 20_000, -20_000] {
            let clock = Clock { offset: 7, drift };
            for nanos in [0_u64, 1, 999, 1_000, 1_001, 987_654_321] {
                let due = Instant::after_start(Duration::from_nanos(7_000 + nanos));
                assert!(clock.read(clock.when(due)) >= due, "{drift} {nanos}");
            }
        }
    }
}
