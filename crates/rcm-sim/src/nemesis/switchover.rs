//! Somebody asks for a switchover, and something happens in the middle of it.

use super::at_step::STEPS;
use super::draw::{fault, planned, ways};
use super::{Fault, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

pub(super) fn switchover(rng: &mut Rng, size: Size, first: Time, faults: &mut Vec<Fault>) {
    faults.push(Fault {
        when: When::At(first),
        whom: Whom::Primary,
        what: planned(rng, size),
    });
    for _ in 0..rng.range(0, 2) {
        let after = rng.pick(&[0, 0, 200, MS, 3 * MS, 50 * MS, S]);
        let when = When::After(rng.pick(&STEPS), 1, after);
        faults.push(Fault {
            when,
            ..fault(rng, size, 50)
        });
    }
    if rng.percent(15) {
        // The seal arrives when the pause is over, or its answer never does.
        let when = When::After(Step::Seal, 1, 0);
        let (to, from) = ways(rng);
        let what = What::CutFromMonitor {
            whose: Whose::Leader,
            time: rng.range(300 * MS, 3 * S),
            to,
            from,
        };
        faults.push(Fault {
            when,
            whom: Whom::Subject,
            what,
        });
    }
    if size.monitors > 1 && rng.percent(40) {
        faults.push(taken_over(rng));
    }
    if rng.percent(15) {
        // The pause ends by itself while the monitor is not scheduled.
        let when = When::After(rng.pick(&[Step::Pause, Step::Inspect]), 1, 0);
        let time = rng.range(S, 3 * S);
        faults.push(Fault {
            when,
            whom: Whom::Primary,
            what: What::MonitorPaused {
                whose: Whose::Leader,
                time,
            },
        });
    }
    if rng.percent(50) {
        let when = When::At(first + rng.range(0, 4 * S));
        let what = planned(rng, size);
        faults.push(Fault {
            when,
            whom: Whom::Primary,
            what,
        });
    }
}

/// Another monitor takes over in the middle of it.
fn taken_over(rng: &mut Rng) -> Fault {
    let step = rng.pick(&[Step::Pause, Step::Inspect, Step::Fence, Step::Seal]);
    let when = When::After(step, rng.pick(&[1, 1, 2]), 0);
    let time = rng.range(3 * S, 9 * S);
    let what = if rng.percent(50) {
        What::MonitorPaused {
            whose: Whose::Leader,
            time,
        }
    } else {
        let (to, from) = ways(rng);
        What::CutFromStore {
            whose: Whose::Leader,
            time,
            to,
            from,
        }
    };
    Fault {
        when,
        whom: Whom::Primary,
        what,
    }
}
