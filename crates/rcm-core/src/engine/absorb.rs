//! Taking in what was seen.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Engine, Plan, Reading};
use crate::action::{Deed, Done, Outcome};
use crate::event::Kind;
use crate::id::{Address, Epoch, NodeId, Revision};
use crate::lease::Lease;
use crate::mutant::Mutant;
use crate::observation::{Failure, Gates, Identity, Observation, Role, Seen};
use crate::policy::{Nodes, Policy};
use crate::view::Node;

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
        // What was told before is no newer than what will be read; what is told meanwhile may be.
        self.heard = Revision::default();
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
        let Some(id) = node else { return };
        self.learn_gates(id, outcome);
        let Some(report) = outcome.report() else {
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

    fn learn_gates(&mut self, id: NodeId, outcome: &Outcome) {
        let gates = match outcome {
            Outcome::Done(Done::Gated(gates)) => *gates,
            Outcome::Done(Done::Sealed(_)) if self.is_strict() => Gates::SHUT,
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown => return,
        };
        let now = self.now;
        if let Some(node) = self.view.get_mut(id) {
            node.note_gates(gates, now);
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
            .filter(|address| !self.nodes.forgotten().contains(address))
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
            self.leave(node, address, false);
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
        self.close_eyes(by);
        self.woke_at = Some(self.now);
        if self.lease == Lease::Granted {
            // Another monitor may have acted meanwhile.
            self.look_anew();
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
