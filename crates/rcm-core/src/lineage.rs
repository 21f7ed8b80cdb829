//! The chain of replication ids that a group's data descends through, and where a node stands on it.
//!
//! Offsets of two replication ids are not comparable, and the newest id is not the longest history:
//! a lagging replica takes its new primary's id while it holds less than a peer with the old one.
//! The only sound measure is the length of the prefix that a node shares with the committed chain.
//!
//! Always holds: an edge's fork is where its stream left its parent; every byte up to the fork is
//! the same in both.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Offset, ReplicationId};
use crate::observation::Replication;

/// How much of which stream a node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The stream.
    pub id: ReplicationId,
    /// The stream it continues, and up to where the two are one.
    pub previous: Option<(ReplicationId, Offset)>,
    /// The last byte held.
    pub offset: Offset,
}

impl From<&Replication> for Position {
    fn from(replication: &Replication) -> Self {
        Self {
            id: replication.id,
            previous: replication.previous,
            offset: replication.offset,
        }
    }
}

/// `id` continues `parent` from `fork` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The younger stream.
    pub id: ReplicationId,
    /// The stream that it left.
    pub parent: ReplicationId,
    /// The last byte that both have.
    pub fork: Offset,
}

/// The committed lineage: the current stream and those it descends from, youngest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    head: ReplicationId,
    edges: Vec<Edge>,
    /// Streams beside the lineage, the youngest last: abandoned ones, and in strict mode those of
    /// nodes that were promoted and never committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    branches: Vec<Edge>,
}

impl Chain {
    /// How many generations are remembered. A node that comes back from further away gets a full
    /// resynchronisation, which its server would give it anyway.
    pub const MAX_EDGES: usize = 64;

    /// A chain that begins with `head`.
    pub const fn new(head: ReplicationId) -> Self {
        Self {
            head,
            edges: Vec::new(),
            branches: Vec::new(),
        }
    }

    /// The current stream.
    pub const fn head(&self) -> ReplicationId {
        self.head
    }

    /// The chain after `id` has continued it from `fork` on. What it leaves behind is remembered: a
    /// replica of an abandoned stream still shares with the lineage what came before the fork.
    #[must_use]
    pub fn extended(&self, id: ReplicationId, parent: ReplicationId, fork: Offset) -> Self {
        if id == self.head {
            return self.clone();
        }
        let older = self.edges.iter().skip_while(|edge| edge.id != parent);
        let mut edges: Vec<Edge> = older.copied().collect();
        edges.insert(0, Edge { id, parent, fork });
        edges.truncate(Self::MAX_EDGES);
        let chain = Self {
            head: id,
            edges,
            branches: Vec::new(),
        };
        chain.remembering(self)
    }

    /// Whether a stream belongs to this lineage.
    pub fn contains(&self, id: ReplicationId) -> bool {
        self.cap(id).is_some()
    }

    /// The same chain, with what `older` knows of streams that are not on this one.
    fn remembering(&self, older: &Self) -> Self {
        let known = older.branches.iter().chain(older.edges.iter().rev());
        known.copied().fold(self.clone(), Self::with_branch)
    }

    /// The chain as it is when the branch `id` is in office. What is not known stays as it is.
    #[must_use]
    pub fn reaching(&self, id: ReplicationId) -> Self {
        let mut path = Vec::new();
        let mut at = id;
        while !self.contains(at) && path.len() < self.branches.len() {
            let Some(edge) = self.branches.iter().find(|edge| edge.id == at) else {
                return self.clone();
            };
            path.push(*edge);
            at = edge.parent;
        }
        let path = path.iter().rev();
        path.fold(self.clone(), |chain, edge| {
            chain.extended(edge.id, edge.parent, edge.fork)
        })
    }

    /// The same chain, with one more stream beside it.
    #[must_use]
    pub fn with_branch(mut self, edge: Edge) -> Self {
        let known = self.branches.iter().any(|known| known.id == edge.id);
        if !self.contains(edge.id) && !known {
            self.branches.push(edge);
            let most = self.branches.len().saturating_sub(Self::MAX_EDGES);
            self.branches.drain(..most);
        }
        self
    }

    /// How long a prefix of the committed history the position holds; `None` when it holds none
    /// that we can name.
    pub fn common_prefix(&self, position: &Position) -> Option<Offset> {
        self.prefix_of(position.id, position.offset).or_else(|| {
            let (previous, fork) = position.previous?;
            self.prefix_of(previous, position.offset.min(fork))
        })
    }

    /// The prefix that so much of a stream is worth, back along its branch to the chain.
    fn prefix_of(&self, mut id: ReplicationId, mut offset: Offset) -> Option<Offset> {
        // A branch leads to the chain or nowhere: never further than there are branches.
        for _ in 0..=self.branches.len() {
            if let Some(cap) = self.cap(id) {
                return Some(offset.min(cap));
            }
            let edge = self.branches.iter().find(|edge| edge.id == id)?;
            (id, offset) = (edge.parent, offset.min(edge.fork));
        }
        None
    }

