//! Giving up the lease to a monitor that sees more.
//!
//! The holder acts only on what it sees itself. One that does not see what most others do, or that
//! finds nobody to ask or to promote, is in the way of those who could act, so it lets one of them
//! have the lease, and not again for a while.

use super::eyes::about;
use super::{Engine, Plan};
use crate::action::Deed;
use crate::event::Kind;
use crate::id::Epoch;
use crate::lease::Lease;
use crate::mutant::Mutant;
use crate::opinion::{About, Class, Count};
use crate::policy::Policy;
use crate::record::Phase;
use crate::time::Instant;
use crate::verdict::Verdict;
use crate::view::Node;

impl Engine {
    /// Gives up the lease when a quorum has seen for a while what this monitor does not.
    pub(super) fn weigh_dissent(&mut self) {
        if !self.dissents() || self.defect.is(Mutant::NeverResigns) {
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
        if self.lease != Lease::Granted {
            return false;
        }
        let Some(about) = self.disputed() else {
            return false;
        };
        if self.is_announced() {
            // Whoever has the lease goes on with it, and nobody says what he sees.
            return self.ballot().alive() > 1;
        }
        let seen = self.own().map(|own| own.seen);
        let (count, needed) = (self.others_say(about), self.ballot().needed());
        let sees_lost = seen.is_some_and(Class::is_vote);
        let sees_well = seen == Some(Class::Well);
        (count.lost >= needed && (!sees_lost || self.reaches_nobody()))
            || (count.well >= needed && !sees_well)
            // Only the holder may let a replica find out whether the primary lives.
            || (count.lost + count.suspected >= needed && !sees_well && self.hears_no_replica())
    }

    /// Whether the group has other nodes than its primary, and none of them answers this monitor.
    fn hears_no_replica(&self) -> bool {
        let primary = self.primary_node().map(|node| node.id);
        let others = self.view.nodes().filter(|node| Some(node.id) != primary);
        let mut others = others.peekable();
        others.peek().is_some() && !others.any(Node::answers)
    }

    /// The primary that others may see more of. A plan that comes forward is left alone.
    fn disputed(&self) -> Option<About> {
        match &self.plan {
            None => self.about(),
            Some(Plan::Failover(failover)) => {
                let stalled = failover.is_stalled(self.world());
                stalled.then(|| about(failover.record()))
            }
            Some(Plan::Adoption { .. } | Plan::Note(_) | Plan::Qualifying { .. }) => None,
        }
    }

    /// Whether what is under way was announced already: that needs nobody's agreement.
    fn is_announced(&self) -> bool {
        matches!(&self.plan, Some(Plan::Failover(failover))
            if matches!(failover.record().phase, Phase::Promoting { .. }))
    }

    /// Whether nobody who could be promoted is in reach.
    fn reaches_nobody(&self) -> bool {
        let hopeless = matches!(self.verdict, Verdict::NoCandidate | Verdict::TooFewVoters);
        hopeless || self.plan.is_some() || self.hears_no_replica()
    }

    fn others_say(&self, about: About) -> Count {
        self.ballot().count(about, self.now)
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
        let said = self.disputed().map(|about| self.others_say(about));
        let Count {
            lost,
            suspected,
            well,
            ..
        } = said.unwrap_or_default();
        let sees = self.own().map(|own| own.seen);
        let reaches_nobody = self.reaches_nobody();
        self.out.tell(
            self.now,
            Kind::LeaseResigned {
                sees,
                reaches_nobody,
                lost,
                suspected,
                well,
                pause,
            },
        );
        self.out.order(Epoch(0), Deed::Resign { pause });
        self.take_lease(Lease::NotHeld);
    }
}
