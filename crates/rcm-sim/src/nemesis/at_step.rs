//! Faults that happen just after a step of a failover.

use super::draw::{any, fault, lost_primary};
use super::{Fault, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::store::Trouble;
use crate::trace::{MS, S, Time};

pub(super) const STEPS: [Step; 10] = [
    Step::Claim,
    Step::Intend,
    Step::Commit,
    Step::Open,
    Step::Fence,
    Step::Inspect,
    Step::Pause,
    Step::Seal,
    Step::Promote,
    Step::Attach,
];

pub(super) fn at_step(rng: &mut Rng, size: Size, first: Time, faults: &mut Vec<Fault>) {
    if rng.percent(15) {
        return written_late(rng, first, faults);
    }
    faults.push(Fault {
        when: When::At(first),
        ..lost_primary(rng)
    });
    for _ in 0..rng.range(1, 2) {
        let nth = rng.pick(&[1, 1, 1, 2, 3]);
        let after = rng.pick(&[0, 0, 200, MS, 3 * MS, 50 * MS]);
        let when = When::After(rng.pick(&STEPS), nth, after);
        let whom = if rng.percent(60) {
            Whom::Subject
        } else {
            any(rng, size)
        };
        faults.push(Fault {
            when,
            whom,
            ..fault(rng, size, 20)
        });
    }
}

/// A write of a monitor that is gone is still on its way when the next one starts.
fn written_late(rng: &mut Rng, first: Time, faults: &mut Vec<Fault>) {
    let what = What::Store {
        trouble: Trouble::Slow(2 * S),
        time: rng.range(S, 9 * S),
    };
    faults.push(Fault {
        when: When::At(first),
        whom: Whom::Primary,
        what,
    });
    let when = When::At(first + MS);
    faults.push(Fault {
        when,
        ..lost_primary(rng)
    });
    let step = rng.pick(&[Step::Claim, Step::Intend, Step::Commit]);
    let when = When::After(step, 1, rng.range(0, S));
    let what = What::MonitorKilled {
        whose: Whose::Leader,
        back_after: MS,
    };
    faults.push(Fault {
        when,
        whom: Whom::Primary,
        what,
    });
}
