//! Evidence against a node, and what it amounts to.

use crate::observation::Failure;
use crate::time::Instant;

/// Evidence against a node, all of it newer than its last sign of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// An established connection ended.
    pub closed_at: Option<Instant>,
    /// A connect was refused: first and last time.
    pub refused: Option<(Instant, Instant)>,
    /// A request is unanswered since.
    pub mute_since: Option<Instant>,
    /// Nothing came back at TCP level: first and last time.
    pub silent: Option<(Instant, Instant)>,
    /// The last time that a connection was accepted without an answer following.
    pub accepted_at: Option<Instant>,
    /// When it was reached again, after nothing had come back at TCP level.
    pub reached_at: Option<Instant>,
    /// The host name stopped resolving, or something else than a server answers.
    pub other: Option<(Failure, Instant)>,
}

impl Trouble {
    /// Whether nothing speaks against the node.
    pub fn is_none(&self) -> bool {
        self.began_at().is_none()
    }

    /// A connection was accepted: proof of a way there, none of a server that works.
    pub(super) fn accepts(&mut self, at: Instant) {
        if self.failure() == Some(Failure::Silent) {
            self.reached_at = Some(at);
        }
        self.accepted_at = Some(at);
    }

    /// When the first evidence appeared.
    pub fn began_at(&self) -> Option<Instant> {
        let other = self.other.map(|(_, at)| at);
        let refused = self.refused.map(|(first, _)| first);
        let silent = self.silent.map(|(first, _)| first);
        [self.closed_at, refused, self.mute_since, silent, other]
            .into_iter()
            .flatten()
            .min()
    }

    /// Since when connects are refused, if the last one was.
    pub fn refusing_since(&self) -> Option<Instant> {
        let (first, last) = self.refused?;
        let newer = |at: Option<Instant>| at.is_some_and(|at| at > last);
        // A dying process's listener may accept a few more connects, but those come before.
        let contradicted = newer(self.accepted_at) || newer(self.silent.map(|(_, last)| last));
        (!contradicted).then_some(first)
    }

    /// The evidence as the failure that describes it best.
    pub fn failure(&self) -> Option<Failure> {
        if self.refusing_since().is_some() {
            return Some(Failure::Refused);
        }
        let silent_last = self.silent.map(|(_, last)| last);
        if silent_last.is_some() && silent_last >= self.accepted_at {
            return Some(Failure::Silent);
        }
        if let Some((failure, _)) = self.other {
            return Some(failure);
        }
        if self.mute_since.is_some() {
            return Some(Failure::Mute);
        }
        self.closed_at.map(|_| Failure::Closed)
    }
}
