//! Faults about who sees what: monitors that do not see the primary, or each other, or are gone when it
//! is lost.

use super::draw::{lost_primary, ways};
use super::{Fault, Plot, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

/// The plot and the faults of a group with several monitors.
pub(super) fn eyes(rng: &mut Rng, size: Size) -> (Plot, Vec<Fault>) {
    let first = 4 * S + rng.range(0, 2 * S);
    let faults = match rng.range(0, 9) {
        0..3 => return (Plot::OneEye, one_eye(rng, size, first)),
        4 | 5 if size.monitors > 2 => one_is_gone(rng, size, first),
        6 => one_is_left(rng, first),
        3 | 7 => said_long_ago(rng, size, first),
        _ => one_after_the_other(rng, first),
    };
    (Plot::Eyes, faults)
}

fn at(at: Time, whom: Whom, what: What) -> Fault {
    Fault {
        when: When::At(at),
        whom,
        what,
    }
}

fn lost(rng: &mut Rng, when: Time) -> Fault {
    Fault {
        when: When::At(when),
        ..lost_primary(rng)
    }
}

fn blind(whose: Whose, time: Time) -> What {
    What::CutFromMonitor {
        whose,
        time,
        to: true,
        from: true,
    }
}

/// One monitor sees less than the others, or nothing: nothing justifies a failover.
fn one_eye(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let whose = Whose::Monitor(rng.index(size.monitors));
    let mut when = first;
    let mut faults = Vec::new();
    for _ in 0..rng.range(1, 4) {
        let time = rng.pick(&[300 * MS, 2 * S, 9 * S]);
        let time = rng.range(time / 3, time);
        let (to, from) = ways(rng);
        let node = rng.index(size.nodes);
        let (whom, what) = match rng.range(0, 9) {
            0..4 => (Whom::Primary, blind(whose, time)),
            4 => (
                Whom::Primary,
                What::CutFromMonitor {
                    whose,
                    time,
                    to,
                    from,
                },
            ),
            5 => (Whom::Node(node), blind(whose, time)),
            6 => (
                Whom::Primary,
                What::CutFromStore {
                    whose,
                    time,
                    to,
                    from,
                },
            ),
            7 => (
                Whom::Primary,
                What::MonitorPaused {
                    whose,
                    time: time.min(4 * S),
                },
            ),
            _ => (
                Whom::Primary,
                What::MonitorKilled {
                    whose,
                    back_after: time,
                },
            ),
        };
        faults.push(at(when, whom, what));
        when += rng.range(0, 3 * S);
    }
    faults
}

/// One monitor is gone for good: the others go on without it.
fn one_is_gone(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let gone = if rng.percent(50) {
        Whose::Leader
    } else {
        Whose::Monitor(rng.index(size.monitors))
    };
    let before = rng.pick(&[0, MS, S, 3 * S]);
    let gone = at(
        first - before,
        Whom::Primary,
        What::MonitorGone { whose: gone },
    );
    vec![gone, lost(rng, first)]
}

/// All but one are dead when the primary is lost.
fn one_is_left(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let killed = What::MonitorKilled {
        whose: Whose::Others,
        back_after: rng.range(9 * S, 12 * S),
    };
    let when = first + rng.pick(&[MS, S, 7 * S]);
    vec![at(first, Whom::Primary, killed), lost(rng, when)]
}

/// The others have seen the primary lost and are cut off from the store when the one that may act sees
/// it.
fn said_long_ago(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let time = rng.range(3 * S, 6 * S);
    let mut faults: Vec<_> = (0..size.nodes)
        .map(|node| {
            at(
                first - 200 * MS,
                Whom::Node(node),
                blind(Whose::Leader, time),
            )
        })
        .collect();
    let stop = What::Stop { time: 9 * S };
    faults.push(at(first, Whom::Primary, stop));
    let cut = What::CutFromStore {
        whose: Whose::Others,
        time: 9 * S,
        to: true,
        from: true,
    };
    let when = first + rng.range(600 * MS, 2 * S);
    faults.push(at(when, Whom::Primary, cut));
    faults
}

/// The next primary is lost while everybody still speaks of the one before.
fn one_after_the_other(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let stop = |time| What::Stop { time };
    let again = Fault {
        when: When::After(Step::Attach, 1, rng.range(0, 600 * MS)),
        whom: Whom::Primary,
        what: stop(rng.range(S, 4 * S)),
    };
    vec![at(first, Whom::Primary, stop(9 * S)), again]
}
