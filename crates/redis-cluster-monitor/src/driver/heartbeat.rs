//! Notices when this process itself was not scheduled: stopped, swapped out, or its machine frozen.
//!
//! What could not be heard meanwhile is no evidence against anybody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcm_core::policy::Policy;
use rcm_core::time::Instant;
use tokio::task::JoinHandle;

use crate::clock::Clock;

/// A pulse that all groups can feel.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    pulse: Arc<Mutex<Pulse>>,
    _task: Arc<Stop>,
}

#[derive(Debug)]
struct Pulse {
    last: Instant,
    gaps: u64,
    last_gap: Duration,
}

#[derive(Debug)]
struct Stop(JoinHandle<()>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How often the pulse beats.
const EVERY: Duration = Duration::from_millis(50);

impl Heartbeat {
    /// Starts to beat.
    pub fn start(clock: Clock) -> Self {
        let pulse = Pulse {
            last: clock.now(),
            gaps: 0,
            last_gap: Duration::ZERO,
        };
        let pulse = Arc::new(Mutex::new(pulse));
        let beating = Arc::clone(&pulse);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep_until(clock.until(Clock::next_multiple(clock.now(), EVERY)))
                    .await;
                beat(&beating, clock.now());
            }
        });
        Self {
            pulse,
            _task: Arc::new(Stop(task)),
        }
    }

    /// How late the process was since the caller asked last, if it was. `seen` belongs to the
    /// caller and starts at zero.
    pub(super) fn lateness(&self, now: Instant, seen: &mut u64) -> Option<Duration> {
        beat(&self.pulse, now);
        let pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        if pulse.gaps == *seen {
            return None;
        }
        *seen = pulse.gaps;
        Some(pulse.last_gap)
    }
}

fn beat(pulse: &Mutex<Pulse>, now: Instant) {
    let mut pulse = pulse.lock().unwrap_or_else(PoisonError::into_inner);
    let gap = now.since(pulse.last);
    pulse.last = now;
    if gap >= EVERY + Policy::LATE_AFTER {
        pulse.gaps += 1;
        pulse.last_gap = gap;
    }
}
