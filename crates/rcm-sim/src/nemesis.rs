//! What goes wrong, when, and with whom. A list that is made from the seed and can be shortened.

use rcm_core::action::Deed;
use rcm_core::record::Phase;

use crate::network::Party;
use crate::seed::Rng;
use crate::store::Trouble;
use crate::trace::{MS, S, Time};
use crate::world::{Event, World};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub when: When,
    /// With whom.
    pub whom: Whom,
    /// What.
    pub what: What,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this time.
    At(Time),
    /// So long after the monitor took this step for this many times.
    After(Step, u32, Time),
}

/// A step of a plan, as it is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are the deeds of the core")]
pub enum Step {
    Claim,
    Intend,
    Commit,
    Open,
    Fence,
    Inspect,
    Seal,
    Promote,
    Attach,
    Persist,
    Cut,
}

/// With whom a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The primary that is published.
    Primary,
    /// The node that the step is about, or else the primary.
    Subject,
    /// This node.
    Node(usize),
}

/// What a process finds on its disk when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Everything, with its place in the replication.
    Everything,
    /// Everything, without its place in the replication.
    OnlyData,
    /// An older dump.
    OlderDump,
    /// Nothing.
    Nothing,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum What {
    Crash {
        back_after: Option<Time>,
        disk: Disk,
    },
    /// A forked child keeps the dead process's connections open for this long.
    CrashWithChild {
        child: Time,
        back_after: Time,
    },
    HostLost {
        back_after: Time,
    },
    Stop {
        time: Time,
    },
    Script {
        time: Time,
    },
    Slow {
        time: Time,
    },
    /// The monitor does not hear the node, or the node not the monitor, or both.
    CutFromMonitor {
        time: Time,
        to: bool,
        from: bool,
    },
    CutFromNode {
        time: Time,
        other: usize,
        to: bool,
        from: bool,
    },
    Loss {
        percent: u64,
        time: Time,
    },
    MonitorKilled {
        back_after: Time,
    },
    MonitorPaused {
        time: Time,
    },
    Store {
        trouble: Trouble,
        time: Time,
    },
    PromotedByHand,
    AttachedByHand {
        to: usize,
    },
}

/// The kinds of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Plot {
    /// Everything stays below the detector's bounds: no failover may happen.
    Calm,
    Alone,
    Pair,
    AtStep,
    Storm,
    ByHand,
}

impl What {
    /// The word for the summary.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::CrashWithChild { .. } => "crash with a child",
            Self::HostLost { .. } => "host lost",
            Self::Stop { .. } => "stop",
            Self::Script { .. } => "script",
            Self::Slow { .. } => "slow",
            Self::CutFromMonitor { .. } => "cut from the monitor",
            Self::CutFromNode { .. } => "cut from a node",
            Self::Loss { .. } => "loss",
            Self::MonitorKilled { .. } => "monitor killed",
            Self::MonitorPaused { .. } => "monitor paused",
            Self::Store { .. } => "store",
            Self::PromotedByHand => "promoted by hand",
            Self::AttachedByHand { .. } => "attached by hand",
        }
    }
}

impl Step {
    pub(crate) fn of(deed: &Deed) -> Option<Self> {
        Some(match deed {
            Deed::Write { record, .. } => match record.phase {
                Phase::Claimed { .. } => Self::Claim,
                Phase::Promoting { .. } => Self::Intend,
                Phase::Committed => Self::Commit,
            },
            Deed::Open { .. } => Self::Open,
            Deed::Fence { .. } => Self::Fence,
            Deed::Inspect { .. } => Self::Inspect,
            Deed::Seal { .. } => Self::Seal,
            Deed::Promote { .. } => Self::Promote,
            Deed::Attach { .. } => Self::Attach,
            Deed::Persist { .. } => Self::Persist,
            Deed::CutLink { .. } => Self::Cut,
            Deed::Watch { .. }
            | Deed::Unwatch { .. }
            | Deed::Pace(_)
            | Deed::Read
            | Deed::Close { .. } => return None,
        })
    }
}

const STEPS: [Step; 9] = [
    Step::Claim,
    Step::Intend,
    Step::Commit,
    Step::Open,
    Step::Fence,
    Step::Inspect,
    Step::Seal,
    Step::Promote,
    Step::Attach,
];

