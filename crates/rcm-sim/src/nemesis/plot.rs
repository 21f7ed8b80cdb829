//! The kinds of runs, and the faults that each of them is made of.

use super::aimed::{aimed, by_one_rule};
use super::draw::{any, by_hand, crash, fault, harmless, lost_primary, planned, ways};
use super::eyes::eyes;
use super::interrupted::interrupted;
use super::operated::operated;
use super::promise::promise;
use super::stalled::stalled;
use super::strangers::strangers;
use super::weather::weather;
use super::{Fault, Size, Step, What, When, Whom, Whose};
use crate::seed::Rng;
use crate::store::Trouble;
use crate::trace::{MS, S, Time};

/// The kinds of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Plot {
    /// Everything stays below the detector's bounds: no failover may happen.
    Calm,
    Alone,
    Pair,
    AtStep,
    /// Whoever leads stops, or is cut off, in the middle of a plan, and goes on when another one leads.
    Deposed,
    Storm,
    ByHand,
    /// Somebody asks for a switchover.
    Planned,
    /// Some monitors see the primary lost and others do not, or cannot say so.
    Eyes,
    /// One monitor sees less than the others: no failover may happen.
    OneEye,
    /// Servers of another group are listed, or get the address of a node.
    Strangers,
    /// What strict mode has to withstand.
    Promise,
    /// A single rule holds the promise.
    Aimed,
    /// Whoever leads reaches nobody who could be promoted, for long.
    Stalled,
    /// The operator changes who belongs to the group.
    Operated,
    /// The network splits, flaps, resets connections or is late.
    Weather,
}

/// What decides whether a seed has strangers, a store that answers late, one of the plots that are
/// aimed best, a leader that is stalled, an operator, bad weather, and what is interrupted late. Each is
/// drawn apart, so that all other seeds are what they are without it; these numbers leave every kept
/// seed as it was.
const STRANGERS: u64 = 70;
const LATE_ANSWERS: u64 = 125;
const BY_ONE_RULE: u64 = 36;
const STALLED: u64 = 200;
const OPERATED: u64 = 226;
const WEATHER: u64 = 274;
const INTERRUPTED: u64 = 279;

const STEPS: [Step; 10] = [
    Step::Claim,
    Step::Intend,
    Step::Commit,
    Step::Open,
    Step::Fence,
    Step::Inspect,
    Step::Pause,
    Step::Seal,
    Step::Promote,
    Step::Attach,
];

/// The plot and the faults of a seed, for a group of so many nodes.
pub(crate) fn plan(seed: u64, size: Size, strict: bool) -> (Plot, Vec<Fault>) {
    let mut rng = Rng::new(seed, STALLED);
    if size.monitors > 2 && rng.percent(2) {
        return (Plot::Stalled, stalled(&mut rng, size));
    }
    let mut rng = Rng::new(seed, OPERATED);
    if !strict && rng.percent(3) {
        return (Plot::Operated, operated(&mut rng, size));
    }
    let mut rng = Rng::new(seed, WEATHER);
    if rng.percent(4) {
        return weather(&mut rng, size);
    }
    let mut rng = Rng::new(seed, INTERRUPTED);
    if rng.percent(3) {
        return interrupted(&mut rng, size, strict);
    }
    let (plot, mut faults) = plotted(seed, size, strict);
    let mut rng = Rng::new(seed, LATE_ANSWERS);
    if rng.percent(5) {
        let trouble = Trouble::AnswersLate(rng.pick(&[200 * MS, 1_500 * MS, 3 * S]));
        let time = rng.range(S, 9 * S);
        let what = What::Store { trouble, time };
        faults.push(Fault {
            when: When::At(3 * S + rng.range(0, 4 * S)),
            whom: Whom::Primary,
            what,
        });
    }
    (plot, faults)
}

