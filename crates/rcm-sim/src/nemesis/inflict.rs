//! A fault's time has come: who it is about, and what it does to the world.

use rcm_core::request::Request;

use super::{Disk, Fault, Step, What, When, Whom};
use crate::network::Party;
use crate::world::{Event, World};

impl World {
    /// The monitor took a step: faults may wait for it.
    pub(crate) fn step_taken(&mut self, step: Step, node: Option<usize>) {
        let count = self.steps.entry(step).or_insert(0);
        *count += 1;
        let count = *count;
        for place in 0..self.faults.len() {
            if let When::After(awaited, nth, after) = self.faults[place].when
                && awaited == step
                && nth == count
                && self.first_fault_at.is_some()
            {
                self.schedule(
                    self.now + after,
                    Event::Fault {
                        place,
                        subject: node,
                    },
                );
            }
        }
    }

    pub(crate) fn on_fault(&mut self, place: usize, subject: Option<usize>) {
        if self.healed {
            return;
        }
        let Fault { whom, what, .. } = self.faults[place];
        let primary = self.monitor.published.unwrap_or(0);
        let node = match whom {
            Whom::Primary => primary,
            Whom::Subject => subject.unwrap_or(primary),
            Whom::Node(node) => node,
        };
        if self.first_fault_at.is_none() {
            self.first_fault_at = Some(self.now);
            self.steps.clear();
        }
        self.coverage.fault(what.word());
        self.note([70, place as u64, node as u64], |world| {
            format!("! {} {what:?}", world.name(node))
        });
        self.inflict(node, what, place);
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of fault")]
    fn inflict(&mut self, node: usize, what: What, place: usize) {
        let now = self.now;
        match what {
            What::Crash { back_after, disk } => {
                let disk = self.mercy(node, disk);
                self.crash(node, 0);
                if let Some(after) = back_after {
                    let process = self.servers[node].process;
                    self.schedule(
                        now + after,
                        Event::Restart {
                            node,
                            process,
                            disk,
                        },
                    );
                }
            }
            What::CrashWithChild { child, back_after } => {
                self.crash(node, child);
                let (process, disk) = (self.servers[node].process, Disk::Everything);
                self.schedule(
                    now + back_after.max(child),
                    Event::Restart {
                        node,
                        process,
                        disk,
                    },
                );
            }
            What::HostLost { back_after } => {
                self.lose_host(node);
                let (process, disk) = (self.servers[node].process, Disk::Everything);
                self.schedule(
                    now + back_after,
                    Event::Restart {
                        node,
                        process,
                        disk,
                    },
                );
            }
            What::Stop { time } => {
                self.servers[node].stopped = true;
                let process = self.servers[node].process;
                self.schedule(now + time, Event::Resume { node, process });
            }
            What::Script { time } => self.run_script(node, time),
            What::Slow { time } => self.servers[node].slow_until = now + time,
            What::CutFromMonitor { time, to, from } => {
                self.cut(Party::Monitor, Party::Node(node), to, from);
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::CutFromNode {
                time,
                other,
                to,
                from,
            } => {
                self.cut(Party::Node(other), Party::Node(node), to, from);
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::Loss { percent, time } => {
                self.net.loss = percent;
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::MonitorKilled { back_after } => {
                self.kill_monitor();
                self.schedule(now + back_after, Event::StartMonitor);
            }
            What::MonitorPaused { time } => self.pause_monitor(time),
            What::Store { trouble, time } => {
                self.store.trouble = Some(trouble);
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::Switchover { to } => {
                let to = to.map(|node| self.addresses[node].clone());
                self.request(&Request::Switchover { to });
            }
            What::Replace => self.request(&Request::Replace),
            What::PromotedByHand => {
                if self.servers[node].up {
                    self.promote(node);
                }
            }
            What::AttachedByHand { to } => {
                if self.servers[node].up && node != to {
                    let target = self.addresses[to].clone();
                    self.follow(node, &target, false);
                }
            }
        }
    }

    /// Data is only taken from a node as long as another one still has all of it: what nobody holds
    /// nobody can save.
    fn mercy(&self, node: usize, disk: Disk) -> Disk {
        let holds = |other: usize| {
            let server = &self.servers[other];
            server.up
                && !server.is_syncing()
                && !server.is_loading()
                && !self.robbed.contains(&other)
                && server.priority > 0
                && (server.link_is_up() || server.is_primary())
        };
        let others = (0..self.servers.len()).filter(|&other| other != node && holds(other));
        if others.count() >= 1 {
            disk
        } else {
            Disk::Everything
        }
    }

    fn cut(&mut self, one: Party, other: Party, to: bool, from: bool) {
        if to {
            self.net.block(one, other);
        }
        if from {
            self.net.block(other, one);
        }
    }
}
