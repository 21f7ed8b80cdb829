//! What the nodes of a story are, and what the engine sees of them.

use std::error::Error;
use std::time::Duration;

use goldenscript::ArgumentConsumer;
use rcm_core::engine::Input;
use rcm_core::id::{NodeId, Offset};
use rcm_core::observation as look;
use rcm_core::time::Instant;

use super::Story;
use crate::words::{address, duration, replid, set_gates};

impl Story {
    pub(super) fn describe(
        &mut self,
        role: &str,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<(), Box<dyn Error>> {
        let name = args.next_pos().ok_or("which node?")?.value.clone();
        let id = args
            .lookup("id")
            .map_or("A".to_owned(), |arg| arg.value.clone());
        let offset: u64 = args.lookup_parse("offset")?.unwrap_or(0);
        let process: u64 = args.lookup_parse("process")?.unwrap_or(0);
        let replicas = args
            .lookup("replicas")
            .map(|arg| arg.value.clone())
            .unwrap_or_default();
        let primary = args
            .lookup("of")
            .map_or("tombstone".to_owned(), |arg| arg.value.clone());
        let up = |arg: Option<&goldenscript::Argument>| arg.is_none_or(|arg| arg.value != "down");
        let link_up = up(args.lookup("link"));
        let previous = args.lookup("previous").map(|arg| arg.value.clone());
        let node = self.node(&name)?;
        node.up = true;
        node.mute = false;
        node.process = process;
        node.condition.empty = args.lookup_parse("empty")?.unwrap_or(false);
        if let Some(gates) = args.lookup("gates") {
            set_gates(
                node,
                match gates.value.as_str() {
                    "shut" => look::Gates::SHUT,
                    number => look::Gates::open(number.parse()?),
                },
            );
        }
        node.replication.id = replid(&id);
        node.replication.offset = Offset(offset);
        node.replication.loading = args.lookup_parse("loading")?.unwrap_or(false);
        node.replication.previous = match previous.as_deref().and_then(|p| p.split_once('@')) {
            Some((id, fork)) => Some((replid(id), Offset(fork.parse()?))),
            None => None,
        };
        node.replication.role = if role == "primary" {
            let attached = replicas.split(',').filter(|name| !name.is_empty());
            let attached = attached.map(|name| look::Attached {
                address: address(name),
                offset: Offset(offset),
                online: true,
            });
            look::Role::Primary {
                replicas: attached.collect(),
                good_replicas: None,
            }
        } else {
            look::Role::Replica(look::Following {
                primary: address(&primary),
                link_up,
                syncing: args.lookup_parse("syncing")?.unwrap_or(false),
                priority: args.lookup_parse("priority")?.unwrap_or(100),
            })
        };
        self.look(&name)
    }

    fn id_of(&self, name: &str) -> NodeId {
        let mut watched = self.watched.iter();
        let found = watched.find(|(_, watched)| *watched == name);
        *found.expect("a node that is watched").0
    }

    fn see(&mut self, name: &str, seen: look::Seen, asked: Duration) {
        let observation = look::Observation {
            node: self.id_of(name),
            asked_at: Instant::after_start(asked),
            at: Instant::after_start(self.now),
            seen,
        };
        self.input(Input::Observation(observation));
    }

    /// The node answers a look.
    pub(super) fn look(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        let now = self.now.saturating_sub(self.look_ago);
        let node = self.node(name)?.clone();
        let identity = look::Identity {
            run_id: node.run_id(),
            version: "redis 7.0.15".to_owned(),
            busy_threshold: None,
            can_replicate: true,
        };
        let known = self.engine.as_ref().and_then(|engine| {
            let nodes = &engine.status().nodes;
            nodes
                .iter()
                .find(|seen| seen.address == address(name))?
                .run_id
        });
        if known != Some(node.run_id()) {
            self.see(name, look::Seen::Identity(identity), now);
        }
        self.see(name, look::Seen::Condition(node.condition), now);
        self.see(name, look::Seen::Replication(node.replication), now);
        Ok(())
    }

    pub(super) fn lose(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
        use look::{Failure, Seen};
        let name = args.next_pos().ok_or("which node?")?.value.clone();
        let how = args.next_pos().ok_or("how?")?.value.clone();
        let since = args
            .lookup("for")
            .map(|arg| duration(&arg.value))
            .transpose()?;
        let asked = self.now.saturating_sub(since.unwrap_or_default());
        let node = self.node(&name)?;
        node.mute = matches!(how.as_str(), "mute" | "accepted");
        node.up = node.mute || matches!(how.as_str(), "busy" | "denied");
        let seen = match how.as_str() {
            "crashed" => {
                self.see(&name, Seen::Failed(Failure::Closed), asked);
                Seen::Failed(Failure::Refused)
            }
            "closed" => Seen::Failed(Failure::Closed),
            "refused" => Seen::Failed(Failure::Refused),
            "silent" => Seen::Failed(Failure::Silent),
            "mute" => Seen::Failed(Failure::Mute),
            "accepted" => Seen::Accepted,
            "busy" => Seen::Failed(Failure::Busy),
            "denied" => Seen::Failed(Failure::Unauthorised),
            other => return Err(format!("unknown loss {other}").into()),
        };
        self.see(&name, seen, asked);
        Ok(())
    }

    pub(super) fn clients(
        &mut self,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<(), Box<dyn Error>> {
        let name = args.next_pos().ok_or("which node?")?.value.clone();
        let rivals = Self::names(args);
        let seen = look::Seen::Deciders(look::Deciders {
            rivals,
            older_hands: false,
        });
        let now = self.now;
        self.see(&name, seen, now);
        Ok(())
    }

    pub(super) fn name_of(&self, id: NodeId) -> String {
        self.watched[&id].clone()
    }
}
