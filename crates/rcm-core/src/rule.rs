//! The numbered transitions of every plan. The number reaches the event, the log and the docs.
//!
//! Gaps between the numbers are left for insertions; a number is never given a new meaning.

use core::fmt;

use serde::{Serialize, Serializer};

/// One transition of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The primary is lost: claim the next epoch.
    F100,
    /// The plan met a newer record: obey it.
    F105,
    /// The lease was lost: leave the plan to whoever holds it.
    F107,
    /// Claimed: get hold of every node.
    F110,
    /// Before anything was done to the primary it turned out to be well: settle the epoch.
    F115,
    /// An announced promotion was found: look at that node first.
    F120,
    /// The announced node was promoted: commit it.
    F122,
    /// The announced node was not promoted, or cannot be had: seal and rank all.
    F126,
    /// A node is held and has applied what it received: seal it.
    F130,
    /// The sealed nodes are counted and ranked: announce the best.
    F140,
    /// Everybody restarted and nobody's data can be traced back: announce the node that was in office.
    F142,
    /// Nobody can be promoted: stay sealed and keep trying.
    F145,
    /// Nobody could be promoted, and a node has come, or was changed, that can: claim again.
    F146,
    /// Strict mode: too few voters are sealed: stay sealed and keep trying.
    F147,
    /// Announced: promote.
    F150,
    /// The outcome of the promotion is unknown: claim again and look.
    F155,
    /// Promoted: commit.
    F160,
    /// Strict mode: committed: open the gates of the new primary.
    F165,
    /// Committed: publish.
    F170,
    /// A switchover was asked for: claim the next epoch.
    S100,
    /// Claimed: get hold of the primary and of its successor, and let the successor come close.
    S110,
    /// The successor is close: let the primary's writes wait.
    S112,
    /// The switchover cannot be made, and the primary is not sealed: it goes on.
    S115,
    /// Writes wait: let the successor catch up.
    S120,
    /// The seal is not answered: claim again, which ends it, to see what became of it.
    S125,
    /// The primary may be sealed, and the successor cannot follow it: seal and rank all, the primary
    /// among them.
    S126,
    /// Claimed again: get hold of both, and look at the primary.
    S128,
    /// The primary turns out to be sealed: go on from there.
    S129,
    /// The successor holds what the paused primary holds: seal the primary.
    S130,
    /// The sealed primary holds no more than the sealed successor: announce it.
    S140,
    /// A primary that is not the recorded one: seal it.
    R200,
    /// A node does not follow the recorded primary: attach it.
    R210,
    /// A node has its final role: let it write it down.
    R220,
    /// The first record of a group.
    R230,
    /// A clean change made by hand: adopt it under a new epoch.
    R240,
    /// A restarted primary holds all that its replicas hold: adopt it under a new epoch.
    R250,
    /// The primary's stream got another name without a restart: adopt it under a new epoch.
    R255,
    /// An unfinished claim found the primary well: settle the epoch.
    R260,
    /// The old primary was met again: the loss is known exactly, or never will be.
    R270,
    /// Strict mode: a member has caught up with the primary since it started: it votes again.
    R280,
    /// Strict mode: a node's gates are not as they should be: set them.
    R290,
}

/// Where a failover, or a switchover, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No plan is under way.
    Idle,
    /// The next epoch is being written.
    Claiming,
    /// A promotion announced earlier is being examined.
    Resuming,
    /// The successor comes close, and nobody has to wait.
    Approaching,
    /// The primary is being asked to let writes wait.
    Pausing,
    /// Writes wait until the successor holds everything.
    CatchingUp,
    /// The primary is looked for, to see whether it is sealed.
    Examining,
    /// The nodes are being sealed.
    Sealing,
    /// The promotion is being announced.
    Intending,
    /// The chosen node is being promoted.
    Promoting,
    /// The new primary is being committed.
    Committing,
    /// The gates of the new primary are being opened.
    Opening,
}

/// One edge of the plan: the rule, where it starts and where it leads.
pub type Edge = (Rule, Stage, Stage);

