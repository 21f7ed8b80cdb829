//! Who may be promoted, and in which order.
//!
//! A [`Candidate`] can only be built here, so a plan that promotes has been through the ranking.
//!
//! Always holds: a candidate's data is a prefix of the committed history, and no other sealed node
//! holds a longer one. Priority breaks ties and never beats length.

use alloc::vec::Vec;
use core::cmp::Reverse;

use serde::Serialize;

use crate::id::{NodeId, Offset, RunId};
use crate::lineage::{Chain, Position};

/// A sealed node that answered where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The node.
    pub node: NodeId,
    /// Its process.
    pub run_id: RunId,
    /// What it holds.
    pub position: Position,
    /// Its `replica-priority`: the smaller, the sooner; zero is never promoted.
    pub priority: u32,
    /// It was receiving or loading a whole data set, so what it holds may be incomplete.
    pub incomplete: bool,
    /// How far it had come when it was last recorded, if the record knows the process.
    pub recorded: Recorded,
}

/// What the record knows of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The same process.
    SameProcess,
    /// Another process was recorded at its address, at this offset.
    OtherProcess(Offset),
    /// Nothing.
    Unknown,
}

/// A node that may be promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    contender: Contender,
    prefix: Offset,
}

impl Candidate {
    /// The node.
    pub const fn node(&self) -> NodeId {
        self.contender.node
    }

    /// Its process: a restart would make it another contender.
    pub const fn run_id(&self) -> RunId {
        self.contender.run_id
    }

    /// What it holds.
    pub const fn position(&self) -> Position {
        self.contender.position
    }

    /// How much of the committed history it holds.
    pub const fn prefix(&self) -> Offset {
        self.prefix
    }
}

/// Why a node may not be promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Its data does not descend from this group's.
    ForeignLineage,
    /// The operator set `replica-priority 0`.
    PriorityZero,
    /// It is receiving or loading a whole data set.
    Incomplete,
    /// It restarted and holds less than it had.
    LostItsData,
    /// Strict mode: this process was not seen to hold all that the primary held.
    NoVote,
}

impl Refusal {
    /// The reason in words that complete "the node ...".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::ForeignLineage => "holds data of another lineage",
            Self::PriorityZero => "has replica-priority 0",
            Self::Incomplete => "is in the middle of a full synchronisation",
            Self::LostItsData => "restarted and holds less than it had",
            Self::NoVote => "has not caught up since it started",
        }
    }
}

/// The contenders, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// Who may be promoted, the best first.
    pub candidates: Vec<Candidate>,
    /// Who may not, and why.
    pub refused: Vec<(NodeId, Refusal)>,
}

impl Ranking {
    /// The node to promote.
    pub fn best(&self) -> Option<Candidate> {
        self.candidates.first().copied()
    }
}

/// Ranks contenders by how much of the committed history they hold; ties by priority, then run id.
pub fn rank(chain: &Chain, contenders: impl IntoIterator<Item = Contender>) -> Ranking {
    let mut ranking = Ranking::default();
    for contender in contenders {
        match judge(chain, &contender) {
            Ok(prefix) => ranking.candidates.push(Candidate { contender, prefix }),
            Err(refusal) => ranking.refused.push((contender.node, refusal)),
        }
    }
    ranking.candidates.sort_by_key(|candidate| {
        let Contender {
            priority, run_id, ..
        } = candidate.contender;
        (Reverse(candidate.prefix), priority, run_id)
    });
    ranking.refused.sort_unstable();
    ranking
}

/// Everybody restarted and nobody's data can be traced back: then the node that was in office is
/// the best guess, because its data was the newest. `None` when anybody's data can be traced.
pub fn cold_start(chain: &Chain, contenders: &[Contender], in_office: NodeId) -> Option<Candidate> {
    let traceable = |contender: &Contender| chain.common_prefix(&contender.position).is_some();
    if contenders.iter().any(traceable) {
        return None;
    }
    let usable = |contender: &&Contender| contender.node == in_office && !contender.incomplete;
    let contender = *contenders.iter().find(usable)?;
    Some(Candidate {
        contender,
        prefix: contender.position.offset,
    })
}

fn judge(chain: &Chain, contender: &Contender) -> Result<Offset, Refusal> {
    if contender.priority == 0 {
        return Err(Refusal::PriorityZero);
    }
    if contender.incomplete {
        return Err(Refusal::Incomplete);
    }
    let prefix = chain
        .common_prefix(&contender.position)
        .ok_or(Refusal::ForeignLineage)?;
    match contender.recorded {
        Recorded::OtherProcess(offset) if prefix < offset => Err(Refusal::LostItsData),
        Recorded::OtherProcess(_) | Recorded::SameProcess | Recorded::Unknown => Ok(prefix),
    }
}

#[cfg(test)]
#[path = "candidate_tests.rs"]
mod tests;
