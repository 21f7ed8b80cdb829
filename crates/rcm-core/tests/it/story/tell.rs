//! What a story asks for: the record, the nodes as they really are, and the published status.

use std::fmt::Write as _;

use rcm_core::observation as look;
use rcm_core::opinion::Class;

use super::Story;
use crate::words::vote;

impl Story {
    pub(super) fn tell_record(&mut self) {
        match &self.stored {
            None => self.output.push_str("no record\n"),
            Some(record) => {
                let members: Vec<_> = record
                    .members
                    .iter()
                    .map(|m| format!("{}@{}{}", m.address.host(), m.offset, vote(m)))
                    .collect();
                writeln!(
                    self.output,
                    "epoch {} {:?}\nprimary {} members {}\nloss {:?}",
                    record.epoch,
                    record.phase,
                    record.primary.address,
                    members.join(" "),
                    record
                        .loss
                        .as_ref()
                        .map(|loss| (loss.known_bytes, loss.estimated_bytes)),
                )
                .unwrap();
            }
        }
    }

    /// What the nodes really are, after our own actions.
    pub(super) fn tell_roles(&mut self) {
        for (name, node) in &self.nodes {
            let role = match &node.replication.role {
                look::Role::Primary { .. } => "primary".to_owned(),
                look::Role::Replica(following) => format!("replica of {}", following.primary),
            };
            let gates = match node.condition.gates() {
                None => "",
                Some(look::Gates::SHUT) => ", shut",
                Some(_) => ", open",
            };
            writeln!(self.output, "{name} {role}{gates}").unwrap();
        }
    }

    pub(super) fn tell_status(&mut self) {
        let status = self
            .engine
            .as_ref()
            .expect("the story starts with `start`")
            .status();
        let primary = status
            .primary
            .as_ref()
            .map_or("none".to_owned(), ToString::to_string);
        write!(
            self.output,
            "{} primary {primary} epoch {}",
            status.verdict, status.epoch
        )
        .unwrap();
        for node in &status.nodes {
            write!(self.output, " {}={:?}", node.address.host(), node.role).unwrap();
        }
        if !status.monitors.is_empty() {
            write!(self.output, " quorum {}", status.quorum).unwrap();
        }
        for monitor in &status.monitors {
            let life = if monitor.alive { "alive" } else { "dead" };
            let sees = monitor.sees.map_or("nothing", Class::code);
            write!(self.output, " {}={life},{sees}", monitor.id).unwrap();
        }
        self.output.push('\n');
    }
}