/// Every edge that a failover or a switchover can take.
pub const TRANSITIONS: &[Edge] = &[
    (Rule::F100, Stage::Idle, Stage::Claiming),
    (Rule::F105, Stage::Claiming, Stage::Idle),
    (Rule::F110, Stage::Claiming, Stage::Sealing),
    (Rule::F115, Stage::Sealing, Stage::Committing),
    (Rule::F120, Stage::Claiming, Stage::Resuming),
    (Rule::F105, Stage::Resuming, Stage::Idle),
    (Rule::F122, Stage::Resuming, Stage::Committing),
    (Rule::F126, Stage::Resuming, Stage::Sealing),
    (Rule::F130, Stage::Sealing, Stage::Sealing),
    (Rule::F140, Stage::Sealing, Stage::Intending),
    (Rule::F142, Stage::Sealing, Stage::Intending),
    (Rule::F145, Stage::Sealing, Stage::Sealing),
    (Rule::F146, Stage::Sealing, Stage::Claiming),
    (Rule::R240, Stage::Sealing, Stage::Idle),
    (Rule::F147, Stage::Sealing, Stage::Sealing),
    (Rule::F105, Stage::Sealing, Stage::Idle),
    (Rule::F150, Stage::Intending, Stage::Promoting),
    (Rule::F105, Stage::Intending, Stage::Idle),
    (Rule::F155, Stage::Promoting, Stage::Claiming),
    (Rule::F160, Stage::Promoting, Stage::Committing),
    (Rule::F105, Stage::Committing, Stage::Idle),
    (Rule::F165, Stage::Committing, Stage::Opening),
    (Rule::F170, Stage::Committing, Stage::Idle),
    (Rule::F170, Stage::Opening, Stage::Idle),
    (Rule::S100, Stage::Idle, Stage::Claiming),
    (Rule::S110, Stage::Claiming, Stage::Approaching),
    (Rule::F105, Stage::Approaching, Stage::Idle),
    (Rule::F107, Stage::Approaching, Stage::Idle),
    (Rule::S115, Stage::Approaching, Stage::Committing),
    (Rule::S112, Stage::Approaching, Stage::Pausing),
    (Rule::F105, Stage::Pausing, Stage::Idle),
    (Rule::S115, Stage::Pausing, Stage::Committing),
    (Rule::S120, Stage::Pausing, Stage::CatchingUp),
    (Rule::S115, Stage::CatchingUp, Stage::Committing),
    (Rule::S130, Stage::CatchingUp, Stage::Sealing),
    (Rule::S115, Stage::Sealing, Stage::Committing),
    (Rule::S125, Stage::Sealing, Stage::Claiming),
    (Rule::S126, Stage::Sealing, Stage::Sealing),
    (Rule::S128, Stage::Claiming, Stage::Examining),
    (Rule::S115, Stage::Examining, Stage::Committing),
    (Rule::S126, Stage::Examining, Stage::Sealing),
    (Rule::S129, Stage::Examining, Stage::Sealing),
    (Rule::F105, Stage::Examining, Stage::Idle),
    (Rule::F107, Stage::Examining, Stage::Idle),
    (Rule::F105, Stage::CatchingUp, Stage::Idle),
    (Rule::F107, Stage::Pausing, Stage::Idle),
    (Rule::F107, Stage::CatchingUp, Stage::Idle),
    (Rule::S140, Stage::Sealing, Stage::Intending),
    (Rule::F105, Stage::Promoting, Stage::Idle),
    (Rule::F107, Stage::Claiming, Stage::Idle),
    (Rule::F107, Stage::Resuming, Stage::Idle),
    (Rule::F107, Stage::Sealing, Stage::Idle),
    (Rule::F107, Stage::Intending, Stage::Idle),
    (Rule::F107, Stage::Promoting, Stage::Idle),
    (Rule::F107, Stage::Committing, Stage::Idle),
    (Rule::F105, Stage::Opening, Stage::Idle),
    (Rule::F107, Stage::Opening, Stage::Idle),
];

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Claiming => "claiming",
            Self::Resuming => "resuming",
            Self::Approaching => "approaching",
            Self::Pausing => "pausing",
            Self::CatchingUp => "catching up",
            Self::Examining => "examining",
            Self::Sealing => "sealing",
            Self::Intending => "intending",
            Self::Promoting => "promoting",
            Self::Committing => "committing",
            Self::Opening => "opening",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn every_stage_can_be_reached_and_left() {
        let mut reached = BTreeSet::from([Stage::Idle]);
        for _ in TRANSITIONS {
            for (_, from, to) in TRANSITIONS {
                if reached.contains(from) {
                    reached.insert(*to);
                }
            }
        }
        assert_eq!(reached.len(), 12);
        for stage in reached {
            assert!(
                TRANSITIONS
                    .iter()
                    .any(|&(_, from, to)| from == stage && to != stage)
            );
        }
    }

    #[test]
    fn no_edge_is_listed_twice() {
        let edges: BTreeSet<_> = TRANSITIONS.iter().collect();
        assert_eq!(edges.len(), TRANSITIONS.len());
    }
}
