//! Carries out what the engine wants done, at once, on nodes that do as they are told.

use std::fmt::Write as _;

use rcm_core::action::{Action, Deed, Done, Failed, Outcome};
use rcm_core::id::{NodeId, Offset, Revision};
use rcm_core::observation as look;
use rcm_core::opinion::Opinion;
use rcm_core::record::Record;
use rcm_core::time::Human;

use super::Story;
use crate::words::{Node, follow, replid, report, seal, set_gates};

impl Story {
    #[expect(clippy::too_many_lines, reason = "one arm for each deed")]
    pub(super) fn carry_out(&mut self, action: Action) -> Option<Outcome> {
        match action.deed {
            Deed::Watch { node, address } => {
                self.watched.insert(node, address.host().to_owned());
                None
            }
            Deed::Unwatch { node } => {
                self.watched.remove(&node);
                None
            }
            Deed::Pace(_) | Deed::Close { .. } => None,
            Deed::Tell(opinion) => {
                let Opinion { about, seen, age } = opinion;
                let age = Human(age);
                writeln!(
                    self.output,
                    "> tell {seen} for {age}, epoch {}",
                    about.epoch
                )
                .unwrap();
                None
            }
            Deed::Resign { pause } => {
                writeln!(self.output, "> resign for {}", Human(pause)).unwrap();
                None
            }
            Deed::Read => {
                let record = self.stored.clone().map(Box::new);
                Some(Outcome::Done(Done::Read {
                    record,
                    revision: self.revision,
                }))
            }
            Deed::Write { record, expect } => self.write(*record, expect),
            Deed::Open { node, blind } => {
                let what = if blind { "open-blindly" } else { "open" };
                self.on(node, what, |_| Done::Opened)
            }
            Deed::Fence { node } => self.on(node, "fence", |_| Done::Fenced),
            Deed::Persist { node, gates } => self.on(node, "persist", |node| {
                gates.map_or(Done::Accepted, |gates| set_gates(node, gates))
            }),
            Deed::SetGates { node, gates } => {
                self.on(node, gates_in_words(gates), |node| set_gates(node, gates))
            }
            Deed::CutLink { node } => self.on(node, "cut-link", |_| Done::Accepted),
            Deed::Inspect { node } => {
                self.on(node, "inspect", |node| Done::Inspected(report(node)))
            }
            Deed::Pause { node, .. } => self.on(node, "pause", |node| Done::Paused(report(node))),
            Deed::Resume { node } => self.on(node, "resume", |_| Done::Accepted),
            Deed::Seal { node, shut, .. } => {
                let what = if shut { "shut-and-seal" } else { "seal" };
                self.on(node, what, |node| seal(node, shut))
            }
            Deed::Attach { node, primary } => {
                let stream = self
                    .nodes
                    .get(primary.host())
                    .map(|node| node.replication.id);
                self.on(node, "attach", |node| {
                    follow(node, primary, true);
                    node.replication.id = stream.unwrap_or(node.replication.id);
                    Done::Accepted
                })
            }
            Deed::Promote { node } => {
                self.promotions += 1;
                let id = replid(["B", "C", "D", "E", "F"][(self.promotions - 1) % 5]);
                self.on(node, "promote", |node| {
                    let fork = (node.replication.id, node.replication.offset);
                    node.replication.previous = Some(fork);
                    node.replication.id = id;
                    node.replication.role = look::Role::Primary {
                        replicas: Vec::new(),
                        good_replicas: None,
                    };
                    Done::Promoted(report(node))
                })
            }
        }
    }

    fn write(&mut self, record: Record, expect: Revision) -> Option<Outcome> {
        let word = format!("{:?}", record.phase);
        let word = word.split(' ').next().unwrap().to_lowercase();
        writeln!(self.output, "> write epoch {} {word}", record.epoch).unwrap();
        if self.unanswered.contains("write") {
            return None;
        }
        if let Some(text) = self.refused.get("write") {
            return Some(Outcome::Failed(Failed::Refused(text.clone())));
        }
        if expect != self.revision {
            return Some(Outcome::Failed(Failed::Conflict));
        }
        self.store(record);
        Some(Outcome::Done(Done::Written(self.revision)))
    }

    fn on(
        &mut self,
        id: NodeId,
        what: &str,
        change: impl FnOnce(&mut Node) -> Done,
    ) -> Option<Outcome> {
        let name = self.name_of(id);
        let silent =
            matches!(what, "open" | "open-blindly" | "fence" | "inspect") || self.silent_actions;
        let asked = what.trim_end_matches("-blindly");
        let unanswered = self.unanswered.contains(&format!("{asked}:{name}"));
        let node = self.nodes.get_mut(&name)?;
        if !node.up {
            return Some(Outcome::Failed(Failed::NotReached));
        }
        if !silent {
            writeln!(self.output, "> {what} {name}").unwrap();
        }
        if let Some((_, record)) = self.overtaken_after.take_if(|(after, _)| after == what) {
            let announced = self.stored.as_ref().map(|stored| stored.epoch);
            // It writes on top of whatever is stored by then.
            self.store(Record {
                epoch: announced.unwrap_or_default().next(),
                ..record
            });
        }
        if let Some(bytes) = self.surges.remove(&format!("{asked}:{name}")) {
            let node = self.nodes.get_mut(&name)?;
            node.replication.offset = Offset(node.replication.offset.0 + bytes);
        }
        if let Some(text) = self.refused.get(&format!("{asked}:{name}")) {
            return Some(Outcome::Failed(Failed::Refused(text.clone())));
        }
        let node = self.nodes.get_mut(&name)?;
        if unanswered || (node.mute && what != "open-blindly") {
            None
        } else {
            Some(Outcome::Done(change(node)))
        }
    }
}

fn gates_in_words(gates: look::Gates) -> &'static str {
    if gates == look::Gates::SHUT {
        "shut"
    } else {
        "open-gates"
    }
}
