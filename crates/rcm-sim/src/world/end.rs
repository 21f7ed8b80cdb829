//! When a run is over: the group has come back and stays so, or its time is up.

use super::{BOUND, Event, World};
use crate::invariants::i13_liveness;
use crate::trace::{MS, Time};

/// It has to stay so for this long.
const STEADY: Time = 2_500 * MS;

impl World {
    pub(super) fn on_check(&mut self) {
        match self.settled() {
            Ok(()) => {
                let since = *self.settled_since.get_or_insert(self.now);
                if self.now >= since + STEADY {
                    self.finished = true;
                    self.finish();
                    return;
                }
            }
            Err(broken) => {
                self.settled_since = None;
                if self.now >= self.heal_at + BOUND {
                    if i13_liveness::is_left_to_the_operator(self) {
                        self.coverage.count("left to the operator");
                        self.finished = true;
                        return;
                    }
                    return self.demand(Err(broken));
                }
            }
        }
        self.schedule(self.now + 500 * MS, Event::Check);
    }
}
