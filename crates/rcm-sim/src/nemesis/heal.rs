//! The end of a fault that lasts for a while, and the end of all of them.

use super::{Disk, What};
use crate::network::Party;
use crate::world::World;

impl World {
    pub(crate) fn on_undo(&mut self, place: usize, node: usize) {
        let monitors = 0..self.monitors.len();
        let mut join = |one: Party, other: Party| {
            self.net.unblock(one, other);
            self.net.unblock(other, one);
        };
        match self.faults[place].what {
            What::CutFromMonitor { .. } | What::AddressReused { .. } => {
                monitors.for_each(|who| join(Party::Monitor(who), Party::Node(node)));
            }
            What::CutFromStore { .. } => {
                monitors.for_each(|who| join(Party::Monitor(who), Party::Store));
            }
            What::CutFromNode { other, .. } => join(Party::Node(other), Party::Node(node)),
            What::Loss { .. } => self.net.loss = 0,
            What::Late { .. } => self.net.late = 0,
            What::Deaf { .. } => self.servers[node].is_deaf = false,
            What::Store { .. } => self.store.trouble = None,
            What::Crash { .. }
            | What::CrashWithChild { .. }
            | What::HostLost { .. }
            | What::Stop { .. }
            | What::Script { .. }
            | What::Slow { .. }
            | What::MonitorKilled { .. }
            | What::MonitorGone { .. }
            | What::MonitorPaused { .. }
            | What::Priority { .. }
            | What::PromotedByHand
            | What::HandedOver
            | What::AttachedByHand { .. }
            | What::Switchover { .. }
            | What::Replace
            | What::Reset
            | What::SpareAdded
            | What::Forgotten => {}
        }
    }

    /// Everything works again.
    pub(crate) fn heal(&mut self) {
        self.healed = true;
        self.truth.disturbed_at = self.now;
        self.note([71, 0, 0], |_| String::from("! everything works again"));
        self.net.heal();
        self.store.trouble = None;
        let group: Vec<usize> = self.group().map(|(node, _)| node).collect();
        for node in group {
            let process = self.servers[node].process;
            if !self.servers[node].up {
                self.restart(node, process, Disk::Everything);
            }
            self.servers[node].slow_until = 0;
            self.servers[node].is_deaf = false;
            self.resume(node, self.servers[node].process);
        }
        for who in 0..self.monitors.len() {
            self.start_monitor(who);
        }
    }
}
