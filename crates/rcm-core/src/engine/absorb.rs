//! Taking in what was seen and what came of actions.

use super::{Engine, Plan, Reading, Store};
use crate::action::{Deed, Done, Outcome};
use crate::event::Kind;
use crate::id::{ActionId, Address, Epoch, NodeId};
use crate::mutant::Mutant;
use crate::observation::{Failure, Identity, Observation, Role, Seen};
use crate::plan::{Duty, DutyEnd, Need, Progress, Stored, Written};
use crate::policy::{Nodes, Policy};
use crate::rule::Rule;
use crate::view::Node;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// How long the nodes are looked at often after something was done to them.
const BRISK: Duration = Duration::from_millis(500);
/// How long to wait before a record that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait before facts that could not be written down are tried again.
const NOTE_AGAIN: Duration = Duration::from_secs(5);
/// How long to wait before a node that could not be brought back is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(50);

impl Engine {
    pub(super) fn watch(&mut self, address: Address, listed: bool) -> NodeId {
        let known = self
            .view
            .entries()
            .find(|node| node.address == address)
            .map(|node| node.id);
        known.unwrap_or_else(|| {
            let node = self.view.add(address.clone(), listed, self.now);
            self.out.order(Epoch(0), Deed::Watch { node, address });
            node
        })
    }

    pub(super) fn read_record(&mut self) {
        let id = self
            .out
            .act(self.now, Epoch(0), Policy::ACTION_WITHIN, Deed::Read);
        self.store.reading = Reading::Pending(id);
    }

    pub(super) fn absorb(&mut self, observation: Observation) {
        let id = observation.node;
        let Some(before) = self.view.get(id) else {
            return;
        };
        if self.is_our_own_doing(&observation) {
            return;
        }
        let answered = before.answers();
        let failed = matches!(observation.seen, Seen::Failed(_));
        let was = (before.trouble.failure(), before.refuses_us);
        let role_before = before
            .replication()
            .map(super::super::observation::Replication::is_primary);
        let identity = if let Seen::Identity(identity) = &observation.seen {
            Some(identity.clone())
        } else {
            None
        };
        self.view.apply(observation);
        if let Some(identity) = identity {
            self.meet(id, &identity);
        }
        let Some(node) = self.view.get(id) else {
            return;
        };
        if node.alias_of.is_some() {
            return;
        }
        let role = node
            .replication()
            .map(super::super::observation::Replication::is_primary);
        let now_down = (node.trouble.failure(), node.refuses_us);
        if node.answers() && (!answered || role != role_before) {
            self.out.tell(self.now, up(node));
        } else if failed
            && now_down != was
            && let Some(failure) = now_down.0.or(now_down.1)
        {
            let node = node.address.clone();
            self.out.tell(self.now, Kind::NodeDown { node, failure });
        }
        self.discover(id);
    }

    /// A seal that disconnects a node's clients ends our looking link too: that is no evidence.
    fn is_our_own_doing(&self, observation: &Observation) -> bool {
        let closed = matches!(observation.seen, Seen::Failed(Failure::Closed));
        let evicted = self.out.evicted_at(observation.node);
        closed && evicted.is_some_and(|at| self.now.since(at) <= Policy::ACTION_WITHIN)
    }

    /// An action that told where its node stands is a look like any other.
    pub(super) fn learn(&mut self, node: Option<NodeId>, outcome: &Outcome) {
        let (Some(id), Some(report)) = (node, outcome.report()) else {
            return;
        };
        // A node that a seal met before its link did is the same, too.
        let met = self.view.get(id).and_then(Node::run_id);
        let same = met.is_none_or(|run_id| run_id == report.run_id);
        if same {
            self.view.apply(Observation {
                node: id,
                asked_at: self.now,
                at: self.now,
                seen: Seen::Replication(report.replication.clone()),
            });
        }
    }

    /// A process introduced itself: it may be one that is known under another address.
    fn meet(&mut self, id: NodeId, identity: &Identity) {
        let met_before = self.record().is_some();
        if !identity.can_replicate
            && !met_before
            && let Some(node) = self.view.get(id).filter(|node| node.listed)
        {
            let node = node.address.clone();
            self.halt(crate::event::Halt::CannotReplicate { node });
            return;
        }
        let same = |node: &&Node| node.id != id && node.run_id() == Some(identity.run_id);
        let twin = self
            .view
            .nodes()
            .filter(same)
            .find(|node| node.trouble.is_none());
        let twin = twin.map(|node| (node.id, node.address.clone()));
        let Some(node) = self.view.get_mut(id) else {
            return;
        };
        let Some((kept, kept_address)) = twin else {
            node.alias_of = None;
            return;
        };
        if node.alias_of == Some(kept) {
            return;
        }
        node.alias_of = Some(kept);
        if node.listed {
            let node = node.address.clone();
            self.out.tell(
                self.now,
                Kind::SameServer {
                    node,
                    kept: kept_address,
                },
            );
        }
    }

