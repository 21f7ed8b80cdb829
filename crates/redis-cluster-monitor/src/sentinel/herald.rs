//! Tells subscribers what happens to one group, with Sentinel's names and payloads.
//!
//! Decided here: which of our events is which of theirs, and in which order they are told. Events
//! come in order, but the published snapshot may be ahead of them; so what only a snapshot shows is
//! told only while it speaks of the primary that subscribers were told of last.
//!
//! Always holds: a primary is told once, and never before the snapshot names it.

use std::collections::{BTreeMap, BTreeSet};

use rcm_core::event::{Event, Kind};
use rcm_core::id::{Address, RunId};
use rcm_core::status::{NodeStatus, Status};

use super::fields::instance;
use super::house::replicas;
use super::message::{Message, SWITCH};

/// What subscribers were told of one group.
#[derive(Debug)]
pub struct Herald {
    group: String,
    announce_hostnames: bool,
    /// As it was told.
    primary: Option<Address>,
    primary_down: bool,
    /// Replicas, by the address that the operator or their primary wrote.
    known: BTreeSet<Address>,
    down: BTreeSet<Address>,
    processes: BTreeMap<Address, RunId>,
    /// Who said last that it is a primary.
    says_primary: BTreeMap<Address, bool>,
    out: Vec<Message>,
}

impl Herald {
    /// Nothing has been told yet.
    pub fn new(group: impl Into<String>, announce_hostnames: bool) -> Self {
        Self {
            group: group.into(),
            announce_hostnames,
            primary: None,
            primary_down: false,
            known: BTreeSet::new(),
            down: BTreeSet::new(),
            processes: BTreeMap::new(),
            says_primary: BTreeMap::new(),
            out: Vec::new(),
        }
    }

    /// Whether the snapshot names another primary than subscribers were told of.
    pub fn is_behind(&self, status: &Status) -> bool {
        let primary = self.primary_of(status);
        primary.is_some() && primary != self.primary
    }

    /// An event, and a snapshot that is at least as new.
    pub fn hear(&mut self, event: &Event, status: &Status) -> Vec<Message> {
        self.note(&event.kind, status);
        self.compare(status);
        std::mem::take(&mut self.out)
    }

    /// A snapshot without an event.
    pub fn see(&mut self, status: &Status) -> Vec<Message> {
        self.compare(status);
        std::mem::take(&mut self.out)
    }

