//! The snapshot that the doors read, rebuilt when an input changed something.

use alloc::vec::Vec;

use super::belonging::receives;
use super::{Engine, Plan};
use crate::event::Kind;
use crate::id::Epoch;
use crate::observation::Failure;
use crate::rule::Stage;
use crate::status::{NodeRole, NodeStatus, Reported, Status, Upstream};
use crate::verdict::{Verdict, Warning, warnings};
use crate::view::Node;

impl Engine {
    pub(super) fn publish(&mut self) {
        self.raise_warnings();
        let record = self.record();
        let stage = match &self.plan {
            Some(Plan::Failover(failover)) => failover.stage(),
            Some(Plan::Adoption { .. } | Plan::Note(_) | Plan::Qualifying { .. }) | None => {
                Stage::Idle
            }
        };
        self.status = Status {
            group: self.me.group.clone(),
            // A claim is no commit: until there is one, this is an epoch before it.
            epoch: match record {
                Some(record) if !record.is_committed() => Epoch(record.epoch.0.saturating_sub(1)),
                _ => self.epoch(),
            },
            primary: record.map(|record| record.primary.address.clone()),
            verdict: self.verdict,
            warnings: self.warnings.clone(),
            stage,
            handed_over: self.handed_over,
            observing: self.observing(),
            halted: self.halted.is_some(),
            store_writable: !self.store_failed,
            ack_replicas: record.map_or(0, |record| record.ack_replicas),
            monitors: self.monitors(),
            quorum: self.ballot().needed(),
            nodes: self.view.nodes().map(|node| self.status_of(node)).collect(),
        };
    }

    fn status_of(&self, node: &Node) -> NodeStatus {
        let primary = self.primary_node();
        let offset = node.offset().map(|(offset, _)| offset);
        let ahead = primary.and_then(Node::offset).map(|(offset, _)| offset);
        let in_office = primary.is_some_and(|primary| primary.id == node.id);
        NodeStatus {
            address: node.address.clone(),
            ip: node.ip,
            listed: node.listed,
            run_id: node.run_id(),
            version: node
                .identity
                .as_ref()
                .map(|identity| identity.version.clone()),
            role: self.role_of(node, primary),
            reports: reported(node),
            failure: node.trouble.failure().or(node.refuses_us),
            failing_since: node.trouble.began_at(),
            down: if in_office {
                self.primary_lost
            } else {
                self.is_down(node)
            },
            offset,
            lag: ahead.zip(offset).map(|(ahead, own)| ahead.ahead_of(own)),
            acknowledges: self
                .record()
                .and_then(|record| record.member_at(&node.address))
                .is_some_and(|member| member.seat.is_some()),
        }
    }

    /// Whether a node that is not in office has been without an answer for too long.
    fn is_down(&self, node: &Node) -> bool {
        let (Some(failure), Some(since)) = (node.trouble.failure(), node.trouble.began_at()) else {
            return false;
        };
        let patience = match failure {
            Failure::Refused => self.policy.crash_after,
            Failure::Mute => {
                let identity = node.identity.as_ref();
                self.policy
                    .hang_after(identity.and_then(|identity| identity.busy_threshold))
            }
            Failure::Closed | Failure::Silent | Failure::NotRedis | Failure::Unresolved => {
                self.policy.silent_after
            }
            // These lives, or it is our own machine that could not ask.
            Failure::Busy
            | Failure::Unauthorised
            | Failure::Forbidden
            | Failure::TurnedAway
            | Failure::Local => return false,
        };
        self.now.since(since) >= patience
    }

    fn role_of(&self, node: &Node, primary: Option<&Node>) -> NodeRole {
        match primary {
            Some(primary) if primary.id == node.id => NodeRole::Primary,
            _ if !node.answers() => NodeRole::Unknown,
            _ if node.is_primary() => NodeRole::Rival,
            Some(primary) if receives(&self.view, primary, node) => NodeRole::Replica,
            _ => NodeRole::Detached,
        }
    }

    fn raise_warnings(&mut self) {
        let primary = self.primary_node().map(|node| node.id);
        let mut now: Vec<Warning> = warnings(&self.view, primary, self.now);
        now.extend(self.warnings_by_record());
        now.sort_unstable();
        now.dedup();
        if now == self.warnings {
            return;
        }
        let before = core::mem::replace(&mut self.warnings, now);
        // The node's own words were told when it refused to write its role down.
        let told = |warning: &&Warning| warning.verdict == Verdict::RoleNotPersistent;
        for &Warning { verdict, node } in self
            .warnings
            .iter()
            .filter(|new| !before.contains(new) && !told(new))
        {
            if let Some(node) = self.view.get(node).map(|node| node.address.clone()) {
                self.out
                    .tell(self.now, Kind::WarningRaised { verdict, node });
            }
        }
        for &Warning { verdict, node } in before.iter().filter(|old| !self.warnings.contains(old)) {
            if let Some(node) = self.view.get(node).map(|node| node.address.clone()) {
                self.out
                    .tell(self.now, Kind::WarningCleared { verdict, node });
            }
        }
    }
}

fn reported(node: &Node) -> Option<Reported> {
    let replication = node.replication()?;
    Some(Reported {
        following: replication
            .following()
            .map(|following| Upstream::new(following, node.down_since)),
        since: node.role_since,
    })
}
