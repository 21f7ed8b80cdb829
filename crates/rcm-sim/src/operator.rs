//! An operator who changes, while the group is watched, who belongs to it: a spare server is added, and
//! a replica is forgotten. All monitors are told, each when the store's watch reaches it.

use rcm_core::engine::Input;
use rcm_core::id::{Address, Version};
use rcm_core::lineage::Position;
use rcm_core::policy::{Nodes, NodesError};
use rcm_core::settings::Settings;

use crate::monitor::Who;
use crate::network::Party;
use crate::node::Server;
use crate::store::Trouble;
use crate::trace::{MS, Time};
use crate::world::{Event, Ours, World};

/// Who belongs to the group, as it is stored for all monitors.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    version: Version,
    /// Who is listed.
    pub(crate) listed: Vec<usize>,
    /// Who does not belong to the group any more.
    pub(crate) forgotten: Vec<usize>,
    /// An empty server beside the group, which may be added.
    pub(crate) spare: Option<usize>,
}

impl Membership {
    pub(crate) fn of(listed: Vec<usize>) -> Self {
        Self {
            listed,
            ..Self::default()
        }
    }
}

/// A watch that is cut off begins again after this.
const WATCH_AGAIN: Time = 200 * MS;

impl World {
    /// An empty server that nobody has listed yet: until then it is no business of the monitors.
    pub(crate) fn add_spare(&mut self) {
        let node = self.servers.len();
        let address = Address::new(format!("10.0.0.{}", node + 1), 6379);
        self.addresses.push(address);
        let mut server = Server::new(self.servers[0].version);
        let process = self.new_process();
        server.process = process;
        server.stranger = true;
        server.up = true;
        server.id = self.new_replication_id();
        server.branch = self.new_branch();
        server.backlog_size = self.servers[0].backlog_size;
        server.dump = Some(server.dump_now());
        self.servers.push(server);
        // It holds nothing that another one could lose.
        self.robbed.insert(node);
        self.membership.spare = Some(node);
        let first = self.rng.range(0, 100 * MS);
        self.schedule(first, Event::Cron { node, process });
    }

    /// The operator adds the spare.
    pub(crate) fn list_spare(&mut self) {
        let Some(node) = self.membership.spare else {
            return;
        };
        if !self.membership.listed.contains(&node) {
            self.servers[node].stranger = false;
            self.membership.listed.push(node);
            self.coverage.count("nodes added");
            self.membership_changed();
        }
    }

    /// The operator forgets a replica. Of a primary, and of the last node that is listed, that is not
    /// accepted.
    pub(crate) fn forget_node(&mut self, node: usize) {
        let leads = self.last_published() == Some(node);
        let remain = self.membership.listed.iter().any(|&other| other != node);
        let known = self.group().any(|(other, _)| other == node);
        if leads || !remain || !known {
            return;
        }
        self.membership.listed.retain(|&other| other != node);
        self.membership.forgotten.push(node);
        self.coverage.count("nodes forgotten");
        self.membership_changed();
    }

    fn membership_changed(&mut self) {
        self.membership.version = self.membership.version.next();
        for who in 0..self.monitors.len() {
            let late = self.rng.pick(&[MS, MS, 20 * MS, 500 * MS, 3_000 * MS]);
            let at = self.now + self.rng.range(100, late);
            self.schedule_for(who, at, Ours::Membership);
        }
    }

    /// The watch tells a monitor of what is stored now.
    pub(crate) fn on_membership(&mut self, who: Who) {
        let joined = self.net.joins(Party::Monitor(who), Party::Store);
        if !joined || self.store.trouble == Some(Trouble::Down) {
            return self.schedule_for(who, self.now + WATCH_AGAIN, Ours::Membership);
        }
        let version = self.membership.version;
        if self.monitors[who].membership_version == version {
            return;
        }
        let Ok(nodes) = self.nodes() else { return };
        self.monitors[who].membership_version = version;
        let policy = self.monitors[who].policy.clone();
        let settings = Box::new(Settings { policy, nodes });
        self.input(who, Input::Settings { version, settings });
    }

    /// A monitor that starts reads what is stored.
    pub(crate) fn read_membership(&mut self, who: Who) -> Result<Nodes, NodesError> {
        self.monitors[who].membership_version = self.membership.version;
        self.nodes()
    }

    fn nodes(&self) -> Result<Nodes, NodesError> {
        let addresses = |nodes: &[usize]| {
            let nodes = nodes.iter();
            nodes.map(|&node| self.addresses[node].clone()).collect()
        };
        Nodes::new(addresses(&self.membership.listed))?
            .without(addresses(&self.membership.forgotten))
    }

    /// Whether a server belongs to the group. Whoever is in office does, whatever the operator says.
    pub(crate) fn belongs(&self, node: usize) -> bool {
        let in_office = || {
            let record = self.store.record.as_ref();
            record.is_some_and(|record| record.primary.address == self.addresses[node])
        };
        !self.servers[node].stranger && (!self.membership.forgotten.contains(&node) || in_office())
    }

    /// The servers of the group that the monitors can tell from those of others.
    pub(crate) fn attended(&self) -> impl Iterator<Item = (usize, &Server)> {
        self.group().filter(|&(node, _)| !self.looks_foreign(node))
    }

    /// Whether a server of the group holds a history that nobody can trace, and is left alone: a spare
    /// that came back so before it was recorded.
    fn looks_foreign(&self, node: usize) -> bool {
        let server = &self.servers[node];
        let position = Position::from(&server.replication(&self.addresses));
        let record = self.store.record.as_ref();
        let in_office = record.is_some_and(|it| it.primary.run_id == Some(server.run_id()));
        let recorded = record.is_some_and(|it| it.member_at(&self.addresses[node]).is_some());
        let is_new = self.membership.spare == Some(node) && !recorded;
        let traced = in_office || self.truth.can_be_traced(&position);
        is_new && !traced && server.history.holds_keys()
    }
}
