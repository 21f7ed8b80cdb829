//! What happened, for people and programs: every event has a stable code and one line of text.
//!
//! The engine does not log; the driver writes these lines. This is the only module of the core
//! that makes sentences.

mod codes;
mod detail;
mod kind;
mod severity;
mod text;
mod words;

use crate::rule::Rule;
use crate::time::Instant;

pub use codes::CODES;
pub use detail::{Adoption, Halt, Obstacle, Refused, Setback, Standing};
pub use kind::Kind;
pub use severity::Severity;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// The transition that it belongs to, if it belongs to one.
    pub rule: Option<Rule>,
    /// What.
    pub kind: Kind,
}
