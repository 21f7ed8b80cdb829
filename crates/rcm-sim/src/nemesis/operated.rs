//! A group whose operator adds a spare and forgets a replica while other things go wrong.

use super::draw::{any, fault, lost_primary};
use super::{Fault, Size, Step, What, When, Whom};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

pub(super) fn operated(rng: &mut Rng, size: Size) -> Vec<Fault> {
    let first = 3 * S + rng.range(0, 2 * S);
    let mut faults = match rng.range(0, 3) {
        0 => in_a_storm(rng, size, first),
        1 => at_a_step(rng, size, first),
        2 => replaced(rng, size, first),
        _ => {
            let later = first + rng.range(0, 4 * S);
            vec![added(first), forgotten(rng, size, later)]
        }
    };
    if rng.percent(50) {
        // Whoever is chosen then is chosen from the group as it is by now.
        let when = When::At(first + rng.range(2 * S, 8 * S));
        faults.push(Fault {
            when,
            ..lost_primary(rng)
        });
    }
    faults
}

fn at(at: Time, whom: Whom, what: What) -> Fault {
    let when = When::At(at);
    Fault { when, whom, what }
}

fn added(when: Time) -> Fault {
    at(when, Whom::Primary, What::SpareAdded)
}

fn forgotten(rng: &mut Rng, size: Size, when: Time) -> Fault {
    at(when, any(rng, size), What::Forgotten)
}

/// Both in the middle of everything else.
fn in_a_storm(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let mut faults = vec![added(first + rng.range(0, 6 * S))];
    for _ in 0..rng.range(1, 2) {
        let when = first + rng.range(0, 7 * S);
        faults.push(forgotten(rng, size, when));
    }
    for _ in 0..rng.range(2, 8) {
        let when = When::At(first + rng.range(0, 7 * S));
        let Fault { whom, what, .. } = fault(rng, size, 45);
        let spare = Whom::Node(size.nodes);
        let whom = if rng.percent(15) { spare } else { whom };
        faults.push(Fault { when, whom, what });
    }
    faults
}

/// The primary is lost, and the operator is at work in the middle of the plan.
fn at_a_step(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let steps = [
        Step::Claim,
        Step::Open,
        Step::Seal,
        Step::Intend,
        Step::Promote,
        Step::Commit,
        Step::Attach,
    ];
    let mut faults = vec![Fault {
        when: When::At(first),
        ..lost_primary(rng)
    }];
    for what in [What::SpareAdded, What::Forgotten] {
        let nth = rng.pick(&[1, 1, 2]);
        let after = rng.pick(&[0, 200, MS, 3 * MS]);
        let when = When::After(rng.pick(&steps), nth, after);
        let whom = if rng.percent(50) {
            Whom::Subject
        } else {
            any(rng, size)
        };
        faults.push(Fault { when, whom, what });
    }
    faults
}

/// A replica's host is gone for good: a spare takes its place, and then the primary is lost.
fn replaced(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let node = Whom::Node(1 + rng.index(size.nodes.saturating_sub(1)));
    let back_after = rng.range(2 * S, 20 * S);
    let when = first + rng.range(0, 3 * S);
    let lost = When::At(when + rng.range(0, S));
    vec![
        at(first, node, What::HostLost { back_after }),
        added(first + rng.range(100 * MS, 2 * S)),
        at(when, node, What::Forgotten),
        Fault {
            when: lost,
            ..lost_primary(rng)
        },
    ]
}
