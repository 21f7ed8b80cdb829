//! What the engine is told.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::action::Outcome;
use crate::id::{ActionId, Revision, Version};
use crate::lease::Lease;
use crate::observation::Observation;
use crate::opinion::Peer;
use crate::settings::Settings;

/// Something that the engine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// A look at a node brought something.
    Observation(Observation),
    /// An action came to something.
    Outcome {
        /// The action.
        id: ActionId,
        /// What it came to.
        outcome: Outcome,
    },
    /// Whether this monitor may act. A lease that is granted is told again with every renewal.
    Lease(Lease),
    /// The record was written, by anybody: a watch of the store tells, sooner or later, and what it
    /// tells last is what is stored. A store that nobody else writes to need not tell.
    Stored {
        /// What was written has this revision.
        revision: Revision,
    },
    /// Whether the store can be written.
    Store {
        /// What is the matter with it.
        trouble: Option<String>,
    },
    /// Who is registered with the store besides this monitor, who of them lives, and what each said
    /// last: all of them, whenever something of that has changed. A store of one monitor need not
    /// tell; where several can register nothing is begun before this was told.
    Monitors(Vec<Peer>),
    /// What the operators have agreed on is something else from now on.
    Settings {
        /// Its version.
        version: Version,
        /// All of it.
        settings: Box<Settings>,
    },
    /// The monitor's own scheduling was late, so nothing could be heard for this long.
    Late {
        /// For how long.
        by: Duration,
    },
}
