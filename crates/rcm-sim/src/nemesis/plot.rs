//! The kinds of runs, and the faults that each of them is made of.

use super::draw::{any, by_hand, crash, fault, harmless, lost_primary};
use super::promise::promise;
use super::{Fault, Step, What, When, Whom};
use crate::seed::Rng;
use crate::store::Trouble;
use crate::trace::{MS, S};

/// The kinds of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Plot {
    /// Everything stays below the detector's bounds: no failover may happen.
    Calm,
    Alone,
    Pair,
    AtStep,
    Storm,
    ByHand,
    /// What strict mode has to withstand.
    Promise,
}

const STEPS: [Step; 9] = [
    Step::Claim,
    Step::Intend,
    Step::Commit,
    Step::Open,
    Step::Fence,
    Step::Inspect,
    Step::Seal,
    Step::Promote,
    Step::Attach,
];

/// The plot and the faults of a seed, for a group of so many nodes.
#[expect(clippy::too_many_lines, reason = "a table of plots")]
pub(crate) fn plan(seed: u64, nodes: usize, strict: bool) -> (Plot, Vec<Fault>) {
    let mut rng = Rng::new(seed, 2);
    if strict && rng.percent(60) {
        return (Plot::Promise, promise(&mut rng, nodes));
    }
    let plot = match rng.range(0, 99) {
        0..10 => Plot::Calm,
        10..25 => Plot::Alone,
        25..48 => Plot::Pair,
        48..78 => Plot::AtStep,
        78..92 => Plot::Storm,
        _ => Plot::ByHand,
    };
    let rng = &mut rng;
    let mut faults = Vec::new();
    let first = 3 * S + rng.range(0, 2 * S);
    match plot {
        Plot::Calm => {
            // One after the other: together they would be a longer delay.
            if rng.percent(30) {
                // The monitor is not scheduled when the silence would have lasted long enough.
                let time = rng.range(300 * MS, 400 * MS);
                let what = What::CutFromMonitor {
                    time,
                    to: true,
                    from: true,
                };
                let at = first + S;
                faults.push(Fault {
                    when: When::At(at),
                    whom: Whom::Primary,
                    what,
                });
                let what = What::MonitorPaused {
                    time: rng.range(500 * MS, 3 * S),
                };
                let when = When::At(at + rng.range(time - 60 * MS, time));
                faults.push(Fault {
                    when,
                    whom: Whom::Primary,
                    what,
                });
                return (plot, faults);
            }
            for place in 0..rng.range(0, 3) {
                let when = When::At(first + place * 7 * S + rng.range(0, S));
                faults.push(Fault {
                    when,
                    whom: any(rng, nodes),
                    what: harmless(rng, nodes),
                });
            }
        }
        Plot::Alone => faults.push(Fault {
            when: When::At(first),
            ..fault(rng, nodes, 75)
        }),
        Plot::Pair if rng.percent(20) => {
            // A replica lags behind what it has received when the primary crashes.
            let slow = What::Slow {
                time: rng.range(50 * MS, 600 * MS),
            };
            let whom = Whom::Node(nodes.saturating_sub(1));
            faults.push(Fault {
                when: When::At(first),
                whom,
                what: slow,
            });
            let when = When::At(first + rng.range(MS, 100 * MS));
            faults.push(Fault {
                when,
                whom: Whom::Primary,
                what: crash(rng),
            });
        }
        Plot::Pair => {
            faults.push(Fault {
                when: When::At(first),
                ..fault(rng, nodes, 75)
            });
            let gap = rng.pick(&[MS, 20 * MS, 200 * MS, S, 6 * S]);
            let when = When::At(first + rng.range(0, gap));
            faults.push(Fault {
                when,
                ..fault(rng, nodes, 40)
            });
        }
        Plot::AtStep if rng.percent(15) => {
            // A write of a monitor that is gone is still on its way when the next one starts.
            let what = What::Store {
                trouble: Trouble::Slow(2 * S),
                time: rng.range(S, 9 * S),
            };
            faults.push(Fault {
                when: When::At(first),
                whom: Whom::Primary,
                what,
            });
            let when = When::At(first + MS);
            faults.push(Fault {
                when,
                ..lost_primary(rng)
            });
            let step = rng.pick(&[Step::Claim, Step::Intend, Step::Commit]);
            let when = When::After(step, 1, rng.range(0, S));
            let what = What::MonitorKilled { back_after: MS };
            faults.push(Fault {
                when,
                whom: Whom::Primary,
                what,
            });
        }
        Plot::AtStep => {
            faults.push(Fault {
                when: When::At(first),
                ..lost_primary(rng)
            });
            for _ in 0..rng.range(1, 2) {
                let nth = rng.pick(&[1, 1, 1, 2, 3]);
                let after = rng.pick(&[0, 0, 200, MS, 3 * MS, 50 * MS]);
                let when = When::After(rng.pick(&STEPS), nth, after);
                let whom = if rng.percent(60) {
                    Whom::Subject
                } else {
                    any(rng, nodes)
                };
                faults.push(Fault {
                    when,
                    whom,
                    ..fault(rng, nodes, 20)
                });
            }
        }
        Plot::Storm => {
            for _ in 0..rng.range(4, 12) {
                let when = When::At(first + rng.range(0, 9 * S));
                faults.push(Fault {
                    when,
                    ..fault(rng, nodes, 45)
                });
            }
        }
        Plot::Promise => faults = promise(rng, nodes),
        Plot::ByHand => {
            let what = by_hand(rng, nodes);
            faults.push(Fault {
                when: When::At(first),
                whom: any(rng, nodes),
                what,
            });
            if rng.percent(50) {
                let when = When::At(first + rng.range(0, 3 * S));
                faults.push(Fault {
                    when,
                    ..fault(rng, nodes, 50)
                });
            }
        }
    }
    (plot, faults)
}
