//! How a group gets its first agreed primary, and how a change made by somebody else is taken over.

use alloc::vec::Vec;

use super::belonging::{receives, recorded_primary};
use super::{Engine, Plan};
use crate::event::{Adoption, Halt, Kind};
use crate::id::{Address, NodeId, ReplicationId};
use crate::lease::Held;
use crate::lineage::{Chain, Position};
use crate::plan::{Stored, Writing};
use crate::policy::{Nodes, Policy};
use crate::record::{Member, Phase, Primary, Record};
use crate::rule::Rule;
use crate::verdict::Verdict;
use crate::view::{Node, View};

/// What the nodes tell about a group that has no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Not enough is known yet, or nothing can be decided; this is the verdict meanwhile.
    Wait(Verdict),
    /// This node becomes the agreed primary.
    Adopt(NodeId, Adoption),
    /// The replicas name a primary that is not watched yet.
    Watch(Address),
}

/// Judges a group that has no record. `patience_ended`: listed nodes that do not answer are not
/// waited for any longer.
pub(super) fn beginning(view: &View, patience_ended: bool) -> Beginning {
    let listed_silent = view.nodes().any(|node| node.listed && !node.was_tried());
    if listed_silent && !patience_ended {
        return Beginning::Wait(Verdict::ColdStart);
    }
    let primaries: Vec<&Node> = view.nodes().filter(|node| node.is_primary()).collect();
    match primaries.as_slice() {
        [] => without_primary(view),
        [only] if somebody_else_is_meant(view, only) => Beginning::Wait(Verdict::ColdStart),
        [only] => Beginning::Adopt(only.id, Adoption::Found),
        several => among(view, several),
    }
}

/// A replica that waits for another listed node says that this one is not the primary yet, and one
/// that holds data says so to an empty one.
fn somebody_else_is_meant(view: &View, only: &Node) -> bool {
    let empty = |node: &Node| node.condition.is_none_or(|condition| condition.empty);
    view.nodes().filter(|node| node.answers()).any(|node| {
        let Some(following) = node.following() else {
            return false;
        };
        let follows_it = only.listens_at(&following.primary)
            || node.replication().map(|seen| seen.id) == only.replication().map(|seen| seen.id);
        let named = view.at_address(&following.primary);
        let waits = named.is_some_and(|named| named.listed && named.following().is_none());
        !follows_it && (waits || (empty(only) && !empty(node)))
    })
}

fn among(view: &View, primaries: &[&Node]) -> Beginning {
    if primaries.iter().any(|node| node.condition.is_none()) {
        return Beginning::Wait(Verdict::ColdStart);
    }
    let holds_data = |node: &&&Node| node.condition.is_some_and(|condition| !condition.empty);
    let with_data: Vec<&&Node> = primaries.iter().filter(holds_data).collect();
    let all_answer = view.nodes().all(|node| !node.listed || node.answers());
    match (with_data.as_slice(), primaries) {
        ([only], _) => Beginning::Adopt(only.id, Adoption::OnlyOneWithData),
        ([], [first, ..]) if all_answer => Beginning::Adopt(first.id, Adoption::FirstOfEmpty),
        _ => Beginning::Wait(Verdict::RivalPrimary),
    }
}

/// Nobody says that it is a primary: the replicas may name one.
fn without_primary(view: &View) -> Beginning {
    let wait = Beginning::Wait(Verdict::ColdStart);
    let replicas: Vec<&Node> = view
        .nodes()
        .filter(|node| node.answers() && node.following().is_some())
        .collect();
    let Some(following) = replicas.first().and_then(|node| node.following()) else {
        return wait;
    };
    let named = &following.primary;
    let id_of = |node: &&Node| node.replication().map(|replication| replication.id);
    let id = replicas.first().and_then(id_of);
    let agree = replicas.iter().all(|node| {
        id_of(node) == id
            && node
                .following()
                .is_some_and(|following| following.primary == *named)
    });
    if !agree {
        return wait;
    }
    if named.is_tombstone() {
        let all_answer = view.nodes().all(|node| !node.listed || node.answers());
        let most = replicas
            .iter()
            .max_by_key(|node| (node.offset(), core::cmp::Reverse(node.id)));
        return match most {
            Some(node) if all_answer => Beginning::Adopt(node.id, Adoption::MostAdvanced),
            _ => wait,
        };
    }
    match view.at_address(named) {
        None => Beginning::Watch(named.clone()),
        Some(node) if node.following().is_some() => wait,
        Some(node) if node.was_tried() => Beginning::Adopt(node.id, Adoption::NamedByReplicas),
        Some(_) => wait,
    }
}

