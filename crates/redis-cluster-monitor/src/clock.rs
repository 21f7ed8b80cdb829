//! The monotonic clock of the process.
//!
//! Decided here: where time comes from. The core only ever sees [`Instant`]s, which count from the
//! start of the process; nothing else in the program that watches or acts asks the system for one.

use std::time::Duration;

use rcm_core::time::Instant;

/// The clock of this process. All copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

/// What is further away than this is never waited for; it keeps timers from overflowing.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 3600);

impl Clock {
    /// A clock that begins now. One per process, so that its instants can be compared.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that all others ask"
    )]
    pub fn start() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }

    /// The time that it is.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that all others ask"
    )]
    pub fn now(self) -> Instant {
        self.at(std::time::Instant::now())
    }

    /// A point on the system's clock as a point on this one.
    pub fn at(self, instant: std::time::Instant) -> Instant {
        Instant::after_start(instant.saturating_duration_since(self.start))
    }

    /// A point on this clock as the timers want it.
    pub fn until(self, instant: Instant) -> tokio::time::Instant {
        let since_start = instant.since_start();
        let start = tokio::time::Instant::from_std(self.start);
        start
            .checked_add(since_start)
            .unwrap_or_else(|| self.until(self.now() + FAR_AWAY))
    }

    /// The first multiple of `interval` after `now`. Everybody who asks for it wakes at the same
    /// time, and wake-ups do not grow with the number of those who wait.
    pub fn next_multiple(now: Instant, interval: Duration) -> Instant {
        let nanos = interval.as_nanos().max(1);
        let since = now.since_start();
        let into = since.as_nanos() % nanos;
        let missing = u64::try_from(nanos - into).unwrap_or(u64::MAX);
        now + Duration::from_nanos(missing)
    }
}

/// The time of day, for people who read logs; never for a decision.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that all others ask"
)]
pub fn time_of_day() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_fall_on_multiples_of_their_interval() {
        let interval = Duration::from_millis(125);
        for (now, next) in [(0, 125), (1, 125), (124, 125), (125, 250), (999, 1_000)] {
            let next_multiple = Clock::next_multiple(Instant::from_millis(now), interval);
            assert_eq!(next_multiple, Instant::from_millis(next));
        }
    }

    #[test]
    fn there_and_back_is_the_same_instant() {
        let clock = Clock::start();
        let instant = clock.now() + Duration::from_millis(5);
        assert_eq!(clock.at(clock.until(instant).into_std()), instant);
    }

    #[test]
    fn an_instant_beyond_all_timers_is_only_far_away() {
        let clock = Clock::start();
        let never = Instant::after_start(Duration::MAX);
        assert!(clock.at(clock.until(never).into_std()) >= clock.now());
    }
}
