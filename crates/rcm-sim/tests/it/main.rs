//! A few seeds in every test run; the many run by themselves.

use rcm_core::mutant::Mutant;
use rcm_sim::mutants::try_mutant;
use rcm_sim::run::run;
use rcm_sim::world::Setup;

/// Seeds that once broke a promise, kept for ever.
const KEPT: [u64; 48] = [
    39, 101, 191, 258, 298, 371, 497, 501, 587, 684, 880, 1142, 1299, 1394, 1415, 1916, 1923, 2065,
    2105, 2106, 2927, 3508, 3627, 4006, 4443, 4521, 4975, 5122, 5816, 9690, 13_744, 18_372,
    105_600, 118_441, 140_953, 144_020, 1232, 2636, 5062, 5097, 7043, 7570, 17_842, 340_778,
    344_379, 437_518, 602_759, 641_471,
];

fn check(seed: u64) {
    let ran = run(&Setup {
        seed,
        ..Setup::default()
    });
    if let Some(broken) = ran.broken {
        panic!("{broken}\n  cargo run -p rcm-sim --release -- --seed {seed} --trace");
    }
}

#[test]
fn every_promise_is_kept_on_the_first_seeds() {
    (0..300).for_each(check);
}

#[test]
fn seeds_that_once_broke_a_promise_do_not_any_more() {
    KEPT.into_iter().for_each(check);
}

/// I15.
#[test]
fn the_same_seed_takes_the_same_steps() {
    let hash = |seed| {
        let ran = run(&Setup {
            seed,
            ..Setup::default()
        });
        (ran.hash, ran.simulated, ran.handled)
    };
    for seed in 0..40 {
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
    }
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_trace_does_not_change_what_it_tells_of() {
    let with = |text| {
        run(&Setup {
            seed: 7,
            text,
            ..Setup::default()
        })
    };
    let (told, quiet) = (with(true), with(false));
    assert_eq!(told.hash, quiet.hash);
    assert!(told.text.lines().count() > 10 && quiet.text.is_empty());
}

/// The defects that show soon; `--mutants` tries all of them.
#[test]
fn broken_cores_are_noticed() {
    use Mutant::{
        AttachToAnybody, DeafFollower, GuessedLoss, Impatient, NoEdge, NoLease, NoSeal,
        PromoteBeforeIntend, SameEpoch,
    };
    for mutant in [
        NoSeal,
        NoLease,
        NoEdge,
        DeafFollower,
        Impatient,
        PromoteBeforeIntend,
        AttachToAnybody,
        SameEpoch,
        GuessedLoss,
    ] {
        let trial = try_mutant(mutant, 0, 50);
        assert!(
            trial.killed.is_some(),
            "{mutant:?} was not noticed in 50 seeds"
        );
    }
}