/// A node that was made the primary by somebody else, when taking it over loses nothing more: it
/// continues the stream that is in office, and nobody, silent or not, is known to hold more of it.
pub(super) fn successor<'a>(view: &'a View, record: &Record, nodes: &Nodes) -> Option<&'a Node> {
    let recorded = recorded_primary(view, record)?;
    let head = record.chain.head();
    let continues = |node: &Node| {
        let parent = node.replication().and_then(|seen| seen.previous);
        parent.is_some_and(|(parent, _)| parent == head)
    };
    let mut primaries = view
        .nodes()
        .filter(|node| node.is_primary() && node.id != recorded.id && continues(node));
    let (node, None) = (primaries.next()?, primaries.next()) else {
        return None;
    };
    let prefix = |node: &Node| {
        let position = node.replication().map(Position::from)?;
        record.chain.common_prefix(&position)
    };
    let own = prefix(node);
    // The lost primary itself had more than anybody, and is lost.
    let others = view
        .nodes()
        .filter(|other| ![node.id, recorded.id].contains(&other.id));
    let accepted = others
        .filter(|other| record.includes(other, view, nodes))
        .all(|other| {
            let recorded = record.member_at(&other.address).map(|member| member.offset);
            receives(view, node, other) || (prefix(other) <= own && recorded <= own)
        });
    let recorded_follows = recorded.is_primary() && recorded.answers();
    (accepted && !recorded_follows).then_some(node)
}

/// When nobody holds anything of the committed history any more: the only primary, when it holds
/// data and every member answers and follows it. Nothing is left that taking it over could lose.
pub(super) fn accepted_by_all<'a>(
    view: &'a View,
    record: &Record,
    nodes: &Nodes,
) -> Option<&'a Node> {
    let mut primaries = view.nodes().filter(|node| node.is_primary());
    let (node, None) = (primaries.next()?, primaries.next()) else {
        return None;
    };
    let holds_data = node.condition.is_some_and(|condition| !condition.empty);
    let lost = view.nodes().all(|node| !record.is_ancestor_of(node));
    let followed = record.remaining(nodes).all(|member| {
        let member = view.at_address(&member.address);
        member.is_some_and(|other| other.id == node.id || receives(view, node, other))
    });
    (holds_data && lost && followed && record.includes(node, view, nodes)).then_some(node)
}

/// Whether the record and the nodes have anything in common; `None` while too little is known.
/// `patience_ended`: recorded nodes that nobody listed are not waited for any longer.
pub(super) fn has_common_ground(
    view: &View,
    record: &Record,
    patience_ended: bool,
) -> Option<bool> {
    let answering: Vec<&Node> = view.nodes().filter(|node| node.answers()).collect();
    let sealed = |node: &Node| {
        let recorded = record.member_at(&node.address).is_some();
        recorded
            && node
                .following()
                .is_some_and(|following| following.primary.is_tombstone())
    };
    let common = answering.iter().any(|node| {
        let known = node.run_id().is_some_and(|run_id| record.knows(run_id));
        known || record.is_ancestor_of(node) || sealed(node)
    });
    if common {
        return Some(true);
    }
    // Who is still away may be the one that is known.
    let awaited =
        |node: &Node| node.listed || (record.member_at(&node.address).is_some() && !patience_ended);
    if view.nodes().any(|node| awaited(node) && !node.answers()) {
        return None;
    }
    // After a restart of everything no id is left. Then the recorded primary, being the only one
    // and followed by all, is itself; anything else is somebody else's record.
    let Some(primary) = recorded_primary(view, record).filter(|node| node.is_primary()) else {
        return Some(false);
    };
    let lonely = answering
        .iter()
        .all(|node| node.id == primary.id || !node.is_primary());
    let replicas = answering.iter().filter(|node| node.id != primary.id);
    let followed = replicas.clone().all(|node| {
        node.following()
            .is_some_and(|following| primary.listens_at(&following.primary))
    });
    Some(lonely && followed)
}

impl Engine {
    /// No record: find out who is the primary.
    pub(super) fn begin_group(&mut self) {
        let patience_ended = self.now >= self.started + Policy::COLD_START_AFTER;
        match beginning(&self.view, patience_ended) {
            Beginning::Wait(verdict) => self.set_verdict(verdict, None, None),
            Beginning::Watch(address) => {
                self.watch(address, false);
            }
            Beginning::Adopt(node, _)
                if self.policy.ack_replicas > 0 && !self.may_be_founded(node) =>
            {
                self.set_verdict(Verdict::ColdStart, None, None);
            }
            Beginning::Adopt(node, how) => self.adopt(node, Rule::R230, how),
        }
    }

