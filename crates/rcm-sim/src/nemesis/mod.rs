//! What goes wrong, when, and with whom: a list that is made from the seed and can be shortened.
//!
//! Here are the words of that list; how it is made and what it does to the world is beside it.

mod draw;
mod heal;
mod inflict;
mod plot;
mod promise;

use rcm_core::action::Deed;
use rcm_core::record::Phase;

use crate::store::Trouble;
use crate::trace::Time;

pub use plot::Plot;
pub(crate) use plot::plan;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub when: When,
    /// With whom.
    pub whom: Whom,
    /// What.
    pub what: What,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this time.
    At(Time),
    /// So long after the monitor took this step for this many times.
    After(Step, u32, Time),
}

/// A step of a plan, as it is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are the deeds of the core")]
pub enum Step {
    Claim,
    Intend,
    Commit,
    Open,
    Fence,
    Inspect,
    Seal,
    Promote,
    Attach,
    Persist,
    Cut,
    Gates,
}

/// With whom a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The primary that is published.
    Primary,
    /// The node that the step is about, or else the primary.
    Subject,
    /// This node.
    Node(usize),
}

/// What a process finds on its disk when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Everything, with its place in the replication.
    Everything,
    /// Everything, without its place in the replication.
    OnlyData,
    /// An older dump.
    OlderDump,
    /// Nothing.
    Nothing,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum What {
    Crash {
        back_after: Option<Time>,
        disk: Disk,
    },
    /// A forked child keeps the dead process's connections open for this long.
    CrashWithChild {
        child: Time,
        back_after: Time,
    },
    HostLost {
        back_after: Time,
    },
    Stop {
        time: Time,
    },
    Script {
        time: Time,
    },
    Slow {
        time: Time,
    },
    /// The monitor does not hear the node, or the node not the monitor, or both.
    CutFromMonitor {
        time: Time,
        to: bool,
        from: bool,
    },
    CutFromNode {
        time: Time,
        other: usize,
        to: bool,
        from: bool,
    },
    Loss {
        percent: u64,
        time: Time,
    },
    MonitorKilled {
        back_after: Time,
    },
    MonitorPaused {
        time: Time,
    },
    Store {
        trouble: Trouble,
        time: Time,
    },
    PromotedByHand,
    AttachedByHand {
        to: usize,
    },
}

impl What {
    /// The word for the summary.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::CrashWithChild { .. } => "crash with a child",
            Self::HostLost { .. } => "host lost",
            Self::Stop { .. } => "stop",
            Self::Script { .. } => "script",
            Self::Slow { .. } => "slow",
            Self::CutFromMonitor { .. } => "cut from the monitor",
            Self::CutFromNode { .. } => "cut from a node",
            Self::Loss { .. } => "loss",
            Self::MonitorKilled { .. } => "monitor killed",
            Self::MonitorPaused { .. } => "monitor paused",
            Self::Store { .. } => "store",
            Self::PromotedByHand => "promoted by hand",
            Self::AttachedByHand { .. } => "attached by hand",
        }
    }
}

impl Step {
    pub(crate) fn of(deed: &Deed) -> Option<Self> {
        Some(match deed {
            Deed::Write { record, .. } => match record.phase {
                Phase::Claimed { .. } => Self::Claim,
                Phase::Promoting { .. } => Self::Intend,
                Phase::Committed => Self::Commit,
            },
            Deed::Open { .. } => Self::Open,
            Deed::Fence { .. } => Self::Fence,
            Deed::Inspect { .. } => Self::Inspect,
            Deed::Seal { .. } => Self::Seal,
            Deed::Promote { .. } => Self::Promote,
            Deed::Attach { .. } => Self::Attach,
            Deed::SetGates { .. } => Self::Gates,
            Deed::Persist { .. } => Self::Persist,
            Deed::CutLink { .. } => Self::Cut,
            Deed::Watch { .. }
            | Deed::Unwatch { .. }
            | Deed::Pace(_)
            | Deed::Read
            | Deed::Close { .. } => return None,
        })
    }
}
