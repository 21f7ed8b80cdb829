//! Repeats scenarios with contenders, tells how it goes, and keeps every line.

use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::raw::{Journal, Line};
use crate::report;
use crate::scenario::{Bed, Scenario};
use crate::stop::{self, Interrupted};

/// A contender that fails so often without a success between is left out of the rest.
const FAILURES: u32 = 3;

/// One scenario, with those who take part in it.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) scenario: Scenario,
    pub(crate) turns: Vec<Turn>,
}

/// Who takes part, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) contender: Contender,
    pub(crate) runs: u32,
}

/// How far it is.
struct Progress {
    begun: Instant,
    done: u32,
    all: u32,
}

/// Runs all rounds. What has been measured is in `lines` even if it is interrupted.
pub(crate) fn run(
    rounds: &[Round],
    bed: &Bed,
    journal: &mut Journal,
    lines: &mut Vec<Line>,
) -> anyhow::Result<()> {
    let runs = |round: &Round| round.turns.iter().map(|turn| turn.runs).sum::<u32>();
    let mut progress = Progress {
        begun: Instant::now(),
        done: 0,
        all: rounds.iter().map(runs).sum(),
    };
    let mut keep = |line: Line| -> anyhow::Result<()> {
        journal.append(&line)?;
        lines.push(line);
        Ok(())
    };
    rounds
        .iter()
        .try_for_each(|round| run_one(round, bed, &mut progress, &mut keep))
}

/// Contenders take turns, so that a noisy minute of the machine hits all of them.
fn run_one(
    round: &Round,
    bed: &Bed,
    progress: &mut Progress,
    keep: &mut impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Round { scenario, turns } = round;
    let mut failures = vec![0; turns.len()];
    let most = turns.iter().map(|turn| turn.runs).max().unwrap_or(0);
    for repetition in 1..=most {
        for (turn, failures) in turns.iter().zip(&mut failures) {
            if repetition > turn.runs {
                continue;
            }
            progress.done += 1;
            if *failures == FAILURES {
                continue;
            }
            stop::check()?;
            let contender = &turn.contender;
            let mut line = Line::begin(scenario.name(), &contender.to_string(), repetition);
            let result = scenario.run(bed, contender, &mut line);
            if let Err(error) = result {
                if error.is::<Interrupted>() || stop::check().is_err() {
                    return Err(Interrupted.into());
                }
                line.failure = Some(error.root_cause().to_string());
                eprintln!("{error:#}");
            }
            *failures = match line.failure {
                Some(_) => *failures + 1,
                None => 0,
            };
            eprintln!(
                "{} {} {repetition}/{} {contender}: {}",
                progress.shown(),
                scenario.name(),
                turn.runs,
                report::summary(&line)
            );
            keep(line)?;
            if *failures == FAILURES {
                eprintln!("{contender} failed {FAILURES} times in a row: going on without it");
            }
        }
    }
    Ok(())
}

impl Progress {
    /// `[12/340, 4m 10s]`.
    fn shown(&self) -> String {
        let elapsed = Duration::from_secs(self.begun.elapsed().as_secs());
        let elapsed = humantime::format_duration(elapsed);
        format!("[{}/{}, {elapsed}]", self.done, self.all)
    }
}
