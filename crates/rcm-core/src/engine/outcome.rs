//! What came of actions: whom it concerns, and what follows from it.

use alloc::string::String;
use core::time::Duration;

use super::{Engine, Plan, Reading, Since, Store};
use crate::action::{Deed, Done, Outcome};
use crate::event::Kind;
use crate::id::{ActionId, NodeId};
use crate::observation::Gates;
use crate::plan::{Duty, DutyEnd, Need, Progress, Stored, Written};
use crate::policy::Policy;
use crate::rule::Rule;

/// How long the nodes are looked at often after something was done to them.
const BRISK: Duration = Duration::from_millis(500);
/// How long to wait before a record that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait before facts that could not be written down are tried again.
const NOTE_AGAIN: Duration = Duration::from_secs(5);
/// How long to wait before a node that could not be brought back is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(50);

impl Engine {
    /// Hands an outcome to whoever waits for it.
    pub(super) fn route(&mut self, id: ActionId, outcome: Outcome) {
        if matches!(self.store.reading, Reading::Pending(reading) if reading == id) {
            self.after_read(outcome);
            return;
        }
        let mut duties = self.duties.iter();
        if let Some((&node, _)) = duties.find(|(_, duty)| duty.awaits(id)) {
            self.step_duty(node, id, outcome);
            return;
        }
        let Some(mut plan) = self.plan.take() else {
            return;
        };
        let (world, out) = self.split();
        match &mut plan {
            Plan::Failover(failover) => {
                let progress = failover.step(id, outcome, world, out);
                let since = Since {
                    at: failover.evidence_at(),
                    planned: failover.is_planned(),
                };
                match progress {
                    Progress::Running => self.plan = Some(plan),
                    Progress::Committed(stored) => self.committed(*stored, since),
                    Progress::Superseded => self.obey(),
                }
            }
            Plan::Adoption { writing, rule, how } => {
                let (rule, how) = (*rule, *how);
                match writing.step(id, outcome, world, out) {
                    Written::Pending => self.plan = Some(plan),
                    Written::Conflict(_) => self.obey(),
                    Written::Done(stored) => self.adopted(stored, rule, how),
                }
            }
            Plan::Qualifying { writing, nodes } => {
                let nodes = core::mem::take(nodes);
                match writing.step(id, outcome, world, out) {
                    Written::Done(stored) => {
                        self.know(stored);
                        self.qualified(&nodes);
                    }
                    Written::Pending | Written::Conflict(_) => {
                        self.note_after = self.now + NOTE_AGAIN;
                        self.read_record();
                    }
                }
            }
            Plan::Note(writing) => match writing.step(id, outcome, world, out) {
                Written::Done(stored) => self.know(stored),
                Written::Pending | Written::Conflict(_) => {
                    // It can wait, and must not be in the way of what cannot.
                    self.note_after = self.now + NOTE_AGAIN;
                    self.read_record();
                }
            },
        }
    }

