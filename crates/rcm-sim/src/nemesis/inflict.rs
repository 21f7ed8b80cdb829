//! A fault's time has come: who it is about, and what it does to the world.

use rcm_core::request::Request;

use super::{Disk, Fault, Step, Subject, What, When, Whom, Whose};
use crate::monitor::Who;
use crate::network::Party;
use crate::trace::{MS, Time};
use crate::world::{Event, World};

/// An address that somebody else gets is reached again after this. Whoever has it feeds, or follows,
/// somebody by then, and a failover from its last owner is over: that one is sealed whoever answers.
const MOVED_AFTER: Time = 1_900 * MS;

impl World {
    /// A monitor took a step: faults may wait for it.
    pub(crate) fn step_taken(&mut self, who: Who, step: Step, node: Option<usize>) {
        let count = self.steps.entry(step).or_insert(0);
        *count += 1;
        let count = *count;
        for place in 0..self.faults.len() {
            if let When::After(awaited, nth, after) = self.faults[place].when
                && awaited == step
                && nth == count
                && self.first_fault_at.is_some()
            {
                let subject = Subject {
                    node,
                    monitor: Some(who),
                };
                self.schedule(self.now + after, Event::Fault { place, subject });
            }
        }
    }

    pub(crate) fn on_fault(&mut self, place: usize, subject: Subject) {
        if self.healed {
            return;
        }
        let Fault { whom, what, .. } = self.faults[place];
        let primary = self.last_published().unwrap_or(0);
        let node = match whom {
            Whom::Primary => primary,
            Whom::Subject => subject.node.unwrap_or(primary),
            Whom::Node(node) => node,
        };
        if self.first_fault_at.is_none() {
            self.first_fault_at = Some(self.now);
            self.steps.clear();
        }
        self.truth.disturbed_at = self.now;
        self.coverage.fault(what.word());
        self.note([70, place as u64, node as u64], |world| {
            format!("! {} {what:?}", world.name(node))
        });
        self.inflict(node, what, place, subject.monitor);
    }

    /// The monitors that a fault is about.
    fn meant(&self, whose: Whose, by: Option<Who>) -> Vec<Who> {
        let holder = || self.monitors.iter().position(|monitor| monitor.leads);
        let leader = by.or_else(holder).unwrap_or(0);
        (0..self.monitors.len())
            .filter(|&who| match whose {
                Whose::Leader => who == leader,
                Whose::Others => who != leader,
                Whose::Monitor(number) => who == number,
            })
            .collect()
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of fault")]
    fn inflict(&mut self, node: usize, what: What, place: usize, by: Option<Who>) {
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
            What::CutFromMonitor {
                whose,
                time,
                to,
                from,
            } => {
                for who in self.meant(whose, by) {
                    self.cut(Party::Monitor(who), Party::Node(node), to, from);
                }
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::CutFromStore {
                whose,
                time,
                to,
                from,
            } => {
                for who in self.meant(whose, by) {
                    self.cut(Party::Monitor(who), Party::Store, to, from);
                }
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
            What::Late { most, time } => {
                self.net.late = most;
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::Reset => self.reset_connections(node),
            What::Deaf { time } => {
                self.servers[node].is_deaf = true;
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::MonitorKilled { whose, back_after } => {
                for who in self.meant(whose, by) {
                    self.kill_monitor(who);
                    self.schedule(now + back_after, Event::StartMonitor(who));
                }
            }
            What::MonitorGone { whose } => {
                for who in self.meant(whose, by) {
                    self.kill_monitor(who);
                    self.monitors[who].gone = true;
                }
            }
            What::MonitorPaused { whose, time } => {
                for who in self.meant(whose, by) {
                    self.pause_monitor(who, time);
                }
            }
            What::Store { trouble, time } => {
                self.store.trouble = Some(trouble);
                self.schedule(now + time, Event::Undo(place, node));
            }
            What::Switchover { to } => {
                let to = to.map(|node| self.addresses[node].clone());
                self.ask_all(&Request::Switchover { to });
            }
            What::Replace => self.ask_all(&Request::Replace),
            What::AddressReused { after, leads } => {
                self.lose_host(node);
                let process = self.servers[node].process;
                let taken = Event::AddressTaken {
                    node,
                    process,
                    leads,
                };
                self.schedule(now + after, taken);
                for who in 0..self.monitors.len() {
                    self.cut(Party::Monitor(who), Party::Node(node), true, true);
                }
                self.schedule(now + MOVED_AFTER, Event::Undo(place, node));
            }
            What::Priority { to } => self.servers[node].priority = to,
            What::PromotedByHand => {
                if self.servers[node].up {
                    self.promote(node);
                }
            }
            What::SpareAdded => self.list_spare(),
            What::Forgotten => self.forget_node(node),
            What::HandedOver => self.hand_over(node),
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
        let mut others = self.group().map(|(other, _)| other);
        if others.any(|other| other != node && holds(other)) {
            disk
        } else {
            Disk::Everything
        }
    }

    /// Whoever asks does not know which monitor acts.
    fn ask_all(&mut self, request: &Request) {
        for who in 0..self.monitors.len() {
            self.request(who, request.clone());
        }
    }

    /// As `FAILOVER` does it: only a replica that holds everything takes over.
    fn hand_over(&mut self, node: usize) {
        let primary = self.last_published().unwrap_or(0);
        let all = &self.servers[primary].history;
        if node == primary || *all != self.servers[node].history {
            return;
        }
        self.promote(node);
        let target = self.addresses[node].clone();
        let others = self.group().map(|(other, _)| other);
        let others: Vec<usize> = others.filter(|&other| other != node).collect();
        for other in others {
            if self.servers[other].up {
                self.follow(other, &target, false);
            }
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
