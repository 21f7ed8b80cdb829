//! The primary is lost, and the monitor that may act reaches nobody who could be promoted, until long
//! after the others, who reach everybody, have agreed that it is lost.

use super::draw::ways;
use super::{Disk, Fault, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::trace::{MS, S, Time};

/// Longer than any of these runs goes on before everything works again.
const FOR_LONG: Time = 40 * S;

pub(super) fn stalled(rng: &mut Rng, size: Size) -> Vec<Fault> {
    let first = 3 * S + rng.range(0, 2 * S);
    let (back_after, disk) = (None, Disk::Everything);
    let crash = What::Crash { back_after, disk };
    let back_after = FOR_LONG;
    let gone = [
        crash,
        What::HostLost { back_after },
        What::Stop { time: FOR_LONG },
    ];
    let lost = Fault {
        when: When::At(first),
        whom: Whom::Primary,
        what: rng.pick(&gone),
    };
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
