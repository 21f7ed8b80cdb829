//! Repeats scenarios with contenders, tells how it goes, and keeps every line.

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
    pub(crate) contenders: Vec<Contender>,
    pub(crate) runs: u32,
}

/// Runs one round. Contenders take turns, so that a noisy minute of the machine hits all of them.
/// What has been measured is in `lines` even if it is interrupted.
pub(crate) fn run(
    round: &Round,
    bed: &Bed,
    journal: &mut Journal,
    lines: &mut Vec<Line>,
) -> anyhow::Result<()> {
    let Round {
        scenario,
        contenders,
        runs,
    } = round;
    let mut failures = vec![0; contenders.len()];
    for repetition in 1..=*runs {
        for (contender, failures) in contenders.iter().zip(&mut failures) {
            if *failures == FAILURES {
                continue;
            }
            stop::check()?;
            let mut line = Line::begin(scenario.name(), &contender.to_string(), repetition);
            let result = scenario.run(bed, contender, &mut line);
            if let Err(error) = result {
                if error.is::<Interrupted>() || stop::check().is_err() {
                    return Err(Interrupted.into());
                }
                line.failure = Some(error.root_cause().to_string());
                eprintln!("{error:#}");
            }
            *failures = if line.failure.is_some() {
                *failures + 1
            } else {
                0
            };
            eprintln!(
                "{} {repetition}/{runs} {contender}: {}",
                scenario.name(),
                report::summary(&line)
            );
            journal.append(&line)?;
            lines.push(line);
            if *failures == FAILURES {
                eprintln!("{contender} failed {FAILURES} times in a row: going on without it");
            }
        }
    }
    Ok(())
}
