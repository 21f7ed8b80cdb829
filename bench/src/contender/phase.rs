//! What a contender says of a failover while it does it, in words that all of them share.
//!
//! Their logs have milliseconds, and nothing better is asked of them.

use std::time::{SystemTime, UNIX_EPOCH};

/// It decided that the primary is lost; where several must agree, they did.
pub(crate) const DOWN: &str = "down";

const MINUTE_MS: i64 = 60_000;

/// Clocks of different zones differ by multiples of this, and no failover takes as long.
const ZONE_STEP_MS: i64 = 15 * MINUTE_MS;

/// A moment of a failover.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) after_ms: f64,
}

/// The first moment of each kind, in the order of time. `told` are kinds with what the log's clock
/// showed, `HH:MM:SS.mmm`, in whatever zone.
pub(super) fn since(
    fault: SystemTime,
    told: impl Iterator<Item = (&'static str, String)>,
) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for (name, clock) in told {
        let Some(after_ms) = after(fault, &clock) else {
            continue;
        };
        match phases.iter_mut().find(|phase| phase.name == name) {
            Some(known) => known.after_ms = known.after_ms.min(after_ms),
            None => phases.push(Phase { name, after_ms }),
        }
    }
    phases.sort_by(|a, b| a.after_ms.total_cmp(&b.after_ms));
    phases
}

/// Milliseconds since the fault; nothing for what was before it.
fn after(fault: SystemTime, clock: &str) -> Option<f64> {
    let fault = fault.duration_since(UNIX_EPOCH).ok()?.as_micros();
    let fault_us = i64::try_from(fault).ok()?.rem_euclid(ZONE_STEP_MS * 1000);
    let mut parts = clock.split([':', '.']).map(str::parse::<i64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds, milliseconds) = (next()?, next()?, next()?, next()?);
    let told_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
    // A log that cuts off what is below a millisecond may show the moment before the fault.
    let after_us = (told_ms * 1000 + 999 - fault_us).rem_euclid(ZONE_STEP_MS * 1000);
    let is_before = after_us > (ZONE_STEP_MS - 2 * MINUTE_MS) * 1000;
    let after_us = i32::try_from((after_us - 999).max(0)).ok()?;
    (!is_before).then(|| f64::from(after_us) / 1000.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_zone_of_a_log_does_not_matter() {
        // 10:00:00.5 in UTC.
        let fault = UNIX_EPOCH + Duration::from_millis(10 * 3_600_000 + 500);
        for (clock, expected) in [
            ("10:00:00.512", Some(12.0)),
            ("15:30:01.500", Some(1000.0)),
            ("04:15:00.500", Some(0.0)),
            ("10:00:00.499", None),
            ("09:59:58.000", None),
            ("later", None),
        ] {
            assert_eq!(after(fault, clock), expected, "{clock}");
        }
    }

    #[test]
    fn the_first_of_each_kind_counts() {
        let told = [
            ("promoted", "0:0:0.030"),
            (DOWN, "0:0:0.020"),
            (DOWN, "0:0:0.010"),
        ];
        let told = told.map(|(name, clock)| (name, clock.to_owned()));
        let phases = since(UNIX_EPOCH, told.into_iter());
        let phase = |name, after_ms| Phase { name, after_ms };
        assert_eq!(phases, [phase(DOWN, 10.0), phase("promoted", 30.0)]);
    }
}
