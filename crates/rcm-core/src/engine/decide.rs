//! What to do next: one thing at a time, the most urgent first.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::adopt::has_common_ground;
use super::{Engine, Plan, Reading};
use crate::action::{Deed, Pace};
use crate::event::{Halt, Kind};
use crate::id::Epoch;
use crate::time::Instant;
use crate::verdict::{Response, Verdict};

impl Engine {
    pub(super) fn decide(&mut self) {
        self.read_again();
        if self.halted.is_some() && !self.is_ours_after_all() {
            return;
        }
        self.see_rivals();
        self.forget();
        if matches!(self.store.reading, Reading::Current) {
            self.proceed();
        }
        self.set_pace();
    }

    /// A record that had nothing in common with those who answered may know one who came later.
    fn is_ours_after_all(&mut self) -> bool {
        let ours = self.halted == Some(Halt::ForeignRecord)
            && self
                .record()
                .is_some_and(|record| has_common_ground(&self.view, record, true) == Some(true));
        if ours {
            self.halted = None;
        }
        ours
    }

    /// Reads the record if what is known of it may be old.
    fn read_again(&mut self) {
        match self.store.reading {
            Reading::Current if self.is_overtaken() => self.read_record(),
            Reading::Failed { again } if again <= self.now => self.read_record(),
            Reading::Unread | Reading::Pending(_) | Reading::Failed { .. } | Reading::Current => {}
        }
    }

    fn proceed(&mut self) {
        self.leave_forgotten();
        match self.plan.take() {
            Some(plan) => self.tick(plan),
            None if self.record().is_some() => self.judge(),
            None => self.begin_group(),
        }
        if self.plan.is_none() {
            self.do_duties();
        }
        self.consult();
    }

    fn tick(&mut self, plan: Plan) {
        if self.is_outranked_meanwhile(&plan) {
            return self.judge();
        }
        let Some(mut plan) = self.reconsider(plan) else {
            return;
        };
        let (world, out) = self.split();
        match &mut plan {
            Plan::Failover(failover) => {
                // Only outcomes end a failover, and those do not come this way.
                failover.tick(world, out);
                if failover.is_blocked(self.world()) {
                    self.set_verdict(Verdict::TooFewVoters, None, None);
                }
            }
            Plan::Adoption { writing, .. }
            | Plan::Note(writing)
            | Plan::Qualifying { writing, .. } => {
                writing.tick(world, out);
            }
        }
        self.plan = Some(plan);
    }

    fn see_rivals(&mut self) {
        let mut names: Vec<String> = Vec::new();
        for (deciders, _) in self.view.nodes().filter_map(|node| node.deciders.as_ref()) {
            for name in &deciders.rivals {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names.sort_unstable();
        let before = mem::replace(&mut self.rivals, names.clone());
        match (before.is_empty(), names.is_empty()) {
            (true, false) if !self.policy.observe => {
                self.abandon_duties();
                self.out.tell(self.now, Kind::RivalControllers { names });
            }
            (false, true) if !self.policy.observe => {
                self.told_would_act = None;
                self.out.tell(self.now, Kind::RivalControllersGone);
                // What was only assumed while observing is not what is stored.
                if self.plan.is_none() {
                    self.read_record();
                }
            }
            _ => {}
        }
    }

    fn set_pace(&mut self) {
        let uneasy = self.verdict.calls_for() != Response::LeaveAlone;
        let busy = self.plan.is_some() || !self.duties.is_empty();
        let uneasy = uneasy || busy || self.now < self.brisk_until;
        let pace = if uneasy { Pace::Suspicion } else { Pace::Calm };
        if pace != self.pace {
            self.pace = pace;
            self.out.order(Epoch(0), Deed::Pace(pace));
        }
    }

    /// Looks more often for a moment.
    pub(super) fn look_closer(&mut self, until: Instant) {
        self.brisk_until = self.brisk_until.max(until);
    }
}
