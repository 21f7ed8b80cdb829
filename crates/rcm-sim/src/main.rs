//! `rcm-sim`: runs seeds and says what was seen.

use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use rcm_core::mutant::Mutant;
use rcm_sim::coverage::Coverage;
use rcm_sim::mutants::{SEEDS, trials, try_mutant};
use rcm_sim::run::{Ran, run, shrink};
use rcm_sim::world::Setup;

/// Tries the failover core in a simulated world.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Options {
    /// How many seeds to run: 10,000, and a million in a night.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Print the trace of that seed.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Only these of its faults happen, counted from zero.
    #[arg(long, value_delimiter = ',', requires = "seed")]
    only: Option<Vec<usize>>,
    /// Groups in strict mode.
    #[arg(long)]
    strict: bool,
    /// Run with this deliberate defect of the core.
    #[arg(long)]
    mutant: Option<String>,
    /// See whether every deliberate defect is noticed.
    #[arg(long)]
    mutants: bool,
    /// Other seeds each night, a fifth as many of strict groups, and every deliberate defect.
    #[arg(long, conflicts_with_all = ["seed", "mutant", "mutants", "strict", "from"])]
    nightly: bool,
    /// How many threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

#[derive(Default)]
struct Sum {
    coverage: Coverage,
    simulated: u64,
    handled: u64,
    seeds: u64,
    broken: Vec<Ran>,
}

/// What a run is about: a defect of the core, and whether its groups are strict.
type Kind = (Option<Mutant>, bool);

const MILLION: u64 = 1_000_000;

/// So many failing seeds are told in full.
const TOLD: usize = 10;

/// Prints a line. Whoever reads no further, as `head`, has seen enough.
macro_rules! say {
    ($($text:tt)*) => {
        if writeln!(std::io::stdout(), $($text)*).is_err() {
            std::process::exit(1);
        }
    };
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mutant = match &options.mutant {
        None => None,
        Some(name) => {
            let named = |mutant: &&Mutant| format!("{mutant:?}") == *name;
            let Some(mutant) = Mutant::ALL.iter().find(named) else {
                eprintln!("no mutant {name}; there are {:?}", Mutant::ALL);
                return ExitCode::from(2);
            };
            Some(*mutant)
        }
    };
    if let Some(seed) = options.seed {
        return one(seed, mutant, &options);
    }
    let seeds = options.seeds.unwrap_or(SEEDS);
    let is_clean = if options.nightly {
        nightly(options.seeds.unwrap_or(MILLION), options.threads)
    } else if options.mutants {
        mutants(options.from, seeds.min(SEEDS), options.threads)
    } else {
        let Options { from, strict, .. } = options;
        let range = from..from.saturating_add(seeds);
        many(range, (mutant, strict), options.threads)
    };
    if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is too much for every test run. The defects are tried on the same seeds each night.
fn nightly(seeds: u64, threads: usize) -> bool {
    let from = night().saturating_mul(MILLION);
    let range = |seeds| from..from.saturating_add(seeds);
    let plain = many(range(seeds), (None, false), threads);
    say!("strict groups:");
    let strict = many(range(seeds / 5), (None, true), threads);
    say!("deliberate defects:");
    mutants(0, SEEDS, threads) && plain && strict
}

/// Which night it is, so that each tries other seeds.
fn night() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |since| since.as_secs() / 86_400)
}

