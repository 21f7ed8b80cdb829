//! Whether the promises notice a broken core: every deliberate defect has to break one.

use rcm_core::mutant::Mutant;

use crate::run::run;
use crate::world::Setup;

/// How a mutant ended.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The mutant.
    pub mutant: Mutant,
    /// The seed that killed it, and the promise that it broke.
    pub killed: Option<(u64, &'static str)>,
}

/// Within so many seeds every mutant has to be killed.
pub const SEEDS: u64 = 10_000;

/// Tries a mutant on seeds until one kills it.
pub fn try_mutant(mutant: Mutant, from: u64, seeds: u64) -> Trial {
    let killed = (from..from + seeds).find_map(|seed| {
        let setup = Setup {
            seed,
            mutant: Some(mutant),
            ..Setup::default()
        };
        let broken = run(&setup).broken?;
        let whole = run(&Setup {
            mutant: None,
            ..setup
        });
        whole.broken.is_none().then_some((seed, broken.invariant))
    });
    Trial { mutant, killed }
}
