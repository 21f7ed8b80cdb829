//! What happened, as a hash always and as text when asked for.

use std::fmt::Write as _;

/// Microseconds of simulated time.
pub type Time = u64;

/// One millisecond.
pub const MS: Time = 1_000;
/// One second.
pub const S: Time = 1_000_000;

/// The trace of one run.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    lines: Option<String>,
}

impl Trace {
    pub(crate) fn new(with_text: bool) -> Self {
        Self {
            hash: 0xCBF2_9CE4_8422_2325,
            lines: with_text.then(String::new),
        }
    }

    /// Notes a step; its text is made only when somebody reads it.
    pub(crate) fn note(&mut self, now: Time, words: [u64; 3], text: impl FnOnce() -> String) {
        for word in [now, words[0], words[1], words[2]] {
            self.hash = (self.hash ^ word)
                .wrapping_mul(0x0000_0100_0000_01B3)
                .rotate_left(29);
        }
        if let Some(lines) = &mut self.lines {
            let (seconds, micros) = (now / S, now % S);
            // Writing to a string does not fail.
            writeln!(lines, "{seconds:4}.{micros:06}  {}", text()).ok();
        }
    }

    /// Two runs with the same hash took the same steps.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The text, if it was asked for.
    pub fn text(&self) -> &str {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// A number that stands for a text in the hash.
pub fn word(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
