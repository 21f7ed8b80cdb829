//! A few seeds in every test run; the many run by themselves.

use std::fmt::Write as _;

use rcm_core::mutant::Mutant;
use rcm_sim::mutants::try_mutant;
use rcm_sim::run::{run, storm};
use rcm_sim::trace::word;
use rcm_sim::world::Setup;

/// Seeds that once broke a promise, kept for ever.
const KEPT: [u64; 84] = [
    405_532,
    2568,
    90_060_017,
    90_341_725,
    90_553_961,
    90_733_651,
    110_593_497,
    110_213_522,
    113_117_411,
    114_036_695,
    119_082_074,
    119_254_080,
    70_054_755,
    70_255_741,
    71_006_871,
    39,
    101,
    191,
    258,
    298,
    371,
    497,
    501,
    587,
    684,
    880,
    1142,
    1299,
    1394,
    1415,
    1916,
    1923,
    2065,
    2105,
    2106,
    2927,
    3508,
    3627,
    4006,
    4443,
    4521,
    4975,
    5122,
    5816,
    9690,
    13_744,
    18_372,
    105_600,
    118_441,
    140_953,
    144_020,
    1232,
    2636,
    5062,
    5097,
    7043,
    7570,
    17_842,
    340_778,
    344_379,
    437_518,
    602_759,
    641_471,
    2_080_701,
    4_055_065,
    5_002_219,
    5_038_093,
    20_040_957,
    20_048_618,
    20_128_019,
    20_192_317,
    20_216_864,
    21_098_095,
    21_323_536,
    202,
    30_001_368,
    30_006_063,
    30_009_037,
    30_010_297,
    30_015_494,
    30_026_992,
    30_053_529,
    30_325_670,
    30_464_578,
];

/// The same of strict groups.
const KEPT_STRICT: [u64; 9] = [
    209, 4472, 21_548, 119_391, 151_198, 300_136, 31_506_969, 31_527_058, 80_024_857,
];

/// What all of them throw at a group, as one number.
const STORMS: u64 = 0xC11F_8609_9FDA_02C4;

fn check(seed: u64) {
    check_in(false, seed);
}

fn check_in(strict: bool, seed: u64) {
    let ran = run(&Setup {
        seed,
        strict,
        ..Setup::default()
    });
    if let Some(broken) = ran.broken {
        let strict = if strict { " --strict" } else { "" };
        panic!("{broken}\n  cargo run -p rcm-sim --release -- --seed {seed} --trace{strict}");
    }
}

#[test]
fn every_promise_is_kept_on_the_first_seeds() {
    (0..300).for_each(check);
}

#[test]
fn every_promise_is_kept_by_strict_groups_on_the_first_seeds() {
    (0..60).for_each(|seed| check_in(true, seed));
}

#[test]
fn strict_groups_acknowledge_and_fail_over() {
    let counts = |seed| {
        let setup = Setup {
            seed,
            strict: true,
            ..Setup::default()
        };
        run(&setup).coverage.counts
    };
    let counts: Vec<_> = (0..15).map(counts).collect();
    let seen = |what| {
        counts
            .iter()
            .filter_map(|counts| counts.get(what))
            .sum::<u64>()
    };
    assert!(seen("acknowledged writes") > 1_000);
    assert!(seen("switches") > 5);
}

#[test]
fn seeds_that_once_broke_a_promise_do_not_any_more() {
    KEPT.into_iter().for_each(check);
    for seed in KEPT_STRICT {
        check_in(true, seed);
    }
}

/// A seed is kept for what it throws at a group: a change of how plots are drawn must not make another
/// storm of it.
#[test]
fn kept_seeds_are_the_storms_that_they_were() {
    let plain = KEPT.map(|seed| (false, seed));
    let strict = KEPT_STRICT.map(|seed| (true, seed));
    let mut all = String::new();
    for (strict, seed) in plain.into_iter().chain(strict) {
        let storm = storm(&Setup {
            seed,
            strict,
            ..Setup::default()
        });
        writeln!(all, "{storm:?}").unwrap();
    }
    assert_eq!(word(&all), STORMS, "{all}");
}

/// I15.
#[test]
fn the_same_seed_takes_the_same_steps() {
    let hash = |strict, seed| {
        let ran = run(&Setup {
            seed,
            strict,
            ..Setup::default()
        });
        (ran.hash, ran.simulated, ran.handled)
    };
    for seed in 0..40 {
        assert_eq!(hash(false, seed), hash(false, seed), "seed {seed}");
    }
    for seed in 0..8 {
        assert_eq!(hash(true, seed), hash(true, seed), "strict, seed {seed}");
    }
    assert_ne!(hash(false, 1), hash(false, 2));
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
        AmnesiaVotes, AnyPrimary, AttachToAnybody, DeafFollower, GuessedLoss, Impatient, NoBranch,
        NoEdge, NoLease, NoQuorum, NoSeal, PromoteBeforeIntend, QuorumShrinks, SameEpoch,
        SmallQuorum,
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
        NoQuorum,
        AnyPrimary,
        QuorumShrinks,
    ] {
        let trial = try_mutant(mutant, false, 0, 50);
        assert!(
            trial.killed.is_some(),
            "{mutant:?} was not noticed in 50 seeds"
        );
    }
    for mutant in [AmnesiaVotes, NoBranch, SmallQuorum] {
        let trial = try_mutant(mutant, true, 0, 100);
        assert!(
            trial.killed.is_some(),
            "{mutant:?} was not noticed in 100 seeds"
        );
    }
}
