//! Giving up the lease to a monitor that sees more.
//!
//! The holder acts only on what it sees itself. One that does not see what most others do is in the way
//! of those who could act, so it lets one of them have the lease, and not again for a while.

use super::Engine;
use crate::action::Deed;
use crate::event::Kind;
use crate::id::Epoch;
use crate::lease::Lease;
use crate::opinion::Class;
use crate::policy::Policy;
use crate::time::Instant;
use crate::verdict::Verdict;

impl Engine {
    /// Gives up the lease when a quorum has seen for a while what this monitor does not.
    pub(super) fn weigh_dissent(&mut self) {
        if !self.dissents() {
            self.eyes.dissents_since = None;
        } else if self.resign_at().is_some_and(|at| at <= self.now) {
            self.resign();
        } else {
            self.eyes.dissents_since.get_or_insert(self.now);
        }
    }

    /// Whether a quorum without this monitor, which may act, sees what it does not: then it is in
    /// the way.
    fn dissents(&self) -> bool {
        let Some(about) = self.about().filter(|_| self.lease == Lease::Granted) else {
            return false;
        };
        let seen = self.own().map(|own| own.seen);
        let ballot = self.ballot();
        let (count, needed) = (ballot.count(about, self.now), ballot.needed());
        let sees_lost = seen.is_some_and(Class::is_vote);
        let reaches_nobody = matches!(self.verdict, Verdict::NoCandidate | Verdict::TooFewVoters);
        (count.lost >= needed && (!sees_lost || reaches_nobody))
            || (count.well >= needed && seen != Some(Class::Well))
    }

    pub(super) fn resign_at(&self) -> Option<Instant> {
        let due = self.eyes.dissents_since? + Policy::RESIGN_AFTER;
        let resigned = self.eyes.resigned_at;
        Some(resigned.map_or(due, |at| due.max(at + Policy::RESIGN_AGAIN)))
    }

    fn resign(&mut self) {
        let pause = Policy::RESIGNED_FOR;
        self.eyes.dissents_since = None;
        self.eyes.resigned_at = Some(self.now);
        let count = self
            .about()
            .map(|about| self.ballot().count(about, self.now));
        let count = count.unwrap_or_default();
        let sees = self.own().map(|own| own.seen);
        let (lost, well) = (count.lost, count.well);
        self.out.tell(
            self.now,
            Kind::LeaseResigned {
                sees,
                lost,
                well,
                pause,
            },
        );
        self.out.order(Epoch(0), Deed::Resign { pause });
        self.take_lease(Lease::NotHeld);
    }
}