fn one(seed: u64, mutant: Option<Mutant>, options: &Options) -> ExitCode {
    let only = options.only.clone();
    let ran = run(&Setup {
        seed,
        strict: options.strict,
        mutant,
        text: options.trace,
        only,
    });
    for line in ran.text.lines() {
        say!("{line}");
    }
    say!("seed {seed} {:?} hash {:016x}", ran.plot, ran.hash);
    for (place, fault) in ran.faults.iter().enumerate() {
        say!("  fault {place}: {fault:?}");
    }
    match ran.broken {
        None => ExitCode::SUCCESS,
        Some(broken) => {
            say!("BROKEN {broken}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether every promise was kept.
fn many(seeds: Range<u64>, kind: Kind, threads: usize) -> bool {
    let (mutant, strict) = kind;
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| work(&next, seeds.end, kind, &sum));
        }
    });
    let mut sum = sum
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.broken.sort_by_key(|ran| ran.seed);
    tell(&sum, began.elapsed().as_secs_f64(), strict);
    for ran in sum.broken.iter().take(TOLD) {
        let setup = Setup {
            seed: ran.seed,
            strict,
            mutant,
            ..Setup::default()
        };
        let kept: Vec<String> = shrink(&setup).iter().map(ToString::to_string).collect();
        if let Some(broken) = &ran.broken {
            say!("BROKEN seed {} ({:?}) {broken}", ran.seed, ran.plot);
        }
        let only = if kept.is_empty() {
            String::new()
        } else {
            format!(" --only {}", kept.join(","))
        };
        let defect = mutant.map_or(String::new(), |mutant| format!(" --mutant {mutant:?}"));
        let strict = if strict { " --strict" } else { "" };
        say!(
            "  cargo run -p rcm-sim --release -- --seed {} --trace{strict}{only}{defect}",
            ran.seed
        );
    }
    sum.broken.is_empty()
}

fn work(next: &AtomicU64, end: u64, (mutant, strict): Kind, sum: &Mutex<Sum>) {
    let mut own = Sum::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        let ran = run(&Setup {
            seed,
            strict,
            mutant,
            ..Setup::default()
        });
        own.seeds += 1;
        own.simulated += ran.simulated;
        own.handled += ran.handled;
        own.coverage.merge(ran.coverage.clone());
        if ran.broken.is_some() {
            own.broken.push(ran);
        }
    }
    let mut sum = sum
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.seeds += own.seeds;
    sum.simulated += own.simulated;
    sum.handled += own.handled;
    sum.coverage.merge(own.coverage);
    sum.broken.append(&mut own.broken);
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn tell(sum: &Sum, seconds: f64, strict: bool) {
    let simulated = sum.simulated as f64 / 1e6;
    say!(
        "{} seeds in {seconds:.1} s ({:.0} a second), {simulated:.0} s simulated ({:.0} a second), {} inputs",
        sum.seeds,
        sum.seeds as f64 / seconds,
        simulated / seconds,
        sum.handled,
    );
    let counts = |title: &str, counts: &std::collections::BTreeMap<&str, u64>| {
        let words: Vec<String> = counts
            .iter()
            .map(|(word, count)| format!("{word} {count}"))
            .collect();
        say!("{title}: {}", words.join(", "));
    };
    counts("seen", &sum.coverage.counts);
    counts("faults", &sum.coverage.faults);
    let verdicts: Vec<_> = sum
        .coverage
        .missing_verdicts()
        .iter()
        .map(|it| it.code())
        .collect();
    say!("verdicts never reached: {}", verdicts.join(", "));
    say!(
        "rules never followed: {:?}",
        sum.coverage.missing_rules(strict)
    );
    say!(
        "transitions never taken: {:?}",
        sum.coverage.missing_edges(strict)
    );
    say!(
        "{} of {} seeds broke a promise",
        sum.broken.len(),
        sum.seeds
    );
}

/// Says whether all are killed.
fn mutants(from: u64, seeds: u64, threads: usize) -> bool {
    let next = AtomicU64::new(0);
    let all = trials();
    let trials = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Ok(place) = usize::try_from(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(&(mutant, strict)) = all.get(place) else {
                        break;
                    };
                    let trial = try_mutant(mutant, strict, from, seeds);
                    trials
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push(trial);
                }
            });
        }
    });
    let mut trials = trials
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    trials.sort_by_key(|trial| (trial.strict, trial.mutant));
    for trial in &trials {
        let mode = if trial.strict { "strict " } else { "" };
        let name = format!("{mode}{:?}", trial.mutant);
        match trial.killed {
            Some((seed, by)) => say!("{name:<25} killed   by seed {seed}: {by}"),
            None => say!("{name:<25} SURVIVED {seeds} seeds"),
        }
    }
    let survivors = trials.iter().filter(|trial| trial.killed.is_none()).count();
    say!("{survivors} of {} defects survived", trials.len());
    survivors == 0
}