/// The plot and the faults of a seed, for a group of so many nodes.
#[expect(clippy::too_many_lines, reason = "a table of plots")]
pub(crate) fn plan(seed: u64, nodes: usize) -> (Plot, Vec<Fault>) {
    let mut rng = Rng::new(seed, 2);
    let plot = match rng.range(0, 99) {
        0..10 => Plot::Calm,
        10..25 => Plot::Alone,
        25..48 => Plot::Pair,
        48..78 => Plot::AtStep,
        78..92 => Plot::Storm,
        _ => Plot::ByHand,
    };
    let rng = &mut rng;
    let mut faults = Vec::new();
    let first = 3 * S + rng.range(0, 2 * S);
    match plot {
        Plot::Calm => {
            // One after the other: together they would be a longer delay.
            if rng.percent(30) {
                // The monitor is not scheduled when the silence would have lasted long enough.
                let time = rng.range(300 * MS, 400 * MS);
                let what = What::CutFromMonitor {
                    time,
                    to: true,
                    from: true,
                };
                let at = first + S;
                faults.push(Fault {
                    when: When::At(at),
                    whom: Whom::Primary,
                    what,
                });
                let what = What::MonitorPaused {
                    time: rng.range(500 * MS, 3 * S),
                };
                let when = When::At(at + rng.range(time - 60 * MS, time));
                faults.push(Fault {
                    when,
                    whom: Whom::Primary,
                    what,
                });
                return (plot, faults);
            }
            for place in 0..rng.range(0, 3) {
                let when = When::At(first + place * 7 * S + rng.range(0, S));
                faults.push(Fault {
                    when,
                    whom: any(rng, nodes),
                    what: harmless(rng, nodes),
                });
            }
        }
        Plot::Alone => faults.push(Fault {
            when: When::At(first),
            ..fault(rng, nodes, 75)
        }),
        Plot::Pair if rng.percent(20) => {
            // A replica lags behind what it has received when the primary crashes.
            let slow = What::Slow {
                time: rng.range(50 * MS, 600 * MS),
            };
            let whom = Whom::Node(nodes.saturating_sub(1));
            faults.push(Fault {
                when: When::At(first),
                whom,
                what: slow,
            });
            let when = When::At(first + rng.range(MS, 100 * MS));
            faults.push(Fault {
                when,
                whom: Whom::Primary,
                what: crash(rng),
            });
        }
        Plot::Pair => {
            faults.push(Fault {
                when: When::At(first),
                ..fault(rng, nodes, 75)
            });
            let gap = rng.pick(&[MS, 20 * MS, 200 * MS, S, 6 * S]);
            let when = When::At(first + rng.range(0, gap));
            faults.push(Fault {
                when,
                ..fault(rng, nodes, 40)
            });
        }
        Plot::AtStep if rng.percent(15) => {
            // A write of a monitor that is gone is still on its way when the next one starts.
            let what = What::Store {
                trouble: Trouble::Slow(2 * S),
                time: rng.range(S, 9 * S),
            };
            faults.push(Fault {
                when: When::At(first),
                whom: Whom::Primary,
                what,
            });
            let when = When::At(first + MS);
            faults.push(Fault {
                when,
                ..lost_primary(rng)
            });
            let step = rng.pick(&[Step::Claim, Step::Intend, Step::Commit]);
            let when = When::After(step, 1, rng.range(0, S));
            let what = What::MonitorKilled { back_after: MS };
            faults.push(Fault {
                when,
                whom: Whom::Primary,
                what,
            });
        }
        Plot::AtStep => {
            faults.push(Fault {
                when: When::At(first),
                ..lost_primary(rng)
            });
            for _ in 0..rng.range(1, 2) {
                let nth = rng.pick(&[1, 1, 1, 2, 3]);
                let after = rng.pick(&[0, 0, 200, MS, 3 * MS, 50 * MS]);
                let when = When::After(rng.pick(&STEPS), nth, after);
                let whom = if rng.percent(60) {
                    Whom::Subject
                } else {
                    any(rng, nodes)
                };
                faults.push(Fault {
                    when,
                    whom,
                    ..fault(rng, nodes, 20)
                });
            }
        }
        Plot::Storm => {
            for _ in 0..rng.range(4, 12) {
                let when = When::At(first + rng.range(0, 9 * S));
                faults.push(Fault {
                    when,
                    ..fault(rng, nodes, 45)
                });
            }
        }
        Plot::ByHand => {
            let what = by_hand(rng, nodes);
            faults.push(Fault {
                when: When::At(first),
                whom: any(rng, nodes),
                what,
            });
            if rng.percent(50) {
                let when = When::At(first + rng.range(0, 3 * S));
                faults.push(Fault {
                    when,
                    ..fault(rng, nodes, 50)
                });
            }
        }
    }
    (plot, faults)
}

