//! Situations in which a single rule stands between the group and a broken promise. Chance alone
//! would bring them about once in many thousand seeds.

use super::draw::{crash, lost_primary, ways};
use super::{Disk, Fault, Plot, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::store::Trouble;
use crate::trace::{MS, S, Time};

pub(super) fn aimed(rng: &mut Rng, size: Size, strict: bool) -> Vec<Fault> {
    let first = 3 * S + rng.range(0, 2 * S);
    match rng.range(0, 5 + 2 * u64::from(strict)) {
        0 => late_seal(rng, size, first),
        1 => undecided(rng, size, first),
        2 => doubted(rng, first),
        3 => resumed(rng, first),
        4 => backlogged(rng, size, first),
        5 => unwritten(rng, first),
        6 => opened_late(rng, first),
        _ => derailed(rng, first),
    }
}

/// What is about who was heard, and when.
pub(super) fn by_one_rule(rng: &mut Rng, size: Size) -> (Plot, Vec<Fault>) {
    if size.monitors == 1 || rng.percent(20) {
        (Plot::Calm, unheard(rng))
    } else {
        (Plot::Eyes, said_before(rng, size))
    }
}

/// The primary hangs for a moment, and is well when the monitor is scheduled again.
fn unheard(rng: &mut Rng) -> Vec<Fault> {
    let first = 3 * S + rng.range(0, 2 * S);
    let time = rng.range(400 * MS, 2 * S);
    let asleep = first + time - rng.range(10 * MS, 100 * MS);
    vec![
        at(first, Whom::Primary, What::Stop { time }),
        at(asleep, Whom::Primary, paused(rng.range(5_500 * MS, 8 * S))),
    ]
}

/// Another monitor says that the primary hangs, and cannot tell the store that it is well again. Much
/// later the one that may act, which saw nothing of that, sees it hang.
fn said_before(rng: &mut Rng, size: Size) -> Vec<Fault> {
    let first = 4 * S + rng.range(0, S);
    let time = rng.range(1_300 * MS, 2 * S);
    let mut faults: Vec<_> = (0..size.nodes)
        .map(|node| {
            at(
                first - 300 * MS,
                Whom::Node(node),
                cut(Whose::Leader, 300 * MS + time),
            )
        })
        .collect();
    if size.monitors > 2 {
        // Two who agree need no third one.
        let what = What::MonitorKilled {
            whose: Whose::Monitor(2),
            back_after: 15 * S,
        };
        faults.push(at(first - S, Whom::Primary, what));
    }
    let refuses = What::Store {
        trouble: Trouble::Refuses,
        time: 7 * S,
    };
    faults.extend([
        at(first, Whom::Primary, What::Stop { time }),
        at(first + 1_250 * MS, Whom::Primary, refuses),
        at(first + 6 * S, Whom::Primary, What::Stop { time: 2 * S }),
    ]);
    faults
}

fn at(at: Time, whom: Whom, what: What) -> Fault {
    let when = When::At(at);
    Fault { when, whom, what }
}

fn after(step: Step, nth: u32, after: Time, whom: Whom, what: What) -> Fault {
    let when = When::After(step, nth, after);
    Fault { when, whom, what }
}

fn lost(rng: &mut Rng, first: Time) -> Fault {
    Fault {
        when: When::At(first),
        ..lost_primary(rng)
    }
}

fn cut(whose: Whose, time: Time) -> What {
    let (to, from) = (true, true);
    What::CutFromMonitor {
        whose,
        time,
        to,
        from,
    }
}

fn paused(time: Time) -> What {
    let whose = Whose::Leader;
    What::MonitorPaused { whose, time }
}

fn switchover(first: Time) -> Fault {
    at(first, Whom::Primary, What::Switchover { to: None })
}

/// The seal of a switchover arrives when writes do not wait any more, and the monitor, which is not
/// scheduled, reads the answer before it looks at its clock. No replica has received those writes.
fn late_seal(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let time = rng.range(1_400 * MS, 1_800 * MS);
    let awake = time + rng.range(300 * MS, S);
    let mut faults = vec![
        switchover(first),
        after(Step::Seal, 1, 0, Whom::Subject, cut(Whose::Leader, time)),
        after(Step::Seal, 1, 0, Whom::Subject, paused(awake)),
    ];
    for other in 1..size.nodes {
        let behind = What::CutFromNode {
            time: awake + S,
            other,
            to: true,
            from: true,
        };
        faults.push(after(Step::Seal, 1, 0, Whom::Node(0), behind));
    }
    faults
}

/// A hung primary wakes, and is found well, while nobody can be reached who could be promoted; and its
/// seal is still on the way.
fn undecided(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let time = rng.range(600 * MS, 7 * S);
    let mut faults = vec![at(first, Whom::Primary, What::Stop { time })];
    for node in 1..size.nodes {
        let away = cut(Whose::Leader, rng.range(4 * S, 9 * S));
        faults.push(after(Step::Claim, 1, 0, Whom::Node(node), away));
    }
    let held_up = cut(Whose::Leader, rng.range(300 * MS, 6 * S));
    faults.push(after(Step::Seal, 1, 0, Whom::Subject, held_up));
    if rng.percent(70) {
        let trouble = Trouble::Slow(rng.pick(&[20 * MS, 60 * MS, 300 * MS]));
        let slow = What::Store { trouble, time };
        faults.push(at(first, Whom::Primary, slow));
    }
    faults
}

/// Nobody knows whether the primary of a switchover is sealed, and whoever asked is deposed before
/// it finds out.
fn doubted(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let away = cut(Whose::Leader, rng.range(S, 9 * S));
    vec![
        switchover(first),
        after(Step::Seal, 1, 0, Whom::Subject, away),
        after(
            Step::Claim,
            2,
            deposed_after(rng),
            Whom::Primary,
            deposed(rng),
        ),
    ]
}

/// A promotion is announced, and whoever continues the plan is deposed before it has found out
/// whether it was carried out.
fn resumed(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let hidden = rng.range(S, 9 * S);
    let killed = What::MonitorKilled {
        whose: Whose::Leader,
        back_after: rng.pick(&[MS, 100 * MS, 4 * S]),
    };
    let gone = rng.pick(&[killed, paused(9 * S)]);
    vec![
        lost(rng, first),
        after(
            Step::Promote,
            1,
            0,
            Whom::Subject,
            cut(Whose::Others, hidden),
        ),
        after(
            Step::Promote,
            1,
            0,
            Whom::Subject,
            cut(Whose::Leader, hidden),
        ),
        after(Step::Promote, 1, rng.pick(&[0, MS]), Whom::Subject, gone),
        after(
            Step::Claim,
            2,
            deposed_after(rng),
            Whom::Primary,
            deposed(rng),
        ),
    ]
}

fn deposed_after(rng: &mut Rng) -> Time {
    rng.pick(&[MS, 3 * MS, 20 * MS, 200 * MS])
}

fn deposed(rng: &mut Rng) -> What {
    let time = rng.range(2 * S, 7 * S);
    let (to, from) = ways(rng);
    if rng.percent(60) {
        return paused(time);
    }
    What::CutFromStore {
        whose: Whose::Leader,
        time,
        to,
        from,
    }
}

/// The primary crashes while a replica stands still; when that goes on it has much to read.
fn backlogged(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let replica = Whom::Node(1 + rng.index(size.nodes.saturating_sub(1)));
    let time = rng.range(50 * MS, 300 * MS);
    let lost = first + rng.range(time / 2, time);
    vec![
        at(first, replica, What::Slow { time: 3 * S }),
        at(first, replica, What::Stop { time }),
        at(lost, Whom::Primary, crash(rng)),
    ]
}

/// Whoever leads is cut off from the store with its announcement, wakes when somebody else rules who
/// has not reached the node that it has chosen, and believes in its lease until it looks at its clock.
fn unwritten(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let time = rng.range(3 * S, 7 * S);
    let no_store = What::CutFromStore {
        whose: Whose::Leader,
        time,
        to: true,
        from: true,
    };
    vec![
        lost(rng, first),
        after(Step::Seal, 1, 0, Whom::Subject, cut(Whose::Others, 9 * S)),
        after(Step::Intend, 1, 0, Whom::Primary, no_store),
        after(Step::Intend, 1, 0, Whom::Primary, paused(time)),
    ]
}

/// A new primary is committed by a monitor that is not scheduled for long, and opened when others
/// have written since.
fn opened_late(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let away = cut(Whose::Leader, rng.range(300 * MS, 3 * S));
    let long = paused(rng.range(2 * S, 7 * S));
    vec![
        lost(rng, first),
        after(Step::Commit, 2, rng.pick(&[0, 100]), Whom::Primary, long),
        after(Step::Commit, 1, rng.pick(&[0, 100]), Whom::Primary, long),
        after(Step::Gates, 1, 0, Whom::Subject, away),
    ]
}

/// The successor of a switchover is lost when the primary is sealed already, so that this returns to
/// office, and its commit takes long: whoever was not sealed still follows it.
fn derailed(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let back_after = Some(rng.range(MS, S));
    let disk = Disk::Everything;
    let lost = What::Crash { back_after, disk };
    let hidden = cut(Whose::Leader, rng.range(2 * S, 6 * S));
    let trouble = Trouble::Slow(rng.pick(&[S, 2 * S]));
    let slow = What::Store {
        trouble,
        time: rng.range(S, 4 * S),
    };
    vec![
        switchover(first),
        after(
            Step::Seal,
            2,
            0,
            Whom::Subject,
            rng.pick(&[hidden, hidden, lost]),
        ),
        after(Step::Intend, 1, rng.pick(&[0, 2 * MS]), Whom::Primary, slow),
    ]
}
