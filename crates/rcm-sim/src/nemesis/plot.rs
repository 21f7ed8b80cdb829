//! The kinds of runs, and the faults that each of them is made of.

use super::aimed::{aimed, by_one_rule};
use super::at_step::at_step;
use super::calm::calm;
use super::deposed::deposed;
use super::draw::{any, by_hand, crash, fault};
use super::eyes::eyes;
use super::interrupted::interrupted;
use super::operated::operated;
use super::promise::promise;
use super::stalled::{barred, stalled};
use super::strangers::strangers;
use super::switchover::switchover;
use super::weather::weather;
use super::{Fault, Size, What, When, Whom};
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
    /// Whoever leads reaches nobody who could be promoted, for long, or nobody may be.
    Stalled,
    /// The operator changes who belongs to the group.
    Operated,
    /// The network splits, flaps, resets connections or is late.
    Weather,
}

/// What decides whether a seed has strangers, a store that answers late, one of the plots that are
/// aimed best, a leader that is stalled, an operator, bad weather, what is interrupted late, and replicas
/// that may not be promoted. Each is drawn apart, so that all other seeds are what they are without it;
/// these numbers leave every kept seed as it was.
const STRANGERS: u64 = 70;
const LATE_ANSWERS: u64 = 125;
const BY_ONE_RULE: u64 = 36;
const STALLED: u64 = 200;
const OPERATED: u64 = 226;
const WEATHER: u64 = 285;
const INTERRUPTED: u64 = 279;
const BARRED: u64 = 302;

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
    let mut rng = Rng::new(seed, BARRED);
    if !strict && rng.percent(1) {
        return (Plot::Stalled, barred(&mut rng, size));
    }
    let (plot, mut faults) = plotted(seed, size, strict);
    let mut rng = Rng::new(seed, LATE_ANSWERS);
    // A late failover seals whoever has got the lost primary's address, and then nothing tells any more
    // that it followed somebody else.
    let follows = |fault: &Fault| matches!(fault.what, What::AddressReused { leads: false, .. });
    if !faults.iter().any(follows) && rng.percent(5) {
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
    let plot = ordinary(&mut rng, size);
    let rng = &mut rng;
    let mut faults = Vec::new();
    let first = 3 * S + rng.range(0, 2 * S);
    match plot {
        Plot::Calm => calm(rng, size, first, &mut faults),
        Plot::Alone => faults.push(Fault {
            when: When::At(first),
            ..fault(rng, size, 75)
        }),
        Plot::Pair => pair(rng, size, first, &mut faults),
        Plot::AtStep => at_step(rng, size, first, &mut faults),
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
        Plot::Planned => switchover(rng, size, first, &mut faults),
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

/// A plot that any group can have.
fn ordinary(rng: &mut Rng, size: Size) -> Plot {
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
    if is_plain && size.monitors > 1 && rng.percent(40) {
        Plot::Deposed
    } else {
        plot
    }
}

fn pair(rng: &mut Rng, size: Size, first: Time, faults: &mut Vec<Fault>) {
    if rng.percent(20) {
        return crash_unapplied(rng, size, first, faults);
    }
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

/// A replica lags behind what it has received when the primary crashes.
fn crash_unapplied(rng: &mut Rng, size: Size, first: Time, faults: &mut Vec<Fault>) {
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