    /// Replicas that the recorded primary knows and nobody listed are watched too.
    fn discover(&mut self, by: NodeId) {
        if self.primary_node().map(|node| node.id) != Some(by) {
            return;
        }
        let Some(node) = self.view.get(by) else {
            return;
        };
        let Some(Role::Primary { replicas, .. }) = node.replication().map(|seen| &seen.role) else {
            return;
        };
        let teller = node.address.clone();
        let unknown: Vec<Address> = replicas
            .iter()
            .map(|attached| &attached.address)
            .filter(|address| address.port() != 0 && self.view.at_address(address).is_none())
            .cloned()
            .collect();
        for address in unknown {
            if self.view.entries().count() >= Nodes::MAX {
                break;
            }
            self.watch(address.clone(), false);
            let by = teller.clone();
            self.out
                .tell(self.now, Kind::NodeDiscovered { node: address, by });
        }
    }

    /// Nodes that nobody listed, nobody recorded and nobody hears are forgotten.
    pub(super) fn forget(&mut self) {
        const FORGET_AFTER: Duration = Duration::from_secs(600);
        let recorded = |node: &Node| {
            self.record()
                .is_some_and(|record| record.member_at(&node.address).is_some())
        };
        let gone = self.view.entries().find(|node| {
            let heard = node.answered_at.unwrap_or(node.watched_since);
            !node.listed && self.now.since(heard) >= FORGET_AFTER && !recorded(node)
        });
        if let Some((node, address)) = gone.map(|node| (node.id, node.address.clone())) {
            self.view.remove(node);
            self.settled.remove(&node);
            self.retry_at.remove(&node);
            self.failures.remove(&node);
            self.told_failed.remove(&node);
            self.out.order(Epoch(0), Deed::Unwatch { node });
            self.out
                .tell(self.now, Kind::NodeForgotten { node: address });
        }
    }

    pub(super) fn was_late(&mut self, by: Duration) {
        // Answers that are there already must not lose against the time that they had.
        self.out.postpone(by);
        if let Some(Plan::Failover(failover)) = &mut self.plan {
            failover.postpone(by);
        }
        if !self.defect.is(Mutant::LateIsSilence) {
            self.view.void_silence(self.now);
        }
        self.out.tell(self.now, Kind::ObserverLate { by });
    }

    pub(super) fn see_store(&mut self, trouble: Option<String>) {
        match (self.store_failed, trouble) {
            (_, Some(text)) => {
                self.store_failed = true;
                self.out.tell(self.now, Kind::StoreFailed { text });
            }
            (true, None) => {
                self.store_failed = false;
                self.out.tell(self.now, Kind::StoreRecovered);
            }
            (false, None) => {}
        }
    }

