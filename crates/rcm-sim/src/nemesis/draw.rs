//! Draws a single fault: any of them, one that ends the primary, or one that justifies no failover.

use super::{Disk, Fault, Size, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::store::Trouble;
use crate::trace::{MS, S, Time};

pub(super) fn any(rng: &mut Rng, size: Size) -> Whom {
    Whom::Node(rng.index(size.nodes))
}

/// Mostly the one that matters.
pub(super) fn whose(rng: &mut Rng, size: Size) -> Whose {
    if rng.percent(50) {
        Whose::Leader
    } else {
        Whose::Monitor(rng.index(size.monitors))
    }
}

/// Both ways, or one of them.
pub(super) fn ways(rng: &mut Rng) -> (bool, bool) {
    rng.pick(&[(true, true), (true, false), (false, true)])
}

fn some_time(rng: &mut Rng) -> Time {
    let most = rng.pick(&[50 * MS, 300 * MS, 2 * S, 9 * S]);
    rng.range(most / 10, most)
}

pub(super) fn by_hand(rng: &mut Rng, size: Size) -> What {
    match rng.range(0, 2) {
        0 => What::PromotedByHand,
        1 => What::HandedOver,
        _ => What::AttachedByHand {
            to: rng.index(size.nodes),
        },
    }
}

pub(super) fn planned(rng: &mut Rng, size: Size) -> What {
    match rng.range(0, 9) {
        0..6 => What::Switchover { to: None },
        6..8 => What::Switchover {
            to: Some(rng.index(size.nodes)),
        },
        _ => What::Replace,
    }
}

/// Something that never justifies a failover.
pub(super) fn harmless(rng: &mut Rng, size: Size) -> What {
    match rng.range(0, 6) {
        0 => What::Stop {
            time: rng.range(MS, 400 * MS),
        },
        1 => What::Script {
            time: rng.range(MS, 5_300 * MS),
        },
        2 => What::Slow {
            time: rng.range(MS, 2 * S),
        },
        3 => What::CutFromMonitor {
            whose: whose(rng, size),
            time: rng.range(MS, 400 * MS),
            to: true,
            from: true,
        },
        4 => {
            let other = rng.index(size.nodes);
            What::CutFromNode {
                time: rng.range(MS, 400 * MS),
                other,
                to: true,
                from: true,
            }
        }
        5 => What::MonitorPaused {
            whose: whose(rng, size),
            time: rng.range(MS, 3 * S),
        },
        _ => What::MonitorKilled {
            whose: whose(rng, size),
            back_after: rng.range(MS, S),
        },
    }
}

pub(super) fn lost_primary(rng: &mut Rng) -> Fault {
    let what = match rng.range(0, 9) {
        0..6 => crash(rng),
        6 => What::HostLost {
            back_after: rng.range(S, 9 * S),
        },
        7 | 8 => What::Stop {
            time: rng.range(S, 9 * S),
        },
        _ => What::CrashWithChild {
            child: rng.range(100 * MS, 2 * S),
            back_after: rng.range(S, 9 * S),
        },
    };
    Fault {
        when: When::At(0),
        whom: Whom::Primary,
        what,
    }
}

pub(super) fn crash(rng: &mut Rng) -> What {
    let back_after = rng.pick(&[None, Some(50 * MS), Some(300 * MS), Some(3 * S), Some(S)]);
    let disk = match rng.range(0, 9) {
        0..5 => Disk::Everything,
        5 | 6 => Disk::OlderDump,
        7 => Disk::OnlyData,
        _ => Disk::Nothing,
    };
    let back_after = back_after.map(|most| rng.range(most / 2, most));
    What::Crash { back_after, disk }
}

fn store(rng: &mut Rng) -> What {
    let slow = Trouble::Slow(rng.pick(&[50 * MS, S, 3 * S]));
    let troubles = [
        Trouble::Refuses,
        slow,
        Trouble::LosesAnswers,
        Trouble::LosesRequests,
        Trouble::Down,
    ];
    What::Store {
        trouble: rng.pick(&troubles),
        time: some_time(rng),
    }
}

pub(super) fn fault(rng: &mut Rng, size: Size, primary: u64) -> Fault {
    let whom = if rng.percent(primary) {
        Whom::Primary
    } else {
        any(rng, size)
    };
    let what = match rng.range(0, 99) {
        0..26 => crash(rng),
        26..30 => What::CrashWithChild {
            child: rng.range(100 * MS, 2 * S),
            back_after: rng.range(S, 5 * S),
        },
        30..38 => What::HostLost {
            back_after: some_time(rng),
        },
        38..52 => What::Stop {
            time: some_time(rng),
        },
        52..55 => What::Script {
            time: some_time(rng),
        },
        55..61 => What::Slow {
            time: some_time(rng),
        },
        61..69 => {
            let (to, from) = ways(rng);
            What::CutFromMonitor {
                whose: whose(rng, size),
                time: some_time(rng),
                to,
                from,
            }
        }
        69..76 => {
            let (to, from) = ways(rng);
            What::CutFromNode {
                time: some_time(rng),
                other: rng.index(size.nodes),
                to,
                from,
            }
        }
        76..79 => What::Loss {
            percent: rng.pick(&[1, 5, 20]),
            time: some_time(rng),
        },
        79..88 => What::MonitorKilled {
            whose: whose(rng, size),
            back_after: rng.pick(&[MS, 100 * MS, 2 * S]),
        },
        88..93 => What::MonitorPaused {
            whose: whose(rng, size),
            time: some_time(rng).min(4 * S),
        },
        93..96 if size.monitors > 1 => {
            let (to, from) = ways(rng);
            What::CutFromStore {
                whose: whose(rng, size),
                time: some_time(rng),
                to,
                from,
            }
        }
        _ => store(rng),
    };
    Fault {
        when: When::At(0),
        whom,
        what,
    }
}
