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
    /// Peers that see something against it, and not enough.
    pub suspected: usize,
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
            count.suspected += usize::from(seen == Class::Suspected);
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

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::id::Epoch;
    use crate::opinion::{Heard, Opinion};

    const ABOUT: About = About {
        epoch: Epoch(1),
        run_id: None,
    };

    fn peers(count: usize, alive: usize, seen: Class, age: Duration) -> Vec<Peer> {
        let opinion = Opinion {
            about: ABOUT,
            seen,
            age,
        };
        let said = Some(Heard {
            opinion,
            at: Instant::ZERO,
        });
        let peer = |number: usize| Peer {
            id: format!("m{number}").parse().unwrap(),
            alive: number < alive,
            said,
        };
        (0..count).map(peer).collect()
    }

    fn needed(others: usize, alive: usize, quorum: Option<usize>) -> usize {
        let peers = peers(others, alive, Class::Well, Duration::ZERO);
        Ballot {
            peers: &peers,
            quorum,
            defect: Defect::default(),
        }
        .needed()
    }

    fn counted(seen: Class, age: Duration, after: Duration) -> Count {
        let peers = peers(2, 1, seen, age);
        let ballot = Ballot {
            peers: &peers,
            quorum: None,
            defect: Defect::default(),
        };
        ballot.count(ABOUT, Instant::ZERO + after)
    }

    #[test]
    fn a_majority_of_the_registered_is_needed_however_many_live() {
        let majorities = [(0, 1), (1, 2), (2, 2), (3, 3), (4, 3), (6, 4)];
        for (others, majority) in majorities {
            for alive in 0..=others {
                assert_eq!(needed(others, alive, None), majority, "{others} others");
            }
        }
    }

    #[test]
    fn the_operators_quorum_is_at_most_everybody() {
        assert_eq!(needed(2, 2, Some(1)), 1);
        assert_eq!(needed(2, 0, Some(3)), 3);
        assert_eq!(needed(2, 2, Some(9)), 3);
        assert_eq!(needed(2, 2, Some(0)), 1);
    }

    #[test]
    fn only_the_living_are_heard_and_only_for_a_while() {
        let lost = |after| counted(Class::Hung, Duration::ZERO, after).lost;
        assert_eq!(lost(Duration::ZERO), 1);
        assert_eq!(lost(Duration::from_millis(1_999)), 1);
        assert_eq!(lost(Policy::OPINION_LASTS), 0);
    }

    #[test]
    fn a_veto_is_as_old_as_what_the_replicas_received() {
        let vetoes = |age| counted(Class::Replicating, age, Duration::from_secs(1)).vetoes;
        assert_eq!(vetoes(Duration::from_millis(900)), 1);
        assert_eq!(vetoes(Duration::from_secs(1)), 0);
    }
}
