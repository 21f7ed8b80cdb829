//! Whether enough monitors say that a primary is lost.
//!
//! Always holds: the number that is needed follows from who is registered, and not from who lives,
//! so that monitors which die, or are cut off, do not make it smaller.

use super::{About, Class, Peer};
use crate::mutant::{Defect, Mutant};
use crate::policy::Policy;
use crate::time::Instant;

/// All registered monitors: this one and its peers.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'a> {
    /// The others.
    pub peers: &'a [Peer],
    /// The operator's `quorum`; without it a majority.
    pub quorum: Option<usize>,
    /// What is wrong with the count, in a simulation.
    pub defect: Defect,
}

/// What a count comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Peers that say that the primary is lost.
    pub lost: usize,
    /// Peers that say that it answers.
    pub well: usize,
    /// Peers that say that its replicas receive its stream.
    pub vetoes: usize,
}

impl Ballot<'_> {
    /// Whether this monitor has no peers. Then nobody is asked.
    pub const fn is_alone(&self) -> bool {
        self.peers.is_empty()
    }

    /// How many monitors have to say that the primary is lost.
    pub fn needed(&self) -> usize {
        let registered = if self.defect.is(Mutant::QuorumShrinks) {
            self.alive()
        } else {
            self.peers.len() + 1
        };
        let majority = registered / 2 + 1;
        self.quorum.unwrap_or(majority).clamp(1, registered)
    }

    /// How many monitors live, this one included.
    pub fn alive(&self) -> usize {
        self.peers.iter().filter(|peer| peer.alive).count() + 1
    }

    /// What the peer says of this primary at `now`: nothing, when it speaks of another one, or has
    /// not said it again for too long.
    pub fn says(&self, peer: &Peer, about: About, now: Instant) -> Option<Class> {
        let heard = peer.said.filter(|_| peer.alive)?;
        let same = heard.opinion.about == about || self.defect.is(Mutant::AnyPrimary);
        let valid = now.since(heard.at) < Policy::OPINION_LASTS;
        let valid = valid || self.defect.is(Mutant::StaleOpinion);
        (same && valid).then_some(heard.opinion.seen)
    }

    /// Counts what is said of this primary.
    pub fn count(&self, about: About, now: Instant) -> Count {
        let mut count = Count::default();
        for peer in self.peers {
            let Some(seen) = self.says(peer, about, now) else {
                continue;
            };
            count.lost += usize::from(seen.is_vote());
            count.well += usize::from(seen == Class::Well);
            count.vetoes += usize::from(seen == Class::Replicating && is_fresh(peer, now));
        }
        count
    }
}

/// Whether bytes were received lately: what was received before a crash does not speak against it.
fn is_fresh(peer: &Peer, now: Instant) -> bool {
    peer.said.is_some_and(|heard| {
        now.since(heard.at).saturating_add(heard.opinion.age) < Policy::OPINION_LASTS
    })
}