#[expect(clippy::too_many_lines, reason = "a table of plots")]
fn plotted(seed: u64, size: Size, strict: bool) -> (Plot, Vec<Fault>) {
    let mut others = Rng::new(seed, STRANGERS);
    if !strict && others.percent(4) {
        return (Plot::Strangers, strangers(&mut others, size));
    }
    let mut thin = Rng::new(seed, BY_ONE_RULE);
    if thin.percent(3) {
        return by_one_rule(&mut thin, size);
    }
    let mut own = Rng::new(seed, 5);
    if size.monitors > 1 && own.percent(15) {
        return eyes(&mut own, size);
    }
    let mut aim = Rng::new(seed, 4);
    if aim.percent(10) {
        return (Plot::Aimed, aimed(&mut aim, size, strict));
    }
    let mut rng = Rng::new(seed, 2);
    if strict && rng.percent(60) {
        return (Plot::Promise, promise(&mut rng, size));
    }
    let plot = match rng.range(0, 99) {
        0..10 => Plot::Calm,
        10..25 => Plot::Alone,
        25..48 => Plot::Pair,
        48..73 => Plot::AtStep,
        73..84 => Plot::Storm,
        84..93 => Plot::Planned,
        _ => Plot::ByHand,
    };
    let is_plain = matches!(plot, Plot::Alone | Plot::Pair | Plot::AtStep);
    let plot = if is_plain && size.monitors > 1 && rng.percent(40) {
        Plot::Deposed
    } else {
        plot
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
                    whose: Whose::Leader,
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
                    whose: Whose::Leader,
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
                    whom: any(rng, size),
                    what: harmless(rng, size),
                });
            }
        }
        Plot::Alone => faults.push(Fault {
            when: When::At(first),
            ..fault(rng, size, 75)
        }),
        Plot::Pair if rng.percent(20) => {
            // A replica lags behind what it has received when the primary crashes.
            let slow = What::Slow {
                time: rng.range(50 * MS, 600 * MS),
            };
            let whom = Whom::Node(size.nodes.saturating_sub(1));
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
                ..fault(rng, size, 75)
            });
            let gap = rng.pick(&[MS, 20 * MS, 200 * MS, S, 6 * S]);
            let when = When::At(first + rng.range(0, gap));
            faults.push(Fault {
                when,
                ..fault(rng, size, 40)
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
            let what = What::MonitorKilled {
                whose: Whose::Leader,
                back_after: MS,
            };
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
                    any(rng, size)
                };
                faults.push(Fault {
                    when,
                    whom,
                    ..fault(rng, size, 20)
                });
            }
        }
        Plot::Deposed => deposed(rng, size, first, &mut faults),
        Plot::Storm => {
            for _ in 0..rng.range(4, 12) {
                let when = When::At(first + rng.range(0, 9 * S));
                faults.push(Fault {
                    when,
                    ..fault(rng, size, 45)
                });
            }
        }
        Plot::Planned => {
            faults.push(Fault {
                when: When::At(first),
                whom: Whom::Primary,
                what: planned(rng, size),
            });
            for _ in 0..rng.range(0, 2) {
                let after = rng.pick(&[0, 0, 200, MS, 3 * MS, 50 * MS, S]);
                let when = When::After(rng.pick(&STEPS), 1, after);
                faults.push(Fault {
                    when,
                    ..fault(rng, size, 50)
                });
            }
            if rng.percent(15) {
                // The seal arrives when the pause is over, or its answer never does.
                let when = When::After(Step::Seal, 1, 0);
                let (to, from) = ways(rng);
                let what = What::CutFromMonitor {
                    whose: Whose::Leader,
                    time: rng.range(300 * MS, 3 * S),
                    to,
                    from,
                };
                faults.push(Fault {
                    when,
                    whom: Whom::Subject,
                    what,
                });
            }
            if size.monitors > 1 && rng.percent(40) {
                // Another monitor takes over in the middle of it.
                let step = rng.pick(&[Step::Pause, Step::Inspect, Step::Fence, Step::Seal]);
                let when = When::After(step, rng.pick(&[1, 1, 2]), 0);
                let time = rng.range(3 * S, 9 * S);
                let what = if rng.percent(50) {
                    What::MonitorPaused {
                        whose: Whose::Leader,
                        time,
                    }
                } else {
                    let (to, from) = ways(rng);
                    What::CutFromStore {
                        whose: Whose::Leader,
                        time,
                        to,
                        from,
                    }
                };
                faults.push(Fault {
                    when,
                    whom: Whom::Primary,
                    what,
                });
            }
            if rng.percent(15) {
                // The pause ends by itself while the monitor is not scheduled.
                let when = When::After(rng.pick(&[Step::Pause, Step::Inspect]), 1, 0);
                let time = rng.range(S, 3 * S);
                faults.push(Fault {
                    when,
                    whom: Whom::Primary,
                    what: What::MonitorPaused {
                        whose: Whose::Leader,
                        time,
                    },
                });
            }
            if rng.percent(50) {
                let when = When::At(first + rng.range(0, 4 * S));
                let what = planned(rng, size);
                faults.push(Fault {
                    when,
                    whom: Whom::Primary,
                    what,
                });
            }
        }
        Plot::Eyes | Plot::OneEye => faults = eyes(rng, size).1,
        Plot::Promise => faults = promise(rng, size),
        Plot::Aimed => faults = aimed(rng, size, strict),
        Plot::Strangers => faults = strangers(rng, size),
        Plot::Stalled => faults = stalled(rng, size),
        Plot::Operated => faults = operated(rng, size),
        Plot::Weather => return weather(rng, size),
        Plot::ByHand => {
            let what = by_hand(rng, size);
            faults.push(Fault {
                when: When::At(first),
                whom: any(rng, size),
                what,
            });
            if rng.percent(50) {
                let when = When::At(first + rng.range(0, 3 * S));
                faults.push(Fault {
                    when,
                    ..fault(rng, size, 50)
                });
            }
        }
    }
    (plot, faults)
}

