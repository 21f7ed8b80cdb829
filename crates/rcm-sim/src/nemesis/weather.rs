//! What networks do, besides losing packets and whole paths: sides that do not hear each other, links
//! that come and go, connections that are reset or cannot be made, and packets that are late.

use super::draw::{lost_primary, ways};
use super::{Fault, Plot, Size, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

/// The plot and the faults.
pub(super) fn weather(rng: &mut Rng, size: Size) -> (Plot, Vec<Fault>) {
    let first = 3 * S + rng.range(0, 2 * S);
    let mut faults = match rng.range(0, 6) {
        0 => return (Plot::Calm, gusts(rng, size, first)),
        1 => split(rng, size, first),
        2 => ring(rng, size, first),
        3 => flapping(rng, size, first),
        4 => swizzled(rng, size, first),
        5 => deaf(rng, size, first),
        _ => late(rng, size, first),
    };
    if rng.percent(60) {
        let when = When::At(first + rng.range(0, 5 * S));
        faults.push(Fault {
            when,
            ..lost_primary(rng)
        });
    }
    (Plot::Weather, faults)
}

fn at(at: Time, whom: Whom, what: What) -> Fault {
    let when = When::At(at);
    Fault { when, whom, what }
}

fn some_node(rng: &mut Rng, size: Size) -> Whom {
    if rng.percent(60) {
        Whom::Primary
    } else {
        Whom::Node(rng.index(size.nodes))
    }
}

/// Connections are reset, or no new ones can be made, one after the other: whoever was connected
/// connects again, or still is. That justifies no failover.
fn gusts(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let gust = |rng: &mut Rng, place: Time| {
        let what = if rng.percent(60) {
            What::Reset
        } else {
            let time = rng.range(50 * MS, 5 * S);
            What::Deaf { time }
        };
        at(first + place * 7 * S, some_node(rng, size), what)
    };
    (0..rng.range(1, 2)).map(|place| gust(rng, place)).collect()
}

/// Nodes, monitors and the store are on one side or on the other, and one of them may be on both.
fn split(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let time = rng.pick(&[300 * MS, 2 * S, 9 * S]);
    let time = rng.range(time / 3, time);
    let (to, from) = ways(rng);
    let mut place = || rng.pick(&[0_u8, 0, 1, 1, 1, 2]);
    let nodes: Vec<u8> = (0..size.nodes).map(|_| place()).collect();
    let monitors: Vec<u8> = (0..size.monitors).map(|_| place()).collect();
    let store = place();
    // Whoever is on side 2 hears both.
    let apart = |one: u8, other: u8| one < 2 && other < 2 && one != other;
    let mut faults = Vec::new();
    for (node, &one) in nodes.iter().enumerate() {
        let others = nodes.iter().enumerate().take(node);
        for (other, _) in others.filter(|&(_, &other)| apart(one, other)) {
            let what = What::CutFromNode {
                time,
                other,
                to,
                from,
            };
            faults.push(at(first, Whom::Node(node), what));
        }
        let watching = monitors.iter().enumerate();
        for (monitor, _) in watching.filter(|&(_, &other)| apart(one, other)) {
            let whose = Whose::Monitor(monitor);
            let what = What::CutFromMonitor {
                whose,
                time,
                to,
                from,
            };
            faults.push(at(first, Whom::Node(node), what));
        }
    }
    let cut_off = monitors.iter().enumerate();
    for (monitor, _) in cut_off.filter(|&(_, &one)| size.monitors > 1 && apart(one, store)) {
        let whose = Whose::Monitor(monitor);
        let what = What::CutFromStore {
            whose,
            time,
            to,
            from,
        };
        faults.push(at(first, Whom::Primary, what));
    }
    faults
}

/// Every node hears its neighbours only.
fn ring(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let time = rng.range(300 * MS, 9 * S);
    let mut faults = Vec::new();
    for node in 0..size.nodes {
        for other in 0..node {
            let between = node - other;
            if between > 1 && between < size.nodes - 1 {
                let (to, from) = (true, true);
                let what = What::CutFromNode {
                    time,
                    other,
                    to,
                    from,
                };
                faults.push(at(first, Whom::Node(node), what));
            }
        }
    }
    // What a small ring leaves whole is at least reset.
    faults.push(at(first, some_node(rng, size), What::Reset));
    faults
}

/// A link comes and goes.
fn flapping(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let (node, other) = (rng.index(size.nodes), rng.index(size.nodes));
    let between_nodes = rng.percent(40) && node != other;
    let (to, from) = ways(rng);
    let mut when = first;
    let mut faults = Vec::new();
    for _ in 0..rng.range(3, 8) {
        let time = rng.range(20 * MS, 600 * MS);
        let what = if between_nodes {
            What::CutFromNode {
                time,
                other,
                to,
                from,
            }
        } else {
            let whose = Whose::Leader;
            What::CutFromMonitor {
                whose,
                time,
                to,
                from,
            }
        };
        faults.push(at(when, Whom::Node(node), what));
        when += time + rng.range(20 * MS, 800 * MS);
    }
    faults
}

/// One node after the other is cut off from everybody, and they come back in another order.
fn swizzled(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let mut faults = Vec::new();
    for node in 0..size.nodes {
        let when = first + rng.range(0, 2 * S);
        let time = rng.range(500 * MS, 6 * S);
        let (to, from) = (true, true);
        for monitor in 0..size.monitors {
            let whose = Whose::Monitor(monitor);
            let what = What::CutFromMonitor {
                whose,
                time,
                to,
                from,
            };
            faults.push(at(when, Whom::Node(node), what));
        }
        for other in (0..size.nodes).filter(|&other| other != node) {
            let what = What::CutFromNode {
                time,
                other,
                to,
                from,
            };
            faults.push(at(when, Whom::Node(node), what));
        }
    }
    faults
}

/// No new connection can be made, and the old ones may be reset meanwhile.
fn deaf(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let whom = some_node(rng, size);
    let time = rng.range(200 * MS, 6 * S);
    let mut faults = vec![at(first, whom, What::Deaf { time })];
    if rng.percent(60) {
        faults.push(at(first + rng.range(0, time), whom, What::Reset));
    }
    faults
}

/// Every packet is late, each as late as it pleases: what goes over different connections is reordered.
fn late(rng: &mut Rng, size: Size, first: Time) -> Vec<Fault> {
    let time = rng.range(S, 9 * S);
    let most = rng.pick(&[5 * MS, 40 * MS, 150 * MS]);
    let whom = some_node(rng, size);
    let reset = at(first + rng.range(0, time), whom, What::Reset);
    vec![at(first, Whom::Primary, What::Late { most, time }), reset]
}