    fn after_read(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done(Done::Read {
                record: Some(record),
                revision,
            }) => {
                let record = *record;
                self.learn_record(Stored { record, revision });
            }
            Outcome::Done(Done::Read { record: None, .. }) => {
                self.store = Store {
                    stored: None,
                    reading: Reading::Current,
                };
            }
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => {
                self.store.reading = Reading::Failed {
                    again: self.now + READ_AGAIN,
                };
            }
        }
    }

    pub(super) fn know(&mut self, stored: Stored) {
        self.store = Store {
            stored: Some(stored),
            reading: Reading::Current,
        };
    }

    /// A failover ended: the record names the primary, the doors follow, the others are attached.
    fn committed(&mut self, stored: Stored, since: Since) {
        let before = self
            .record()
            .map(|record| (record.primary.clone(), record.chain.head()));
        let after = &stored.record;
        if let Some((from, head)) = before
            && head != after.chain.head()
        {
            let kind = Kind::PrimarySwitched {
                epoch: after.epoch,
                from: from.address,
                to: after.primary.address.clone(),
                planned: since.planned,
                after: self.now.since(since.at),
            };
            self.out.tell_rule(self.now, Rule::F170, kind);
            if since.planned {
                self.handed_over = Some(after.epoch);
            }
            self.stepped_down = self.primary_node().map(|node| node.id);
            self.restoring = Some(since);
        } else if !since.planned {
            self.restoring = Some(since);
        }
        self.enter_office(stored);
    }

    pub(super) fn enter_office(&mut self, stored: Stored) {
        self.grounded = true;
        self.primary_lost = false;
        self.told_would_act = None;
        self.dispute = None;
        self.brisk_until = self.now + BRISK;
        self.know(stored);
        self.owe_persistence();
    }

    /// Roles changed, and the files of the nodes may still say the old ones.
    pub(super) fn owe_persistence(&mut self) {
        let owed = self.record().is_some_and(|record| !record.roles_persisted);
        if owed && (self.policy.persist_roles || self.is_strict()) {
            self.unpersisted = self.view.nodes().map(|node| node.id).collect();
        }
    }

    fn step_duty(&mut self, node: NodeId, action: ActionId, outcome: Outcome) {
        let Some(mut duty) = self.duties.remove(&node) else {
            return;
        };
        if !self.still_stands(duty.need()) && duty.will_attach() {
            // The primary was lost meanwhile, or may be another process: nobody is sent to it.
            if let Outcome::Done(Done::Sealed(report)) = outcome {
                self.after_duty(node, &duty, DutyEnd::Sealed(report));
            }
            return self.end_duty(node, &duty, DutyEnd::Failed(String::new()));
        }
        let (world, out) = self.split();
        let end = duty.step(action, outcome, world, out);
        if end.is_final() {
            return self.end_duty(node, &duty, end);
        }
        self.brisk_until = self.now + BRISK;
        self.after_duty(node, &duty, end);
        self.duties.insert(node, duty);
    }

    fn end_duty(&mut self, node: NodeId, duty: &Duty, end: DutyEnd) {
        self.settled.insert(node, self.now);
        let epoch = self.epoch();
        self.out.order(epoch, Deed::Close { node });
        if !matches!(end, DutyEnd::Failed(_)) {
            self.brisk_until = self.now + BRISK;
        }
        self.after_duty(node, duty, end);
    }

    /// Whether the record still calls for this work.
    pub(super) fn still_stands(&self, need: &Need) -> bool {
        match need {
            Need::SealAndAttach(address) | Need::Attach(address) => self
                .primary_in_office()
                .filter(|primary| self.was_looked_at_since_late(primary))
                .is_some_and(|primary| primary.endpoint() == *address),
            Need::Persist | Need::SetGates(_) => true,
        }
    }

    fn after_duty(&mut self, id: NodeId, duty: &Duty, end: DutyEnd) {
        let Some(node) = self.view.get(id).map(|node| node.address.clone()) else {
            return;
        };
        match end {
            DutyEnd::Running => {}
            DutyEnd::Sealed(_) if self.crowded == Some(id) => self.crowded = None,
            // A replica of a strict group that learns how to attach is news to nobody.
            DutyEnd::Sealed(_) if !duty.is_about_a_rival() => {}
            DutyEnd::Sealed(report) => {
                let diverged_bytes = self.diverged(&report.replication);
                let kind = Kind::RivalSealed {
                    node,
                    diverged_bytes,
                };
                self.out.tell_rule(self.now, Rule::R200, kind);
                self.settle_loss(id, report.run_id, &report.replication);
            }
            DutyEnd::Attached { primary, .. } => {
                self.told_failed.remove(&id);
                self.failures.remove(&id);
                if self.is_strict() {
                    // Its link has its time to come up before the node is sealed again.
                    self.retry_at.insert(id, self.now + Policy::REPAIR_AFTER);
                    self.unpersisted.remove(&id);
                }
                let kind = Kind::NodeAttached { node, primary };
                self.out.tell_rule(self.now, Rule::R210, kind);
            }
            DutyEnd::Gated(gates) => {
                self.failures.remove(&id);
                let kind = if gates == Gates::SHUT {
                    Kind::GatesShut { node }
                } else {
                    let ack_replicas = gates.min_replicas;
                    if !self.policy.persist_roles {
                        self.unpersisted.remove(&id);
                    }
                    Kind::GatesOpened { node, ack_replicas }
                };
                self.out.tell_rule(self.now, Rule::R290, kind);
            }
            DutyEnd::Persisted { .. } => {
                self.unpersisted.remove(&id);
                self.not_persistent.remove(&id);
                self.out
                    .tell_rule(self.now, Rule::R220, Kind::RolePersisted { node });
            }
            DutyEnd::NotPersisted { text, .. } => {
                self.unpersisted.remove(&id);
                self.not_persistent.insert(id);
                self.out
                    .tell_rule(self.now, Rule::R220, Kind::RoleNotPersistent { node, text });
            }
            DutyEnd::Superseded => self.obey(),
            DutyEnd::Failed(text) => {
                self.postpone_duty(id, duty);
                if !text.is_empty() && self.told_failed.insert(id) {
                    self.out
                        .tell(self.now, Kind::BringBackFailed { node, text });
                }
            }
        }
    }

    /// It is tried again after a pause.
    fn postpone_duty(&mut self, id: NodeId, duty: &Duty) {
        let failures = self.failures.entry(id).or_default();
        *failures = failures.saturating_add(1);
        let backoff = 1_u32 << (*failures - 1).min(6);
        let only_persists = duty.has_attached() || *duty.need() == Need::Persist;
        if duty.may_have_attached() || only_persists {
            self.unpersisted.insert(id);
        }
        let pause = if only_persists {
            TRY_AGAIN * 20
        } else {
            TRY_AGAIN * backoff
        };
        self.retry_at.insert(id, self.now + self.rng.jitter(pause));
    }
}
