//! Whether the promises notice a broken core: every deliberate defect has to break one.

use rcm_core::mutant::Mutant;

use crate::run::run;
use crate::world::Setup;

/// How a mutant ended.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The mutant.
    pub mutant: Mutant,
    /// Whether it was tried on strict groups.
    pub strict: bool,
    /// The seed that killed it, and the promise that it broke.
    pub killed: Option<(u64, &'static str)>,
}

/// Within so many seeds every mutant has to be killed.
pub const SEEDS: u64 = 10_000;

/// The rules that hold up strict mode; the others are tried on async groups. There is no `NoFence`
/// among them: in strict mode every seal ends all other connections of its node, so that an older hand
/// is gone before anything depends on it.
const STRICT: [Mutant; 14] = [
    Mutant::NoSeal,
    Mutant::RawOffset,
    Mutant::NoCompare,
    Mutant::HandOverUncompared,
    Mutant::AmnesiaVotes,
    Mutant::SmallQuorum,
    Mutant::OpenOnDisk,
    Mutant::FeedsAlways,
    Mutant::NoBranch,
    Mutant::TrustWait,
    Mutant::OldEpochs,
    Mutant::LateIsRefused,
    Mutant::Overtaking,
    Mutant::NoConfirm,
];

/// Every mutant, and whether it is tried on strict groups. Some rules hold up both modes.
pub fn trials() -> Vec<(Mutant, bool)> {
    let only_strict = |mutant: &Mutant| {
        let strict = Mutant::SmallQuorum..=Mutant::Overtaking;
        strict.contains(mutant)
    };
    let plain = Mutant::ALL.into_iter().filter(|it| !only_strict(it));
    let plain = plain.map(|mutant| (mutant, false));
    plain.chain(STRICT.map(|mutant| (mutant, true))).collect()
}

/// Tries a mutant on seeds until one kills it.
pub fn try_mutant(mutant: Mutant, strict: bool, from: u64, seeds: u64) -> Trial {
    let killed = (from..from + seeds).find_map(|seed| {
        let setup = Setup {
            seed,
            strict,
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
    Trial {
        mutant,
        strict,
        killed,
    }
}