    /// Hands an outcome to whoever waits for it.
    pub(super) fn route(&mut self, id: ActionId, outcome: Outcome) {
        if matches!(self.store.reading, Reading::Pending(reading) if reading == id) {
            self.after_read(outcome);
            return;
        }
        let duty = self
            .duties
            .iter()
            .find(|(_, duty)| duty.awaits() == Some(id));
        if let Some(node) = duty.map(|(node, _)| *node) {
            self.step_duty(node, outcome);
            return;
        }
        let Some(mut plan) = self.plan.take() else {
            return;
        };
        let (world, out) = self.split();
        match &mut plan {
            Plan::Failover(failover) => {
                let progress = failover.step(id, outcome, world, out);
                let evidence_at = failover.evidence_at();
                match progress {
                    Progress::Running => self.plan = Some(plan),
                    Progress::Committed(stored) => self.committed(*stored, evidence_at),
                    Progress::Superseded => self.read_record(),
                }
            }
            Plan::Adoption { writing, rule, how } => {
                let (rule, how) = (*rule, *how);
                match writing.step(id, outcome, world, out) {
                    Written::Pending => self.plan = Some(plan),
                    Written::Conflict(_) => self.read_record(),
                    Written::Done(stored) => self.adopted(stored, rule, how),
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
                for member in record.members.clone() {
                    self.watch(member.address, false);
                }
                self.watch(record.primary.address.clone(), false);
                self.know(Stored { record, revision });
                self.owe_persistence();
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

    fn know(&mut self, stored: Stored) {
        self.store = Store {
            stored: Some(stored),
            reading: Reading::Current,
        };
    }

    /// A failover ended: the record names the primary, the doors follow, the others are attached.
    fn committed(&mut self, stored: Stored, evidence_at: crate::time::Instant) {
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
                after: self.now.since(evidence_at),
            };
            self.out.tell_rule(self.now, Rule::F170, kind);
        }
        self.restoring_since = Some(evidence_at);
        self.enter_office(stored);
    }

    pub(super) fn enter_office(&mut self, stored: Stored) {
        self.grounded = true;
        self.told_would_act = None;
        self.disputed_since = None;
        self.brisk_until = self.now + BRISK;
        self.know(stored);
        self.owe_persistence();
    }

    /// Roles changed, and the files of the nodes may still say the old ones.
    fn owe_persistence(&mut self) {
        let owed = self.record().is_some_and(|record| !record.roles_persisted);
        if owed && self.policy.persist_roles {
            self.unpersisted = self.view.nodes().map(|node| node.id).collect();
        }
    }

    fn step_duty(&mut self, node: NodeId, outcome: Outcome) {
        let Some(mut duty) = self.duties.remove(&node) else {
            return;
        };
        if !self.still_stands(duty.need()) && duty.will_attach() {
            // The primary was lost meanwhile, or is another process: nobody is sent to it.
            if let Outcome::Done(Done::Sealed(report)) = outcome {
                self.after_duty(node, &duty, DutyEnd::Sealed(report));
            }
            return self.end_duty(node, &duty, DutyEnd::Failed(String::new()));
        }
        let (world, out) = self.split();
        let end = duty.step(outcome, world, out);
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

    fn still_stands(&self, need: &Need) -> bool {
        match need {
            Need::SealAndAttach(address) | Need::Attach(address) => self
                .primary_in_office()
                .is_some_and(|primary| primary.endpoint() == *address),
            Need::Persist => true,
        }
    }

    fn after_duty(&mut self, id: NodeId, duty: &Duty, end: DutyEnd) {
        let Some(node) = self.view.get(id).map(|node| node.address.clone()) else {
            return;
        };
        match end {
            DutyEnd::Running => {}
            DutyEnd::Sealed(report) => {
                let diverged_bytes = self.diverged(&report.replication);
                let kind = Kind::RivalSealed {
                    node,
                    diverged_bytes,
                };
                self.out.tell_rule(self.now, Rule::R200, kind);
                self.settle_loss(id, report.run_id, report.replication.offset);
            }
            DutyEnd::Attached { primary, .. } => {
                self.told_failed.remove(&id);
                self.failures.remove(&id);
                let kind = Kind::NodeAttached { node, primary };
                self.out.tell_rule(self.now, Rule::R210, kind);
            }
            DutyEnd::Persisted => {
                self.unpersisted.remove(&id);
                self.not_persistent.remove(&id);
                self.out
                    .tell_rule(self.now, Rule::R220, Kind::RolePersisted { node });
            }
            DutyEnd::NotPersisted(text) => {
                self.unpersisted.remove(&id);
                self.not_persistent.insert(id);
                self.out
                    .tell_rule(self.now, Rule::R220, Kind::RoleNotPersistent { node, text });
            }
            DutyEnd::Superseded => self.read_record(),
            DutyEnd::Failed(text) => {
                let failures = self.failures.entry(id).or_default();
                *failures = failures.saturating_add(1);
                let backoff = 1_u32 << (*failures - 1).min(6);
                let pause = if duty.has_attached() || *duty.need() == Need::Persist {
                    self.unpersisted.insert(id);
                    TRY_AGAIN * 20
                } else {
                    TRY_AGAIN * backoff
                };
                self.retry_at.insert(id, self.now + self.rng.jitter(pause));
                if !text.is_empty() && self.told_failed.insert(id) {
                    self.out
                        .tell(self.now, Kind::BringBackFailed { node, text });
                }
            }
        }
    }
}

fn up(node: &Node) -> Kind {
    let version = node
        .identity
        .as_ref()
        .map_or_else(Default::default, |id| id.version.clone());
    let address = node.address.clone();
    match node.replication().map(|replication| &replication.role) {
        Some(Role::Replica(following)) => Kind::ReplicaUp {
            node: address,
            version,
            primary: following.primary.clone(),
            link_up: following.link_up,
        },
        Some(Role::Primary { replicas, .. }) => Kind::PrimaryUp {
            node: address,
            version,
            replicas: replicas.len(),
        },
        None => Kind::PrimaryUp {
            node: address,
            version,
            replicas: 0,
        },
    }
}