fn any(rng: &mut Rng, nodes: usize) -> Whom {
    Whom::Node(rng.index(nodes))
}

fn some_time(rng: &mut Rng) -> Time {
    let most = rng.pick(&[50 * MS, 300 * MS, 2 * S, 9 * S]);
    rng.range(most / 10, most)
}

fn by_hand(rng: &mut Rng, nodes: usize) -> What {
    if rng.percent(50) {
        What::PromotedByHand
    } else {
        What::AttachedByHand {
            to: rng.index(nodes),
        }
    }
}

/// Something that never justifies a failover.
fn harmless(rng: &mut Rng, nodes: usize) -> What {
    match rng.range(0, 6) {
        0 => What::Stop {
            time: rng.range(MS, 400 * MS),
        },
        1 => What::Script {
            time: rng.range(MS, 5_300 * MS),
        },
        2 => What::Slow {
            time: rng.range(MS, 2 * S),
        },
        3 => What::CutFromMonitor {
            time: rng.range(MS, 400 * MS),
            to: true,
            from: true,
        },
        4 => {
            let other = rng.index(nodes);
            What::CutFromNode {
                time: rng.range(MS, 400 * MS),
                other,
                to: true,
                from: true,
            }
        }
        5 => What::MonitorPaused {
            time: rng.range(MS, 3 * S),
        },
        _ => What::MonitorKilled {
            back_after: rng.range(MS, S),
        },
    }
}

fn lost_primary(rng: &mut Rng) -> Fault {
    let what = match rng.range(0, 9) {
        0..6 => crash(rng),
        6 => What::HostLost {
            back_after: rng.range(S, 9 * S),
        },
        7 | 8 => What::Stop {
            time: rng.range(S, 9 * S),
        },
        _ => What::CrashWithChild {
            child: rng.range(100 * MS, 2 * S),
            back_after: rng.range(S, 9 * S),
        },
    };
    Fault {
        when: When::At(0),
        whom: Whom::Primary,
        what,
    }
}

fn crash(rng: &mut Rng) -> What {
    let back_after = rng.pick(&[None, Some(50 * MS), Some(300 * MS), Some(3 * S), Some(S)]);
    let disk = match rng.range(0, 9) {
        0..5 => Disk::Everything,
        5 | 6 => Disk::OlderDump,
        7 => Disk::OnlyData,
        _ => Disk::Nothing,
    };
    let back_after = back_after.map(|most| rng.range(most / 2, most));
    What::Crash { back_after, disk }
}

fn fault(rng: &mut Rng, nodes: usize, primary: u64) -> Fault {
    let whom = if rng.percent(primary) {
        Whom::Primary
    } else {
        any(rng, nodes)
    };
    let what = match rng.range(0, 99) {
        0..26 => crash(rng),
        26..30 => What::CrashWithChild {
            child: rng.range(100 * MS, 2 * S),
            back_after: rng.range(S, 5 * S),
        },
        30..38 => What::HostLost {
            back_after: some_time(rng),
        },
        38..52 => What::Stop {
            time: some_time(rng),
        },
        52..55 => What::Script {
            time: some_time(rng),
        },
        55..61 => What::Slow {
            time: some_time(rng),
        },
        61..69 => {
            let (to, from) = rng.pick(&[(true, true), (true, false), (false, true)]);
            What::CutFromMonitor {
                time: some_time(rng),
                to,
                from,
            }
        }
        69..76 => {
            let (to, from) = rng.pick(&[(true, true), (true, false), (false, true)]);
            What::CutFromNode {
                time: some_time(rng),
                other: rng.index(nodes),
                to,
                from,
            }
        }
        76..79 => What::Loss {
            percent: rng.pick(&[1, 5, 20]),
            time: some_time(rng),
        },
        79..88 => What::MonitorKilled {
            back_after: rng.pick(&[MS, 100 * MS, 2 * S]),
        },
        88..93 => What::MonitorPaused {
            time: some_time(rng).min(4 * S),
        },
        _ => {
            let slow = Trouble::Slow(rng.pick(&[50 * MS, S, 3 * S]));
            let troubles = [
                Trouble::Refuses,
                slow,
                Trouble::LosesAnswers,
                Trouble::LosesRequests,
            ];
            What::Store {
                trouble: rng.pick(&troubles),
                time: some_time(rng),
            }
        }
    };
    Fault {
        when: When::At(0),
        whom,
        what,
    }
}

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
            | What::AttachedByHand { .. } => {}
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
