//! What goes wrong, when, and with whom: a list that is made from the seed and can be shortened.
//!
//! Here are the words of that list; how it is made and what it does to the world is beside it.

mod aimed;
mod at_step;
mod calm;
mod deposed;
mod draw;
mod eyes;
mod heal;
mod inflict;
mod interrupted;
mod operated;
mod plot;
mod promise;
mod stalled;
mod strangers;
mod switchover;
mod weather;

use rcm_core::action::Deed;
use rcm_core::record::Phase;

use crate::monitor::Who;
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
    Pause,
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

/// Whom a fault happened with, as far as a step tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject {
    /// The node that the step was about.
    pub(crate) node: Option<usize>,
    /// The monitor that took it.
    pub(crate) monitor: Option<Who>,
}

/// How many of each there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    pub(crate) monitors: usize,
}

/// Which monitors a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The one that took the step, or else the one that holds the lease.
    Leader,
    /// All but that one.
    Others,
    /// This one.
    Monitor(usize),
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
    /// A monitor does not hear the node, or the node not the monitor, or both.
    CutFromMonitor {
        whose: Whose,
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
    /// A monitor does not reach the store, or the store not the monitor, or both.
    CutFromStore {
        whose: Whose,
        time: Time,
        to: bool,
        from: bool,
    },
    MonitorKilled {
        whose: Whose,
        back_after: Time,
    },
    /// It never comes back.
    MonitorGone {
        whose: Whose,
    },
    MonitorPaused {
        whose: Whose,
        time: Time,
    },
    Store {
        trouble: Trouble,
        time: Time,
    },
    /// The operator sets the node's `replica-priority`.
    Priority {
        to: u32,
    },
    PromotedByHand,
    AttachedByHand {
        to: usize,
    },
    /// Somebody asks for a switchover, to this node or to any.
    Switchover {
        to: Option<usize>,
    },
    /// Somebody asks for another primary, whatever that takes.
    Replace,
    /// The node takes over from the primary, which follows it, as all others do.
    HandedOver,
    /// The node's host is gone, and after a while a server of another group has its address: one that
    /// leads a replica there, or one that follows. The monitors reach it when it does.
    AddressReused {
        after: Time,
        leads: bool,
    },
    /// All connections of the node end, and nothing else happens to it.
    Reset,
    /// Nobody gets a new connection to the node, or hears why; the old ones go on.
    Deaf {
        time: Time,
    },
    /// All packets are late, each by as much as this.
    Late {
        most: Time,
        time: Time,
    },
    /// The operator adds a spare to the group.
    SpareAdded,
    /// The operator forgets the node.
    Forgotten,
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
            Self::CutFromMonitor { .. } => "cut from a monitor",
            Self::CutFromNode { .. } => "cut from a node",
            Self::Loss { .. } => "loss",
            Self::CutFromStore { .. } => "cut from the store",
            Self::MonitorKilled { .. } => "monitor killed",
            Self::MonitorGone { .. } => "monitor gone",
            Self::MonitorPaused { .. } => "monitor paused",
            Self::Store { .. } => "store",
            Self::Priority { .. } => "priority",
            Self::PromotedByHand => "promoted by hand",
            Self::AttachedByHand { .. } => "attached by hand",
            Self::Switchover { .. } => "switchover",
            Self::Replace => "replace",
            Self::HandedOver => "handed over",
            Self::AddressReused { .. } => "address reused",
            Self::Reset => "reset",
            Self::Deaf { .. } => "deaf",
            Self::Late { .. } => "late",
            Self::SpareAdded => "spare added",
            Self::Forgotten => "forgotten",
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
            Deed::Pause { .. } => Self::Pause,
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
            | Deed::Resume { .. }
            | Deed::Close { .. }
            | Deed::Tell(_)
            | Deed::Resign { .. } => return None,
        })
    }
}
