//! A small seeded generator: the only randomness in the core.
//!
//! Not for secrets. It spreads retries so that several monitors do not act in step.

use core::time::Duration;

/// `SplitMix64`: one word of state, the same sequence for the same seed on every machine.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator that starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// `base`, lengthened by up to a quarter.
    pub fn jitter(&mut self, base: Duration) -> Duration {
        let quarter = u64::try_from(base.as_micros() / 4).unwrap_or(u64::MAX);
        let extra = if quarter == 0 {
            0
        } else {
            self.next_u64() % quarter
        };
        base.saturating_add(Duration::from_micros(extra))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        for _ in 0..100 {
            assert_eq!(a.next_u64(), b.next_u64());
        }
        assert_ne!(Rng::new(7).next_u64(), Rng::new(8).next_u64());
    }

    #[test]
    fn jitter_lengthens_by_at_most_a_quarter() {
        let mut rng = Rng::new(1);
        let base = Duration::from_millis(100);
        for _ in 0..1_000 {
            let spread = rng.jitter(base);
            assert!(spread >= base && spread < base + base / 4, "{spread:?}");
        }
        assert_eq!(rng.jitter(Duration::ZERO), Duration::ZERO);
    }
}
