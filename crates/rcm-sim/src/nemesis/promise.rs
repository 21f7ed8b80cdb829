//! Faults that strict mode has to withstand: they leave few who know of a write, or make somebody
//! forget it, just before somebody has to be chosen.

use super::draw::{any, crash, fault, lost_primary};
use super::{Disk, Fault, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::store::Trouble;
use crate::trace::{MS, S, Time};

pub(super) fn promise(rng: &mut Rng, size: Size) -> Vec<Fault> {
    let first = 4 * S + rng.range(0, 2 * S);
    let mut faults = match rng.range(0, 8) {
        8 => return heard_twice(rng, size, first),
        6 => woken_and_chosen(rng, size, first),
        7 => stray_writes(rng, first),
        0 => few_answer(rng, size, first),
        1 => somebody_forgot(rng, size, first),
        2 => promoted_and_not_committed(rng, size, first),
        3 => half_heard(rng, size, first),
        4 => reborn(rng, first),
        _ => again_and_again(rng, size, first),
    };
    for _ in 0..rng.range(0, 2) {
        let when = When::At(first + rng.range(0, 6 * S));
        faults.push(Fault {
            when,
            ..fault(rng, size, 30)
        });
    }
    faults
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

fn cut(rng: &mut Rng, other: usize) -> What {
    let time = rng.pick(&[60 * MS, 400 * MS, 2 * S, 5 * S]);
    let (to, from) = rng.pick(&[(true, true), (true, false), (false, true)]);
    What::CutFromNode {
        time,
        other,
        to,
        from,
    }
}

/// Some do not answer when the primary is lost.
fn few_answer(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let mut faults = Vec::new();
    for _ in 0..rng.range(1, 3) {
        let time = rng.range(300 * MS, 6 * S);
        let what = if rng.percent(50) {
            What::Stop { time }
        } else {
            What::CutFromMonitor {
                whose: Whose::Leader,
                time,
                to: true,
                from: true,
            }
        };
        faults.push(at(first, any(rng, size), what));
    }
    let when = first + rng.range(0, 400 * MS);
    faults.push(lost(rng, when));
    faults
}

/// A replica restarts with less than it confirmed.
fn somebody_forgot(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let disk = rng.pick(&[Disk::OlderDump, Disk::Nothing, Disk::OnlyData]);
    let back_after = Some(rng.range(MS, 300 * MS));
    let mut faults = vec![at(first, any(rng, size), What::Crash { back_after, disk })];
    let cut_off = rng.percent(40);
    if cut_off {
        let what = cut(rng, 0);
        faults.push(at(first, any(rng, size), what));
    }
    let when = first + rng.range(0, S);
    faults.push(lost(rng, when));
    faults
}

/// The plan ends between a promotion and its commit, more than once.
fn promoted_and_not_committed(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let trouble = if rng.percent(60) {
        Trouble::Slow(rng.pick(&[200 * MS, S, 2 * S]))
    } else {
        Trouble::LosesRequests
    };
    let mut faults = vec![lost(rng, first)];
    for nth in 1..=rng.range(1, 3) {
        let nth = u32::try_from(nth).unwrap_or(1);
        let after = rng.pick(&[0, MS, 5 * MS, 300 * MS]);
        let time = rng.range(100 * MS, 2 * S);
        let (step, what) = match rng.range(0, 3) {
            0 => (
                Step::Promote,
                What::MonitorKilled {
                    whose: Whose::Leader,
                    back_after: rng.pick(&[MS, 100 * MS, S]),
                },
            ),
            1 => (Step::Promote, What::Store { trouble, time }),
            2 => (Step::Intend, What::Store { trouble, time }),
            _ => (Step::Promote, crash(rng)),
        };
        let whom = if rng.percent(50) {
            Whom::Subject
        } else {
            any(rng, size)
        };
        faults.push(Fault {
            when: When::After(step, nth, after),
            whom,
            what,
        });
    }
    faults
}

/// Links between nodes break and come back, and the primary does not hear of every end.
fn half_heard(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut when = first;
    let other = rng.index(size.nodes);
    for _ in 0..rng.range(2, 5) {
        let what = cut(rng, other);
        faults.push(at(when, Whom::Primary, what));
        when += rng.range(50 * MS, S);
    }
    let stop = What::HostLost {
        back_after: rng.range(S, 6 * S),
    };
    faults.push(at(when, Whom::Node(other), stop));
    when += rng.range(0, 50 * MS);
    faults.push(lost(rng, when));
    faults
}

/// The primary reaches one replica alone, which restarts again and again: it confirms a write on more
/// than one connection. Then nobody is left who has that write.
fn heard_twice(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let twice = 1 + rng.index(size.nodes.saturating_sub(1));
    let away = |other| What::CutFromNode {
        time: 9 * S,
        other,
        to: true,
        from: true,
    };
    let mut faults: Vec<_> = (1..size.nodes)
        .filter(|&node| node != twice)
        .map(|node| at(first, Whom::Node(0), away(node)))
        .collect();
    let mut when = first + rng.range(0, 200 * MS);
    for _ in 0..rng.range(2, 4) {
        let (back_after, disk) = (Some(rng.range(MS, 60 * MS)), Disk::Everything);
        let crash = What::Crash { back_after, disk };
        faults.push(at(when, Whom::Node(twice), crash));
        when += rng.range(100 * MS, S);
    }
    let stop = What::HostLost {
        back_after: rng.range(4 * S, 9 * S),
    };
    faults.push(at(when, Whom::Node(twice), stop));
    faults.push(at(when + rng.range(0, 50 * MS), Whom::Node(0), stop));
    faults
}

/// A supervisor starts the primary again at once, with less than it had.
fn reborn(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let disk = rng.pick(&[Disk::OlderDump, Disk::Nothing, Disk::OnlyData]);
    let back_after = Some(rng.range(MS, 60 * MS));
    let crash = What::Crash { back_after, disk };
    let mut faults = vec![at(first, Whom::Primary, crash)];
    if rng.percent(60) {
        let back_after = rng.range(100 * MS, 2 * S);
        let killed = What::MonitorKilled {
            whose: Whose::Leader,
            back_after,
        };
        faults.push(at(first, Whom::Primary, killed));
    }
    faults
}

/// One primary after the other is lost, while others are cut off.
fn again_and_again(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut when = first;
    for _ in 0..rng.range(2, 4) {
        let time = rng.range(500 * MS, 4 * S);
        let hung = What::Stop { time };
        let hidden = What::CutFromMonitor {
            whose: Whose::Leader,
            time,
            to: true,
            from: true,
        };
        let crashed = crash(rng);
        let lost = rng.pick(&[hung, hidden, crashed]);
        faults.push(at(when, Whom::Primary, lost));
        if rng.percent(50) {
            let what = cut(rng, 0);
            faults.push(at(when, any(rng, size), what));
        }
        if rng.percent(50) {
            faults.push(at(when, any(rng, size), hidden));
        }
        when += rng.range(200 * MS, 4 * S);
    }
    faults
}

/// The primary hangs, wakes up, is sealed and chosen again, and its commit takes long: whoever was not
/// sealed still follows it.
fn woken_and_chosen(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let mut faults = Vec::new();
    for _ in 0..rng.range(1, 2) {
        let what = What::CutFromMonitor {
            whose: Whose::Leader,
            time: rng.range(3 * S, 6 * S),
            to: true,
            from: true,
        };
        faults.push(at(first, any(rng, size), what));
    }
    let time = rng.range(600 * MS, 1_600 * MS);
    faults.push(at(first + 300 * MS, Whom::Primary, What::Stop { time }));
    let trouble = Trouble::Slow(rng.pick(&[S, 2 * S]));
    let time = rng.range(S, 4 * S);
    faults.push(Fault {
        when: When::After(Step::Intend, 1, rng.pick(&[0, 2 * MS])),
        whom: Whom::Primary,
        what: What::Store { trouble, time },
    });
    faults
}

/// A write of a monitor that is killed is still on its way: it is done before the next one starts, or
/// never.
fn stray_writes(rng: &mut Rng, first: Time) -> Vec<Fault> {
    let trouble = Trouble::Slow(2 * S);
    let time = rng.range(S, 9 * S);
    let store = at(first, Whom::Primary, What::Store { trouble, time });
    let step = rng.pick(&[Step::Claim, Step::Intend, Step::Commit]);
    let killed = Fault {
        when: When::After(step, 1, rng.range(0, S)),
        whom: Whom::Primary,
        what: What::MonitorKilled {
            whose: Whose::Leader,
            back_after: MS,
        },
    };
    vec![store, lost(rng, first + MS), killed]
}
