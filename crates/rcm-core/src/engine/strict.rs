//! Strict mode outside a failover: who belongs to the promise, whose vote counts, and that nothing
//! passes through a node that is not in office.

use alloc::vec::Vec;

use super::belonging::{Follows, follows, receives};
use super::duties::Judged;
use super::{Engine, Plan};
use crate::event::Kind;
use crate::id::{NodeId, Offset, RunId};
use crate::lease::Held;
use crate::mutant::Mutant;
use crate::observation::Gates;
use crate::plan::Need;
use crate::policy::Policy;
use crate::quorum::Quorum;
use crate::record::{Member, Record, Seat};
use crate::rule::Rule;
use crate::time::Instant;
use crate::verdict::{Verdict, Warning};
use crate::view::Node;

/// How far the primary had come when a node that has no vote had been met already: who holds that
/// much holds whatever it confirmed before it restarted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yardstick {
    primary: RunId,
    process: RunId,
    offset: Offset,
    /// When the primary's answer was there.
    at: Instant,
}

impl Engine {
    /// Whether writes are acknowledged only once replicas hold them.
    pub(super) fn is_strict(&self) -> bool {
        self.record().is_some_and(Record::is_strict)
    }

    /// Membership is settled with the first record, so a strict group begins whole: one primary, and
    /// every listed node follows it.
    pub(super) fn may_be_founded(&self, primary: NodeId) -> bool {
        let Some(primary) = self.view.get(primary) else {
            return false;
        };
        let listed = || self.view.nodes().filter(|node| node.listed);
        let whole =
            listed().all(|node| node.id == primary.id || receives(&self.view, primary, node));
        let seated = listed().filter(|node| may_have_a_seat(node)).count();
        let quorum = Quorum::new(seated, self.policy.ack_replicas);
        primary.listed && primary.is_primary() && whole && quorum.is_some()
    }

    /// The first record of a strict group: every listed node has a seat, and its primary a vote.
    pub(super) fn found(&self, primary: &Node, record: Record) -> Record {
        let seated = |member: Member| {
            let node = self.view.at_address(&member.address);
            let sits = node.is_some_and(|node| node.listed && may_have_a_seat(node));
            let leads = node.is_some_and(|node| node.id == primary.id);
            let voter = primary.run_id().filter(|_| leads);
            Member {
                seat: sits.then_some(Seat { voter }),
                ..member
            }
        };
        Record {
            ack_replicas: self.policy.ack_replicas,
            members: record.members.into_iter().map(seated).collect(),
            // What the nodes would start with is not known to be shut.
            roles_persisted: false,
            ..record
        }
    }

    /// What a node of a strict group needs.
    pub(super) fn judge_strictly(&self, node: &Node, primary: &Node, record: &Record) -> Judged {
        let open = Gates::open(record.ack_replicas);
        let lets_through = |node: &Node| node.gates.map(|(gates, _)| gates);
        if node.id == primary.id {
            let is_open = lets_through(node) == Some(open);
            let too_early = self.defect.is(Mutant::OpenOnDisk) && !is_open;
            return match lets_through(node) {
                _ if self.owes(node) && self.policy.persist_roles && !too_early => {
                    Judged::Needs(Need::Persist)
                }
                Some(_) if !is_open => Judged::Needs(Need::SetGates(open)),
                _ => Judged::Content,
            };
        }
        if node.run_id() == primary.run_id() {
            // The same process under another address.
            return Judged::Content;
        }
        match self.may_be_changed(node, record) {
            None => return Judged::LookCloser,
            Some(false) => return Judged::Foreign,
            Some(true) => {}
        }
        let seal = Judged::Needs(Need::SealAndAttach(primary.endpoint()));
        let Some(following) = node.following() else {
            // The office may have changed hands since the node was first seen as a primary.
            let looked = primary.look.as_ref().map(|seen| seen.asked_at);
            return if looked >= node.role_since {
                seal
            } else {
                Judged::LookCloser
            };
        };
        if !self.owes(node) && lets_through(node).is_some_and(|gates| gates != Gates::SHUT) {
            if !following.link_up {
                // It was in office and was demoted by hand: nobody told it the password.
                return seal;
            }
            return Judged::Needs(Need::SetGates(Gates::SHUT));
        }
        if lets_through(primary) != Some(open) {
            // Nobody could attach to it yet.
            return Judged::Content;
        }
        let Some(own) = node.replication() else {
            return Judged::Content;
        };
        let votes = node.run_id().is_some_and(|run_id| record.has_vote(run_id));
        let for_long = |since: Option<Instant>| {
            since.is_some_and(|at| self.now.since(at) >= Policy::REPAIR_AFTER)
        };
        match follows(&self.view, primary, following, own) {
            Follows::Tombstone => Judged::Needs(Need::Attach(primary.endpoint())),
            // The primary lets in only who was told its password, which a process forgets.
            Follows::Primary if self.owes(node) || (!votes && for_long(node.down_since)) => seal,
            Follows::Member | Follows::LostMember => seal,
            Follows::Outsider if for_long(node.following_since) => seal,
            Follows::Primary | Follows::Outsider => Judged::Content,
        }
    }

