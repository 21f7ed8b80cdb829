//! Things that are not finished when the next one goes wrong: the last steps of a plan, a data set that
//! is being loaded, and one that is being sent.

use super::draw::{any, crash, fault, lost_primary};
use super::{Disk, Fault, Plot, Size, Step, What, When, Whom};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

/// The plot and the faults.
pub(super) fn interrupted(rng: &mut Rng, size: Size, strict: bool) -> (Plot, Vec<Fault>) {
    let first = 3 * S + rng.range(0, 2 * S);
    match rng.range(0, 2) {
        0 => (Plot::AtStep, at_a_late_step(rng, size, strict, first)),
        1 => (Plot::Pair, loading(rng, size, first)),
        _ => (Plot::Pair, syncing(rng, size, first)),
    }
}

fn at(at: Time, whom: Whom, what: What) -> Fault {
    let when = When::At(at);
    Fault { when, whom, what }
}

/// Gates are opened, roles are written down, or a witness is asked, and something else happens.
fn at_a_late_step(rng: &mut Rng, size: Size, strict: bool, first: Time) -> Vec<Fault> {
    let step = match rng.range(0, 2) {
        0 if strict => Step::Gates,
        1 => Step::Cut,
        _ => Step::Persist,
    };
    let lost = if step == Step::Cut {
        // Only silence leaves anything to ask.
        let back_after = rng.range(S, 9 * S);
        at(first, Whom::Primary, What::HostLost { back_after })
    } else {
        let when = When::At(first);
        let lost = lost_primary(rng);
        Fault { when, ..lost }
    };
    let nth = rng.pick(&[1, 1, 2]);
    let after = rng.pick(&[0, 0, 200, MS, 3 * MS]);
    let whom = if rng.percent(60) {
        Whom::Subject
    } else {
        any(rng, size)
    };
    let second = Fault {
        when: When::After(step, nth, after),
        whom,
        ..fault(rng, size, 20)
    };
    vec![lost, second]
}

/// A process dies while it loads its data, and perhaps again.
fn loading(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let whom = if rng.percent(60) {
        Whom::Node(0)
    } else {
        any(rng, size)
    };
    let mut when = first;
    let mut faults = Vec::new();
    for _ in 0..rng.range(2, 3) {
        let back_after = rng.range(MS, 100 * MS);
        let what = What::Crash {
            back_after: Some(back_after),
            disk: rng.pick(&[Disk::Everything, Disk::Everything, Disk::OlderDump]),
        };
        faults.push(at(when, whom, what));
        when += back_after + rng.range(MS, 700 * MS);
    }
    faults
}

/// A replica needs everything again, and one end of that dies in the middle.
fn syncing(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let replica = Whom::Node(1 + rng.index(size.nodes.saturating_sub(1)));
    let back_after = Some(rng.range(MS, 100 * MS));
    let disk = rng.pick(&[Disk::Nothing, Disk::OnlyData]);
    let emptied = at(first, replica, What::Crash { back_after, disk });
    // It asks for everything when it has loaded, or with its next cron.
    let when = first + rng.range(100 * MS, 1_500 * MS);
    let whom = rng.pick(&[replica, Whom::Primary, Whom::Primary]);
    vec![emptied, at(when, whom, crash(rng))]
}
