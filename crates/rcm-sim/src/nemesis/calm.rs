//! Faults that stay below the detector's bounds.

use super::draw::{any, harmless};
use super::{Fault, Size, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

pub(super) fn calm(rng: &mut Rng, size: Size, first: Time, faults: &mut Vec<Fault>) {
    if rng.percent(30) {
        return unscheduled(rng, first + S, faults);
    }
    // One after the other: together they would be a longer delay.
    for place in 0..rng.range(0, 3) {
        let when = When::At(first + place * 7 * S + rng.range(0, S));
        faults.push(Fault {
            when,
            whom: any(rng, size),
            what: harmless(rng, size),
        });
    }
}

/// The monitor is not scheduled when the silence would have lasted long enough.
fn unscheduled(rng: &mut Rng, at: Time, faults: &mut Vec<Fault>) {
    let time = rng.range(300 * MS, 400 * MS);
    let what = What::CutFromMonitor {
        whose: Whose::Leader,
        time,
        to: true,
        from: true,
    };
    faults.push(Fault {
        when: When::At(at),
        whom: Whom::Primary,
        what,
    });
    let what = What::MonitorPaused {
        whose: Whose::Leader,
        time: rng.range(500 * MS, 3 * S),
    };
    let when = When::At(at + rng.range(time - 60 * MS, time));
    faults.push(Fault {
        when,
        whom: Whom::Primary,
        what,
    });
}