    /// Makes a node the agreed primary under a new epoch, without touching it; while observing, it is
    /// only assumed.
    pub(super) fn adopt(&mut self, id: NodeId, rule: Rule, how: Adoption) {
        let Some(node) = self.view.get(id) else {
            return;
        };
        let Some(chain) = self.chain_with(node, how) else {
            return;
        };
        // A primary that its replicas only name has never been met.
        let met = how != Adoption::NamedByReplicas;
        let run_id = node.run_id().filter(|_| met);
        let primary = Primary {
            address: node.address.clone(),
            run_id,
        };
        let mut record = match self.record() {
            Some(record) => Record {
                primary,
                chain,
                ..record.next(Phase::Committed)
            },
            None => Record::first(primary, chain, Vec::new()),
        };
        // Somebody else's change is in nobody's configuration file for sure.
        record.roles_persisted &= how != Adoption::ChangedByHand;
        let members = self.members(node, how, &record);
        record.members = record.seat(members);
        if self.record().is_none() && self.policy.ack_replicas > 0 {
            record = self.found(node, record);
        }
        if self.observing() {
            let revision = self.revision();
            return self.adopted(Stored { record, revision }, rule, how);
        }
        if let Some(held) = self.lease.held() {
            self.write(held, record, |writing| Plan::Adoption {
                writing,
                rule,
                how,
            });
        }
    }

    /// Starts to write a record.
    pub(super) fn write(&mut self, _: Held, record: Record, plan: impl FnOnce(Writing) -> Plan) {
        let revision = self.revision();
        let (world, out) = self.split();
        self.plan = Some(plan(Writing::begin(record, revision, world, out)));
    }

    pub(super) fn adopted(&mut self, stored: Stored, rule: Rule, how: Adoption) {
        let kind = Kind::PrimaryAdopted {
            primary: stored.record.primary.address.clone(),
            epoch: stored.record.epoch,
            how,
        };
        self.out.tell_rule(self.now, rule, kind);
        if how == Adoption::ChangedByHand {
            let demoted = self.primary_node().map(|node| node.id);
            (self.stepped_down, self.crowded) = (demoted, demoted);
        }
        self.enter_office(stored);
    }

    pub(super) fn halt(&mut self, why: Halt) {
        if self.halted.is_none() {
            self.halted = Some(why.clone());
            self.out.tell(self.now, Kind::Halted(why));
        }
    }

    fn chain_with(&self, node: &Node, how: Adoption) -> Option<Chain> {
        let named: Option<ReplicationId> = if how == Adoption::NamedByReplicas {
            // The primary was never met; its replicas carry its stream.
            let mut replicas = self.view.nodes().filter_map(Node::replication);
            replicas
                .find(|seen| seen.following().is_some())
                .map(|seen| seen.id)
        } else {
            node.replication().map(|seen| seen.id)
        };
        let id = named?;
        let Some(record) = self.record() else {
            return Some(Chain::new(id));
        };
        if record.chain.head() == id {
            return Some(record.chain.clone());
        }
        let previous = node.replication().and_then(|seen| seen.previous);
        Some(
            match previous.filter(|(parent, _)| record.chain.contains(*parent)) {
                Some((parent, fork)) => record.chain.extended(id, parent, fork),
                None => Chain::new(id),
            },
        )
    }

    fn members(&self, primary: &Node, how: Adoption, record: &Record) -> Vec<Member> {
        let belongs = |node: &&Node| {
            node.id == primary.id
                || record.is_ancestor_of(node)
                || self
                    .record()
                    .is_some_and(|record| record.includes(node, &self.view, &self.nodes))
                || node
                    .following()
                    .is_some_and(|f| primary.listens_at(&f.primary))
        };
        let nodes = self.view.nodes().filter(belongs);
        let members = nodes.map(|node| {
            let known = self
                .record()
                .and_then(|record| record.member_at(&node.address));
            let position = node.replication().map(Position::from);
            let seen = position.and_then(|position| record.chain.common_prefix(&position));
            // A handover by hand leaves replicas behind the old primary: nobody built that chain.
            let kept = !matches!(how, Adoption::ChangedByHand | Adoption::NamedByReplicas);
            let following = node.following().filter(|_| kept && node.answers());
            let chained = following.filter(|following| {
                let member = self.view.at_address(&following.primary);
                member.is_some_and(|member| member.id != primary.id && following.link_up)
            });
            Member {
                address: node.address.clone(),
                run_id: node
                    .run_id()
                    .or_else(|| known.and_then(|member| member.run_id)),
                offset: seen.unwrap_or_default(),
                upstream: chained.map(|following| following.primary.clone()),
                seat: None,
            }
        });
        members.collect()
    }
}