    /// A snapshot whose events are lost or were none: what counts is told from it.
    pub fn catch_up(&mut self, status: &Status) -> Vec<Message> {
        if let Some(primary) = self.primary_of(status) {
            self.switch(&primary, status);
        }
        self.compare(status);
        std::mem::take(&mut self.out)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    fn note(&mut self, kind: &Kind, status: &Status) {
        match kind {
            Kind::VerdictChanged { to, .. } if to.means_lost() => self.judge(true),
            Kind::FailoverStarted { epoch, .. }
            | Kind::FailoverReconsidered { epoch, .. }
            | Kind::SwitchoverStarted { epoch, .. } => {
                self.tell("+new-epoch", epoch.to_string());
                self.tell_of_primary("+try-failover");
                self.tell_of_primary("+elected-leader");
                self.tell_of_primary("+failover-state-select-slave");
            }
            Kind::FailoverResumed { epoch, .. } => {
                self.tell("+new-epoch", epoch.to_string());
                self.tell_of_primary("+try-failover");
                self.tell_of_primary("+elected-leader");
            }
            Kind::CandidateChosen { node, .. } => {
                self.tell_of("+selected-slave", node, status);
                self.tell_of("+failover-state-send-slaveof-noone", node, status);
                self.tell_of("+failover-state-wait-promotion", node, status);
            }
            Kind::NodePromoted { node, .. } => {
                self.tell_of("+promoted-slave", node, status);
                self.tell_of_primary("+failover-state-reconf-slaves");
            }
            Kind::PrimarySwitched { to, .. } => self.switch(&self.announced(to, status), status),
            Kind::PrimaryAdopted { primary, .. } | Kind::PrimaryLearned { primary, .. } => {
                self.switch(&self.announced(primary, status), status);
            }
            Kind::FailoverStalled { .. } | Kind::FailoverBlocked { .. } => {
                self.tell_of_primary("-failover-abort-no-good-slave");
            }
            Kind::SwitchoverAborted { .. } => {
                self.tell_of_primary("-failover-abort-slave-timeout");
            }
            Kind::FailoverAborted { .. } | Kind::Superseded { .. } | Kind::FailoverLeft { .. } => {
                self.tell_of_primary("-failover-abort-not-elected");
            }
            Kind::GroupRestored { .. } => self.tell_of_primary("+failover-end"),
            Kind::NodeDiscovered { node, .. } | Kind::NodeAdded { node } => {
                self.meet(node, status);
            }
            // It is news again if it comes back.
            Kind::NodeForgotten { node, .. } => drop(self.known.remove(node)),
            Kind::RivalSealed { node, .. } => self.tell_of("+convert-to-slave", node, status),
            Kind::NodeAttached { node, .. } => {
                self.tell_of("+slave-reconf-sent", node, status);
                self.tell_of("+slave-reconf-inprog", node, status);
            }
            Kind::PrimaryUp { node, .. } => self.role_of(node, true, status),
            Kind::ReplicaUp { node, .. } => self.role_of(node, false, status),
            // Whether it is well again is in the snapshot.
            Kind::VerdictChanged { .. }
            | Kind::NodeDown { .. }
            | Kind::SettingsChanged { .. }
            | Kind::SameServer { .. }
            | Kind::WarningRaised { .. }
            | Kind::WarningCleared { .. }
            | Kind::WouldAct { .. }
            | Kind::LeaseResigned { .. }
            | Kind::WitnessAsked { .. }
            | Kind::WritesPaused { .. }
            | Kind::SwitchoverDoubted { .. }
            | Kind::SwitchoverDerailed { .. }
            | Kind::NodeSealed { .. }
            | Kind::LossAccounted { .. }
            | Kind::LossFinal { .. }
            | Kind::GatesOpened { .. }
            | Kind::GatesShut { .. }
            | Kind::VoterQualified { .. }
            | Kind::RolePersisted { .. }
            | Kind::RoleNotPersistent { .. }
            | Kind::BringBackFailed { .. }
            | Kind::RivalControllers { .. }
            | Kind::RivalControllersGone
            | Kind::ObserverLate { .. }
            | Kind::StoreFailed { .. }
            | Kind::StoreRecovered
            | Kind::Halted(_) => {}
        }
    }

    /// What only the snapshot shows.
    fn compare(&mut self, status: &Status) {
        if self.primary.is_none() {
            self.primary = self.primary_of(status);
            if self.primary.is_some() {
                self.tell_of_primary_with("+monitor", " quorum 1");
            }
        }
        if self.primary.is_none() || self.is_behind(status) {
            return;
        }
        self.judge(status.primary_is_down());
        for node in replicas(status) {
            self.meet(&node.address, status);
            if node.down && self.down.insert(node.address.clone()) {
                self.tell_of("+sdown", &node.address, status);
            } else if !node.down && self.down.remove(&node.address) {
                self.tell_of("-sdown", &node.address, status);
            }
        }
        let is_there = |address: &Address| status.nodes.iter().any(|it| it.address == *address);
        self.known.retain(is_there);
        self.down.retain(is_there);
        for node in &status.nodes {
            self.recognise(node, status);
        }
    }

    /// Whether clients should use the primary.
    fn judge(&mut self, is_down: bool) {
        if self.primary_down == is_down || self.primary.is_none() {
            return;
        }
        self.primary_down = is_down;
        if is_down {
            self.tell_of_primary("+sdown");
            self.tell_of_primary_with("+odown", " #quorum 1/1");
        } else {
            self.tell_of_primary("-sdown");
            self.tell_of_primary("-odown");
        }
    }

    fn switch(&mut self, to: &Address, status: &Status) {
        let Some(from) = self.primary.replace(to.clone()) else {
            return self.tell_of_primary_with("+monitor", " quorum 1");
        };
        if from == *to {
            return;
        }
        if std::mem::take(&mut self.primary_down) {
            self.tell("-odown", instance(&self.group, &from, None));
        }
        let payload = format!(
            "{} {} {} {} {}",
            self.group,
            from.host(),
            from.port(),
            to.host(),
            to.port()
        );
        self.tell(SWITCH, payload);
        // What is known of replicas is told again, of the new primary.
        self.known.clear();
        self.down.clear();
        if self.is_behind(status) {
            return;
        }
        for node in replicas(status) {
            self.meet(&node.address, status);
        }
    }

    fn meet(&mut self, node: &Address, status: &Status) {
        if self.known.insert(node.clone()) {
            self.tell_of("+slave", node, status);
        }
    }

    /// Another process than before.
    fn recognise(&mut self, node: &NodeStatus, status: &Status) {
        let Some(run_id) = node.run_id else { return };
        let before = self.processes.insert(node.address.clone(), run_id);
        if before.is_some_and(|before| before != run_id) {
            self.tell_of("+reboot", &node.address, status);
        }
    }

    /// A node says what it is; whether that is what it should be is told with the sign.
    fn role_of(&mut self, node: &Address, says_primary: bool, status: &Status) {
        let before = self.says_primary.insert(node.clone(), says_primary);
        if before.is_none_or(|before| before == says_primary) {
            return;
        }
        let in_office = self.primary.as_ref() == Some(&self.announced(node, status));
        let channel = if in_office == says_primary {
            "+role-change"
        } else {
            "-role-change"
        };
        let role = if says_primary { "master" } else { "slave" };
        let payload = format!(
            "{} new reported role is {role}",
            self.instance_of(node, status)
        );
        self.tell(channel, payload);
    }

    fn tell_of_primary(&mut self, channel: &'static str) {
        self.tell_of_primary_with(channel, "");
    }

    fn tell_of_primary_with(&mut self, channel: &'static str, more: &str) {
        if let Some(primary) = &self.primary {
            let payload = instance(&self.group, primary, None) + more;
            self.tell(channel, payload);
        }
    }

    fn tell_of(&mut self, channel: &'static str, node: &Address, status: &Status) {
        if self.primary.is_some() {
            let payload = self.instance_of(node, status);
            self.tell(channel, payload);
        }
    }

    fn tell(&mut self, channel: &'static str, payload: String) {
        self.out.push(Message::new(channel, payload));
    }

    fn instance_of(&self, node: &Address, status: &Status) -> String {
        let announced = self.announced(node, status);
        match &self.primary {
            Some(primary) if *primary == announced => instance(&self.group, primary, None),
            Some(primary) => instance(&self.group, primary, Some(&announced)),
            None => String::new(),
        }
    }

    /// The primary of a snapshot as it is told; a name that has not been resolved yet is not, or
    /// its resolution would look like a switch.
    fn primary_of(&self, status: &Status) -> Option<Address> {
        let primary = self.announced(status.primary.as_ref()?, status);
        (self.announce_hostnames || primary.ip().is_some()).then_some(primary)
    }

    /// The address that clients are given for a node.
    fn announced(&self, address: &Address, status: &Status) -> Address {
        let node = status.nodes.iter().find(|node| node.address == *address);
        match node {
            Some(node) if !self.announce_hostnames => node.endpoint(),
            _ => address.clone(),
        }
    }
}

#[cfg(test)]
#[path = "herald_tests.rs"]
mod tests;
