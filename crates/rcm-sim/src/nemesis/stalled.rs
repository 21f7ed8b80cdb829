//! The primary is lost, and nobody can be promoted for a while: the monitor that may act reaches nobody,
//! until long after the others, who reach everybody, have agreed that the primary is lost; or nobody may
//! be promoted until the operator lets one.

use super::draw::ways;
use super::{Disk, Fault, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

/// Longer than any of these runs goes on before everything works again.
const FOR_LONG: Time = 40 * S;
const CRASH: What = What::Crash {
    back_after: None,
    disk: Disk::Everything,
};

pub(super) fn stalled(rng: &mut Rng, size: Size) -> Vec<Fault> {
    let first = 3 * S + rng.range(0, 2 * S);
    let lost = lost_for_long(rng, first);
    let before = When::At(first - rng.range(0, S));
    let (blind_to, when) = match rng.range(0, 4) {
        0 => (1..size.nodes, before),
        // Of the primary it knows no more than of the others.
        1 => (0..size.nodes, before),
        2 => (1..size.nodes, When::After(Step::Claim, 1, 0)),
        3 => {
            let late = rng.pick(&[0, 200, MS, 100 * MS]);
            (1..size.nodes, When::After(Step::Open, 1, late))
        }
        // It has announced whom it wanted to promote.
        _ => (1..size.nodes, When::After(Step::Promote, 1, 0)),
    };
    let (to, from) = ways(rng);
    let cut = What::CutFromMonitor {
        whose: Whose::Leader,
        time: FOR_LONG,
        to,
        from,
    };
    let cuts = blind_to.map(|node| Fault {
        when,
        whom: Whom::Node(node),
        what: cut,
    });
    cuts.chain([lost]).collect()
}

/// Nobody may be promoted, until the operator lets a replica, or promotes it by hand.
pub(super) fn barred(rng: &mut Rng, size: Size) -> Vec<Fault> {
    let first = 3 * S + rng.range(0, 2 * S);
    let before = first - rng.range(0, S);
    let replicas = 1..size.nodes;
    let barred = replicas.map(|node| Fault {
        when: When::At(before),
        whom: Whom::Node(node),
        what: What::Priority { to: 0 },
    });
    let when = if rng.percent(70) {
        When::At(first + rng.range(0, 4 * S))
    } else {
        When::After(Step::Seal, 1, rng.pick(&[0, 200, MS, 300 * MS]))
    };
    let mut lost = lost_for_long(rng, first);
    let mut what = What::Priority { to: 100 };
    // One behind whom somebody may hold more is left alone.
    if size.nodes == 2 && rng.percent(50) {
        what = What::PromotedByHand;
        // Nobody else could confirm a silence.
        lost.what = CRASH;
    }
    let acts = Fault {
        when,
        whom: Whom::Node(1 + rng.index(size.nodes.saturating_sub(1))),
        what,
    };
    barred.chain([lost, acts]).collect()
}

fn lost_for_long(rng: &mut Rng, at: Time) -> Fault {
    let back_after = FOR_LONG;
    let gone = [
        CRASH,
        What::HostLost { back_after },
        What::Stop { time: FOR_LONG },
    ];
    Fault {
        when: When::At(at),
        whom: Whom::Primary,
        what: rng.pick(&gone),
    }
}