fn deposed(rng: &mut Rng, size: Size, first: Time, faults: &mut Vec<Fault>) {
    faults.push(Fault {
        when: When::At(first),
        ..lost_primary(rng)
    });
    if rng.percent(15) {
        return orphaned(rng, faults);
    }
    let step = rng.pick(&STEPS);
    let nth = rng.pick(&[1, 1, 1, 2, 3]);
    let mut at_step = |rng: &mut Rng, what| {
        let after = rng.pick(&[0, 0, 200, 400, MS, 3 * MS]);
        faults.push(Fault {
            when: When::After(step, nth, after),
            whom: Whom::Subject,
            what,
        });
    };
    let time = rng.range(S, 7 * S);
    let (to, from) = ways(rng);
    let what = match rng.range(0, 9) {
        0..6 => What::MonitorPaused {
            whose: Whose::Leader,
            time,
        },
        6 | 7 => What::CutFromStore {
            whose: Whose::Leader,
            time,
            to,
            from,
        },
        _ => What::MonitorKilled {
            whose: Whose::Leader,
            back_after: rng.pick(&[MS, 100 * MS, 4 * S]),
        },
    };
    at_step(rng, what);
    if rng.percent(40) {
        // What it has sent arrives late.
        let what = What::CutFromMonitor {
            whose: Whose::Leader,
            time: rng.range(S, 9 * S),
            to,
            from,
        };
        at_step(rng, what);
    }
    if rng.percent(40) {
        // The next leader does not reach the node.
        let what = What::CutFromMonitor {
            whose: Whose::Others,
            time: rng.range(S, 9 * S),
            to,
            from,
        };
        at_step(rng, what);
    }
    if rng.percent(30) {
        let when = When::At(first + rng.range(0, 5 * S));
        faults.push(Fault {
            when,
            ..fault(rng, size, 30)
        });
    }
}

/// A node is promoted, and the next leader, who does not reach it, chooses another one.
fn orphaned(rng: &mut Rng, faults: &mut Vec<Fault>) {
    let promoted = |after, what| Fault {
        when: When::After(Step::Promote, 1, after),
        whom: Whom::Subject,
        what,
    };
    let cut = What::CutFromMonitor {
        whose: Whose::Others,
        time: 9 * S,
        to: true,
        from: true,
    };
    let pause = What::MonitorPaused {
        whose: Whose::Leader,
        time: rng.range(3 * S, 7 * S),
    };
    faults.push(promoted(0, cut));
    faults.push(promoted(rng.pick(&[0, 100, 400, MS]), pause));
}
