//! Runs seeds, one or many, and tells what came of them.

use crate::coverage::Coverage;
use crate::invariants::Broken;
use crate::nemesis::{Fault, Plot};
use crate::trace::Time;
use crate::world::{Setup, World};

/// What came of one seed.
#[derive(Debug)]
pub struct Ran {
    /// The seed.
    pub seed: u64,
    /// What kind of run it was.
    pub plot: Plot,
    /// What was to go wrong.
    pub faults: Vec<Fault>,
    /// The promise that was not kept, if there is one.
    pub broken: Option<Broken>,
    /// The hash of the trace.
    pub hash: u64,
    /// The trace, if it was asked for.
    pub text: String,
    /// How long it took, in the simulation.
    pub simulated: Time,
    /// Inputs to the engine.
    pub handled: u64,
    /// What was seen.
    pub coverage: Coverage,
}

/// Runs one seed.
pub fn run(setup: &Setup) -> Ran {
    let mut world = World::new(setup);
    world.run();
    Ran {
        seed: setup.seed,
        plot: world.plot,
        faults: world.faults,
        broken: world.broken,
        hash: world.trace.hash(),
        text: world.trace.text().to_owned(),
        simulated: world.now,
        handled: world.handled,
        coverage: world.coverage,
    }
}

/// What goes wrong in the run of one seed.
pub fn storm(setup: &Setup) -> (Plot, Vec<Fault>) {
    let world = World::new(setup);
    (world.plot, world.faults)
}

/// The fewest of a seed's faults that still break the same promise.
pub fn shrink(setup: &Setup) -> Vec<usize> {
    let first = run(setup);
    let Some(broken) = first.broken else {
        return Vec::new();
    };
    let mut kept: Vec<usize> = match &setup.only {
        Some(only) => only.clone(),
        None => (0..first.faults.len()).collect(),
    };
    let mut place = 0;
    while place < kept.len() {
        let mut fewer = kept.clone();
        fewer.remove(place);
        let ran = run(&Setup {
            only: Some(fewer.clone()),
            text: false,
            ..setup.clone()
        });
        if ran
            .broken
            .is_some_and(|other| other.invariant == broken.invariant)
        {
            kept = fewer;
        } else {
            place += 1;
        }
    }
    kept
}
