//! Points in time, as the monitor's own monotonic clock counts them.
//!
//! Wall-clock time does not exist in the core: a clock that can be set is no evidence.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point on the monitor's monotonic clock, counted from the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The start of the process.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The instant that lies `since_start` after the start of the process.
    pub const fn after_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// The instant that lies `millis` milliseconds after the start of the process.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// How long after the start of the process this instant lies.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The time that passed since `earlier`; zero when `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

/// Renders a duration the way a person reads it in a log line: `0.4ms`, `12ms`, `1.03s`, `4m10s`.
#[derive(Clone, Copy, Debug)]
pub struct Human(pub Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0 => f.write_str("0ms"),
            1..10_000 => write!(f, "{}.{}ms", micros / 1_000, micros % 1_000 / 100),
            10_000..1_000_000 => write!(f, "{}ms", micros / 1_000),
            1_000_000..60_000_000 => {
                write!(
                    f,
                    "{}.{:02}s",
                    micros / 1_000_000,
                    micros % 1_000_000 / 10_000
                )
            }
            _ => write!(f, "{}m{:02}s", micros / 60_000_000, micros / 1_000_000 % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_earlier_instant_that_is_later_is_zero_away() {
        assert_eq!(
            Instant::from_millis(1).since(Instant::from_millis(5)),
            Duration::ZERO
        );
        assert_eq!(
            Instant::from_millis(5)
                .since(Instant::from_millis(1))
                .as_millis(),
            4
        );
    }

    #[test]
    fn durations_read_like_a_person_writes_them() {
        for (micros, text) in [
            (0, "0ms"),
            (412, "0.4ms"),
            (12_345, "12ms"),
            (1_034_000, "1.03s"),
            (250_000_000, "4m10s"),
        ] {
            assert_eq!(Human(Duration::from_micros(micros)).to_string(), text);
        }
    }
}