    fn owes(&self, node: &Node) -> bool {
        self.unpersisted.contains(&node.id)
    }

    /// A member that restarted votes again once it holds all that the primary held after the restart.
    pub(super) fn qualify(&mut self, leased: Held) {
        if self.plan.is_some() || self.now < self.note_after {
            return;
        }
        let (Some(record), Some(primary)) = (self.record(), self.primary_in_office()) else {
            return;
        };
        let head = record.chain.head();
        let look = primary.look.as_ref();
        let Some(look) = look.filter(|look| look.replication.id == head) else {
            return;
        };
        let Some(in_office) = primary.run_id() else {
            return;
        };
        let mut yardsticks = self.yardsticks.clone();
        let mut qualified: Vec<(NodeId, RunId)> = Vec::new();
        for (member, seat) in record.seated() {
            let Some(node) = self.view.at_address(&member.address) else {
                continue;
            };
            let Some(process) = node.run_id().filter(|run_id| seat.voter != Some(*run_id)) else {
                yardsticks.remove(&node.id);
                continue;
            };
            let fits = |it: &Yardstick| it.primary == in_office && it.process == process;
            let Some(yardstick) = yardsticks.get(&node.id).copied().filter(fits) else {
                let met_before = node.role_since.is_some_and(|met| met <= look.asked_at);
                if met_before {
                    let (offset, at) = (look.replication.offset, look.at);
                    let yardstick = Yardstick {
                        primary: in_office,
                        process,
                        offset,
                        at,
                    };
                    yardsticks.insert(node.id, yardstick);
                }
                continue;
            };
            let caught_up = node.look.as_ref().is_some_and(|seen| {
                let own = &seen.replication;
                let whole = own.id == head && own.offset >= yardstick.offset && !own.loading;
                seen.asked_at >= yardstick.at && whole
            });
            if caught_up && node.answers() && receives(&self.view, primary, node) {
                qualified.push((node.id, process));
            }
        }
        self.yardsticks = yardsticks;
        if qualified.is_empty() {
            return;
        }
        self.give_votes(leased, &qualified);
    }

    fn give_votes(&mut self, leased: Held, qualified: &[(NodeId, RunId)]) {
        let Some(record) = self.record() else { return };
        let mut record = record.clone();
        for &(id, process) in qualified {
            let address = self.view.get(id).map(|node| &node.address);
            let members = &mut record.members;
            let member = members.iter_mut().find(|it| Some(&it.address) == address);
            if let Some(seat) = member.and_then(|member| member.seat.as_mut()) {
                seat.voter = Some(process);
            }
        }
        let nodes = qualified.iter().map(|(node, _)| *node).collect();
        self.write(leased, record, |writing| Plan::Qualifying {
            writing,
            nodes,
        });
    }

    pub(super) fn qualified(&mut self, nodes: &[NodeId]) {
        for &node in nodes {
            self.yardsticks.remove(&node);
            if let Some(node) = self.address_of(node) {
                let kind = Kind::VoterQualified { node };
                self.out.tell_rule(self.now, Rule::R280, kind);
            }
        }
    }

    /// Whether a failover can come to an end: somebody may take over, and in strict mode so many
    /// voters may answer that enough can be sealed.
    pub(super) fn may_be_replaced(&self, lost: NodeId) -> bool {
        let hopeful = self.preview(lost).candidates.len();
        if !self.is_strict() {
            return hopeful > 0;
        }
        let needed = self.record().and_then(Record::quorum).map(Quorum::to_seal);
        needed.is_some_and(|needed| hopeful >= needed)
    }

    /// Whether a node, as the process that it is now, has a vote.
    pub(super) fn has_vote(&self, node: &Node) -> bool {
        let record = self.record();
        let votes = |run_id| record.is_some_and(|record| record.has_vote(run_id));
        node.run_id().is_some_and(votes)
    }

    /// Whether the primary's stream got a new name without a restart.
    pub(super) fn was_renamed(&self, primary: NodeId) -> bool {
        let id = self.view.get(primary).and_then(Node::replication);
        let head = self.record().map(|record| record.chain.head());
        id.map(|seen| seen.id).is_some_and(|id| Some(id) != head)
    }

    /// Members whose vote is missing while it is needed.
    pub(super) fn missing_votes(&self) -> Vec<Warning> {
        let Some(record) = self
            .record()
            .filter(|_| self.verdict == Verdict::TooFewVoters)
        else {
            return Vec::new();
        };
        let votes = |node: &Node| {
            let has_vote = node.run_id().is_some_and(|run_id| record.has_vote(run_id));
            node.answers() && has_vote
        };
        let nodes = record
            .seated()
            .filter_map(|(member, _)| self.view.at_address(&member.address));
        nodes
            .filter(|node| !votes(node))
            .map(|node| Warning {
                verdict: Verdict::TooFewVoters,
                node: node.id,
            })
            .collect()
    }
}

/// A node that may never be promoted neither acknowledges nor votes.
fn may_have_a_seat(node: &Node) -> bool {
    node.following()
        .is_none_or(|following| following.priority > 0)
}
