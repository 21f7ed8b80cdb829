//! A primary that is well and has a hard time, one file per strain. Whoever replaces it is wrong.

mod load;
mod quiet;
mod save;
mod script;
mod starve;

use std::time::{Duration, Instant};

use super::Bed;
use super::stage::{Setup, Stage};
use crate::contender::Contender;
use crate::raw::{Figure, Line};

/// What makes it hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strain {
    /// Nothing does: three nodes, one writer.
    Quiet,
    /// Many clients whose commands take long.
    Load,
    /// Scripts that hold the server for three seconds.
    Script,
    /// A large data set that is saved again and again while it changes.
    Save,
    /// The contender gets a tenth of the time that it needs, in pieces.
    Starve,
}

impl Strain {
    pub(crate) const ALL: [Self; 5] = [
        Self::Quiet,
        Self::Load,
        Self::Script,
        Self::Save,
        Self::Starve,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quiet => "false-quiet",
            Self::Load => "false-load",
            Self::Script => "false-script",
            Self::Save => "false-save",
            Self::Starve => "false-starve",
        }
    }

    fn heap(self, bed: &Bed) -> usize {
        match self {
            Self::Save => bed.large_heap,
            Self::Quiet | Self::Load | Self::Script | Self::Starve => 0,
        }
    }

    fn apply(self, stage: &Stage, heap: usize, window: Duration) -> anyhow::Result<()> {
        match self {
            Self::Quiet => quiet::apply(window),
            Self::Load => load::apply(stage, window),
            Self::Script => script::apply(stage, window),
            Self::Save => save::apply(stage, heap, window),
            Self::Starve => starve::apply(stage, window),
        }
    }
}

/// Strains for a window, and then counts.
pub(super) fn run(
    bed: &Bed,
    contender: &Contender,
    strain: Strain,
    line: &mut Line,
) -> anyhow::Result<()> {
    let setup = Setup {
        heap: strain.heap(bed),
        is_patient: true,
        ..Setup::default()
    };
    line.set("window", humantime::format_duration(bed.window));
    let mut stage = Stage::set(bed, contender, setup, line)?;
    let begun = Instant::now();
    strain.apply(&stage, setup.heap, bed.window)?;
    stage.wait_until_in_line(Instant::now())?;
    stage.account(begun, line)?;
    if let Some(promotions) = line.figures.get(Figure::Promotions) {
        line.figures.put(Figure::FalseFailovers, promotions);
    }
    Ok(())
}
