//! The end of a fault that lasts for a while, and the end of all of them.

use super::{Disk, What};
use crate::network::Party;
use crate::world::World;

impl World {
    pub(crate) fn on_undo(&mut self, place: usize, node: usize) {
        let mut join = |one: Party, other: Party| {
            self.net.unblock(one, other);
            self.net.unblock(other, one);
        };
        match self.faults[place].what {
            What::CutFromMonitor { .. } => join(Party::Monitor, Party::Node(node)),
            What::CutFromNode { other, .. } => join(Party::Node(other), Party::Node(node)),
            What::Loss { .. } => self.net.loss = 0,
            What::Store { .. } => self.store.trouble = None,
            What::Crash { .. }
            | What::CrashWithChild { .. }
            | What::HostLost { .. }
            | What::Stop { .. }
            | What::Script { .. }
            | What::Slow { .. }
            | What::MonitorKilled { .. }
            | What::MonitorPaused { .. }
            | What::PromotedByHand
            | What::AttachedByHand { .. }
            | What::Switchover { .. }
            | What::Replace => {}
        }
    }

    /// Everything works again.
    pub(crate) fn heal(&mut self) {
        self.healed = true;
        self.note([71, 0, 0], |_| String::from("! everything works again"));
        self.net.heal();
        self.store.trouble = None;
        for node in 0..self.servers.len() {
            let process = self.servers[node].process;
            if !self.servers[node].up {
                self.restart(node, process, Disk::Everything);
            }
            self.servers[node].slow_until = 0;
            self.resume(node, self.servers[node].process);
        }
        self.start_monitor();
    }
}
