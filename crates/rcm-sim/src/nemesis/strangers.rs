//! A group beside servers of another one: the primary is lost, or the host of a node, whose address
//! somebody else gets.

use super::draw::{crash, fault, lost_primary};
use super::{Fault, Size, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

pub(super) fn strangers(rng: &mut Rng, size: Size) -> Vec<Fault> {
    let first = 3 * S + rng.range(0, 2 * S);
    match rng.range(0, 5) {
        0 | 1 => vec![lost(rng, first)],
        2 | 3 => replica_replaced(rng, size, first),
        4 => primary_replaced(rng, size, first),
        _ => {
            let when = When::At(first);
            let some = fault(rng, size, 50);
            let later = first + rng.range(0, 2 * S);
            vec![Fault { when, ..some }, lost(rng, later)]
        }
    }
}

fn at(at: Time, whom: Whom, what: What) -> Fault {
    let when = When::At(at);
    Fault { when, whom, what }
}

fn lost(rng: &mut Rng, when: Time) -> Fault {
    Fault {
        when: When::At(when),
        ..lost_primary(rng)
    }
}

fn reused(rng: &mut Rng) -> What {
    What::AddressReused {
        after: rng.range(50 * MS, 400 * MS),
        leads: rng.percent(50),
    }
}

/// A replica's address is somebody else's when the primary is lost.
fn replica_replaced(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let node = 1 + rng.index(size.nodes - 1);
    let replaced = at(first, Whom::Node(node), reused(rng));
    let mut faults = vec![replaced];
    if size.nodes > 2 {
        // The monitor has looked at who is there now: a seal is not preceded by a look.
        let when = first + rng.range(3_200 * MS, 5 * S);
        faults.push(at(when, Whom::Primary, crash(rng)));
    }
    faults
}

/// The address of a lost primary is somebody else's, who may be the only one that answers.
fn primary_replaced(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let mut faults = vec![at(first, Whom::Primary, reused(rng))];
    if rng.percent(40) {
        let hidden = What::CutFromMonitor {
            whose: Whose::Leader,
            time: rng.range(7 * S, 9 * S),
            to: true,
            from: true,
        };
        let others = 1..size.nodes;
        faults.extend(others.map(|node| at(first, Whom::Node(node), hidden)));
    }
    faults
}
