//! Ordered steps towards the record, each of which can be interrupted.
//!
//! A plan turns outcomes into actions. It never looks at a clock and never waits: it says when it
//! wants to be woken. What has been done is in the record and on the nodes, so a plan that dies
//! after any step is finished by whoever reads the record next.

mod bring_back;
mod claim;
mod count;
mod failover;
mod grip;
mod hand;
mod outbox;
mod voters;

pub use bring_back::{Duty, DutyEnd, Need, WriteDown};
pub use claim::{Stored, Writing, Written};
pub use failover::{Failover, Incumbent, Progress};
pub use outbox::Outbox;

use crate::id::MonitorId;
use crate::mutant::{Defect, Mutant};
use crate::policy::{Nodes, Policy};
use crate::time::Instant;
use crate::view::View;

/// What a plan may read.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The time.
    pub now: Instant,
    /// What is known of the nodes.
    pub view: &'a View,
    /// What the operator decided.
    pub policy: &'a Policy,
    /// Which nodes the operator named.
    pub nodes: &'a Nodes,
    /// Who acts.
    pub me: &'a MonitorId,
    /// The rule that is taken away, in a simulation.
    pub defect: Defect,
}

impl World<'_> {
    fn lacks(&self, rule: Mutant) -> bool {
        self.defect.is(rule)
    }
}
