//! Whoever leads stops, or is cut off, in the middle of a plan.

use super::at_step::STEPS;
use super::draw::{fault, lost_primary, ways};
use super::{Fault, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

pub(super) fn deposed(rng: &mut Rng, size: Size, first: Time, faults: &mut Vec<Fault>) {
    faults.push(Fault {
        when: When::At(first),
        ..lost_primary(rng)
    });
    if rng.percent(15) {
        return orphaned(rng, faults);
    }
    let step = rng.pick(&STEPS);
    let nth = rng.pick(&[1, 1, 1, 2, 3]);
    let mut at_step = |rng: &mut Rng, what| {
        let after = rng.pick(&[0, 0, 200, 400, MS, 3 * MS]);
        faults.push(Fault {
            when: When::After(step, nth, after),
            whom: Whom::Subject,
            what,
        });
    };
    let time = rng.range(S, 7 * S);
    let (to, from) = ways(rng);
    let what = match rng.range(0, 9) {
        0..6 => What::MonitorPaused {
            whose: Whose::Leader,
            time,
        },
        6 | 7 => What::CutFromStore {
            whose: Whose::Leader,
            time,
            to,
            from,
        },
        _ => What::MonitorKilled {
            whose: Whose::Leader,
            back_after: rng.pick(&[MS, 100 * MS, 4 * S]),
        },
    };
    at_step(rng, what);
    // What the leader has sent arrives late; the next one does not reach the node.
    for whose in [Whose::Leader, Whose::Others] {
        if rng.percent(40) {
            let time = rng.range(S, 9 * S);
            let what = What::CutFromMonitor {
                whose,
                time,
                to,
                from,
            };
            at_step(rng, what);
        }
    }
    if rng.percent(30) {
        let when = When::At(first + rng.range(0, 5 * S));
        faults.push(Fault {
            when,
            ..fault(rng, size, 30)
        });
    }
}

/// A node is promoted, and the next leader, who does not reach it, chooses another one.
fn orphaned(rng: &mut Rng, faults: &mut Vec<Fault>) {
    let promoted = |after, what| Fault {
        when: When::After(Step::Promote, 1, after),
        whom: Whom::Subject,
        what,
    };
    let cut = What::CutFromMonitor {
        whose: Whose::Others,
        time: 9 * S,
        to: true,
        from: true,
    };
    let pause = What::MonitorPaused {
        whose: Whose::Leader,
        time: rng.range(3 * S, 7 * S),
    };
    faults.push(promoted(0, cut));
    faults.push(promoted(rng.pick(&[0, 100, 400, MS]), pause));
}