    /// Up to which byte the chain runs through `id`; `None` when it does not.
    fn cap(&self, id: ReplicationId) -> Option<Offset> {
        let mut cap = Offset(u64::MAX);
        if id == self.head {
            return Some(cap);
        }
        for edge in &self.edges {
            cap = cap.min(edge.fork);
            if edge.parent == id {
                return Some(cap);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicationId = ReplicationId::from_number(0xA);
    const B: ReplicationId = ReplicationId::from_number(0xB);
    const C: ReplicationId = ReplicationId::from_number(0xC);
    const X: ReplicationId = ReplicationId::from_number(0xD);

    fn at(id: ReplicationId, offset: u64) -> Position {
        Position {
            id,
            previous: None,
            offset: Offset(offset),
        }
    }

    fn continuing(id: ReplicationId, offset: u64, parent: ReplicationId, fork: u64) -> Position {
        Position {
            previous: Some((parent, Offset(fork))),
            ..at(id, offset)
        }
    }

    #[test]
    fn a_position_is_worth_the_prefix_it_shares_with_the_committed_chain() {
        let chain = Chain::new(A)
            .extended(B, A, Offset(100))
            .extended(C, B, Offset(150));
        for (position, prefix) in [
            (at(C, 180), Some(180)),
            (at(B, 140), Some(140)),
            // B went on to 200 after C had left it at 150: those bytes were abandoned.
            (at(B, 200), Some(150)),
            (at(A, 90), Some(90)),
            (at(A, 300), Some(100)),
            (at(X, 500), None),
            // An orphan that was promoted at 160 of C and wrote on.
            (continuing(X, 500, C, 160), Some(160)),
            // A replica that took an unknown id before it reached the fork.
            (continuing(X, 120, C, 160), Some(120)),
        ] {
            assert_eq!(
                chain.common_prefix(&position),
                prefix.map(Offset),
                "{position:?}"
            );
        }
    }

    #[test]
    fn a_larger_raw_offset_on_an_abandoned_branch_is_worth_less() {
        let chain = Chain::new(A).extended(B, A, Offset(100));
        let abandoned = chain.common_prefix(&at(A, 9_000));
        let lagging = chain.common_prefix(&at(B, 101));
        assert!(lagging > abandoned);
    }

    #[test]
    fn extending_from_an_older_stream_drops_what_came_after_it() {
        let chain = Chain::new(A)
            .extended(B, A, Offset(100))
            .extended(C, A, Offset(90));
        assert!(!chain.contains(B));
        assert_eq!(chain.common_prefix(&at(A, 95)), Some(Offset(90)));
    }

    #[test]
    fn an_abandoned_stream_is_worth_what_it_shares_with_the_chain() {
        let before = Chain::new(A).extended(B, A, Offset(100));
        let after = before.extended(C, A, Offset(90));
        // It received everything from the primary of B, so it names no other stream.
        assert_eq!(after.common_prefix(&at(B, 150)), Some(Offset(90)));
        assert_eq!(after.common_prefix(&at(B, 80)), Some(Offset(80)));
        // Promoted on top of a stream that was never committed.
        let orphan = Edge {
            id: X,
            parent: B,
            fork: Offset(85),
        };
        let twice = continuing(ReplicationId::from_number(0xE), 300, X, 200);
        assert_eq!(after.common_prefix(&twice), None);
        let after = after.with_branch(orphan);
        assert_eq!(after.common_prefix(&twice), Some(Offset(85)));
        let reached = after.reaching(X);
        assert_eq!(reached.common_prefix(&twice), Some(Offset(200)));
        assert_eq!(reached.common_prefix(&at(B, 150)), Some(Offset(85)));
    }

    #[test]
    fn branches_are_few_and_the_youngest_stay() {
        let mut chain = Chain::new(ReplicationId::from_number(0));
        for branch in 1..200 {
            let parent = chain.head();
            chain = chain.with_branch(Edge {
                id: ReplicationId::from_number(branch),
                parent,
                fork: Offset(branch),
            });
        }
        assert_eq!(chain.branches.len(), Chain::MAX_EDGES);
        let youngest = at(ReplicationId::from_number(199), 1_000);
        assert_eq!(chain.common_prefix(&youngest), Some(Offset(199)));
    }

    #[test]
    fn the_chain_remembers_a_bounded_number_of_generations() {
        let mut chain = Chain::new(ReplicationId::from_number(0));
        for generation in 1..200 {
            let id = ReplicationId::from_number(generation);
            chain = chain.extended(id, chain.head(), Offset(generation));
        }
        assert_eq!(chain.edges.len(), Chain::MAX_EDGES);
        assert!(chain.contains(ReplicationId::from_number(199 - 64)));
        assert!(!chain.contains(ReplicationId::from_number(100)));
    }
}
