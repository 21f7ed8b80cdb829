//! The small world that a story is told in: nodes that answer what they are told to, a store that
//! stores, and a clock that the story moves.
//!
//! Actions are carried out at once and printed as `> ...`; events are printed as `* ...`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use goldenscript::{ArgumentConsumer, Command, Runner};
use rcm_core::action::{Action, Deed, Done, Failed, Outcome};
use rcm_core::engine::{Engine, Identity, Input};
use rcm_core::id::{Address, NodeId, Offset, ReplicationId, Revision};
use rcm_core::lease::Lease;
use rcm_core::observation as look;
use rcm_core::policy::{Nodes, Policy};
use rcm_core::record::Record;
use rcm_core::time::Instant;

use crate::cast::{Node, follow, report, seal, set_gates, vote};

#[derive(Default)]
pub(crate) struct Story {
    engine: Option<Engine>,
    now: Duration,
    /// The nodes that the operator named; all of them unless the story says how many.
    listed: Vec<String>,
    nodes: BTreeMap<String, Node>,
    stored: Option<Record>,
    revision: Revision,
    unanswered: BTreeSet<String>,
    silent_actions: bool,
    promotions: usize,
    /// How long ago a look was asked for.
    look_ago: Duration,
    /// Nodes are asked about their gates.
    strict: bool,
    output: String,
}

fn replid(name: &str) -> ReplicationId {
    let text = name
        .bytes()
        .fold(0_u64, |id, byte| id << 8 | u64::from(byte));
    ReplicationId::from_number(text << (64 - 8 * name.len().min(8)))
}

fn address(name: &str) -> Address {
    if name == "tombstone" {
        Address::tombstone()
    } else {
        Address::new(name, 6379)
    }
}

fn duration(text: &str) -> Result<Duration, Box<dyn Error>> {
    Ok(humantime::parse_duration(text)?)
}

impl Runner for Story {
    fn run(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let name = command.name.as_str();
        match name {
            "start" => self.start(&mut args)?,
            "primary" | "replica" => self.describe(name, &mut args)?,
            "look" => {
                let ago = args.lookup("ago").map(|arg| duration(&arg.value));
                self.look_ago = ago.transpose()?.unwrap_or_default();
                for node in Self::names(&mut args) {
                    self.look(&node)?;
                }
                self.look_ago = Duration::ZERO;
            }
            "lost" => self.lose(&mut args)?,
            "back" => {
                let node = self.node(&args.next_pos().ok_or("which node?")?.value)?;
                node.up = true;
                node.mute = false;
            }
            "clients" => self.clients(&mut args)?,
            "tick" => {
                let time = duration(&args.next_pos().ok_or("how long?")?.value)?;
                self.pass(time);
            }
            "late" => {
                let by = duration(&args.next_pos().ok_or("how long?")?.value)?;
                self.now += by;
                self.input(Input::Late { by });
            }
            "lease" => {
                let held = args.next_pos().ok_or("held or lost?")?.value == "held";
                let now = Instant::after_start(self.now);
                self.input(Input::Lease(if held {
                    Lease::HeldSince(now)
                } else {
                    Lease::NotHeld
                }));
            }
            "unanswered" => self.unanswered = Self::names(&mut args).into_iter().collect(),
            "quiet" => self.silent_actions = true,
            "restart" => self.restart(&mut args)?,
            "record" => self.tell_record(),
            "status" => self.tell_status(),
            "roles" => self.tell_roles(),
            other => return Err(format!("unknown command {other}").into()),
        }
        args.reject_rest()?;
        Ok(std::mem::take(&mut self.output))
    }
}

impl Story {
    fn names(args: &mut ArgumentConsumer<'_>) -> Vec<String> {
        std::iter::from_fn(|| args.next_pos().map(|arg| arg.value.clone())).collect()
    }

    fn node(&mut self, name: &str) -> Result<&mut Node, Box<dyn Error>> {
        self.nodes
            .get_mut(name)
            .ok_or_else(|| format!("no node {name}").into())
    }

    fn policy(args: &mut ArgumentConsumer<'_>) -> Result<Policy, Box<dyn Error>> {
        let mut policy = Policy::default();
        if let Some(text) = args.lookup("crash_after") {
            policy.crash_after = duration(&text.value)?;
        }
        if let Some(text) = args.lookup("hang_after") {
            policy.hang_after = Some(duration(&text.value)?);
        }
        policy.ack_replicas = args.lookup_parse("ack_replicas")?.unwrap_or(0);
        policy.observe = args.lookup_parse("observe")?.unwrap_or(false);
        policy.persist_roles = args.lookup_parse("persist")?.unwrap_or(false);
        Ok(policy)
    }

    fn start(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
        let policy = Self::policy(args)?;
        self.strict = policy.ack_replicas > 0;
        let listed: Option<usize> = args.lookup_parse("listed")?;
        let names = Self::names(args);
        for (name, number) in names.iter().zip(1..) {
            let replication = look::Replication {
                id: replid("A"),
                previous: None,
                offset: Offset(0),
                role: look::Role::Primary {
                    replicas: Vec::new(),
                    good_replicas: None,
                },
                loading: false,
            };
            let condition = look::Condition {
                feeds: self.strict.then_some(true),
                ..look::Condition::default()
            };
            let node = Node {
                number,
                process: 0,
                up: true,
                mute: false,
                replication,
                condition,
            };
            self.nodes.insert(name.clone(), node);
        }
        self.listed = names[..listed.unwrap_or(names.len())].to_vec();
        self.begin(policy)
    }

    /// The monitor ends and starts again, on the same store.
    fn restart(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
        let policy = Self::policy(args)?;
        self.begin(policy)
    }

    fn begin(&mut self, policy: Policy) -> Result<(), Box<dyn Error>> {
        let listed = self.listed.iter();
        let nodes = Nodes::new(listed.map(|name| address(name)).collect())?;
        let me = Identity {
            group: "mymaster".parse()?,
            monitor: "m1".parse()?,
        };
        let now = Instant::after_start(self.now);
        self.engine = Some(Engine::new(me, &nodes, policy.validated()?, 1, now));
        self.drain();
        self.input(Input::Lease(Lease::HeldSince(now)));
        Ok(())
    }

    fn describe(
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
        let engine = self.engine.as_ref().expect("the story starts with `start`");
        let place = engine
            .status()
            .nodes
            .iter()
            .position(|node| node.address == address(name));
        NodeId(u32::try_from(place.expect("a node that is watched")).unwrap())
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
    fn look(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
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

    fn lose(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
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

    fn clients(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
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

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let engine = self.engine.as_ref().expect("the story starts with `start`");
            let due = engine.next_deadline().since_start();
            assert!(
                due > self.now,
                "the engine wants to be woken at {due:?}, it is {:?}",
                self.now
            );
            if due > end {
                break;
            }
            self.now = due;
            self.input(Input::Tick);
        }
        self.now = end;
        self.input(Input::Tick);
    }

    fn input(&mut self, input: Input) {
        let now = Instant::after_start(self.now);
        self.engine
            .as_mut()
            .expect("the story starts with `start`")
            .handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let engine = self.engine.as_mut().expect("the story starts with `start`");
            while let Some(event) = engine.poll_event() {
                let rule = event.rule.map_or(String::new(), |rule| format!("{rule} "));
                writeln!(self.output, "* {rule}{}: {}", event.kind.code(), event.kind).unwrap();
            }
            let Some(action) = engine.poll_action() else {
                break;
            };
            let id = action.id;
            if let Some(outcome) = self.carry_out(action) {
                let now = Instant::after_start(self.now);
                let engine = self.engine.as_mut().expect("the story starts with `start`");
                engine.handle(now, Input::Outcome { id, outcome });
            }
        }
    }

    fn name_of(&self, id: NodeId) -> String {
        let engine = self.engine.as_ref().expect("the story starts with `start`");
        let place = usize::try_from(id.0).unwrap();
        engine.status().nodes[place].address.host().to_owned()
    }

    fn carry_out(&mut self, action: Action) -> Option<Outcome> {
        match action.deed {
            Deed::Watch { .. } | Deed::Unwatch { .. } | Deed::Pace(_) | Deed::Close { .. } => None,
            Deed::Read => {
                let record = self.stored.clone().map(Box::new);
                Some(Outcome::Done(Done::Read {
                    record,
                    revision: self.revision,
                }))
            }
            Deed::Write { record, expect } => {
                let word = format!("{:?}", record.phase);
                let word = word.split(' ').next().unwrap().to_lowercase();
                writeln!(self.output, "> write epoch {} {word}", record.epoch).unwrap();
                if self.unanswered.contains("write") {
                    return None;
                }
                if expect != self.revision {
                    return Some(Outcome::Failed(Failed::Conflict));
                }
                self.revision = self.revision.next();
                self.stored = Some(*record);
                Some(Outcome::Done(Done::Written(self.revision)))
            }
            Deed::Open { node } => self.on(node, "open", |_| Done::Opened),
            Deed::Fence { node } => self.on(node, "fence", |_| Done::Fenced),
            Deed::Persist { node, gates } => self.on(node, "persist", |node| {
                gates.map_or(Done::Accepted, |gates| set_gates(node, gates))
            }),
            Deed::SetGates { node, gates } => {
                let is_shut = gates == look::Gates::SHUT;
                let what = if is_shut { "shut" } else { "open-gates" };
                self.on(node, what, |node| set_gates(node, gates))
            }
            Deed::CutLink { node } => self.on(node, "cut-link", |_| Done::Accepted),
            Deed::Inspect { node } => {
                self.on(node, "inspect", |node| Done::Inspected(report(node)))
            }
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

    fn on(
        &mut self,
        id: NodeId,
        what: &str,
        change: impl FnOnce(&mut Node) -> Done,
    ) -> Option<Outcome> {
        let name = self.name_of(id);
        let silent = matches!(what, "open" | "fence" | "inspect") || self.silent_actions;
        let unanswered = self.unanswered.contains(&format!("{what}:{name}"));
        let node = self.nodes.get_mut(&name)?;
        if !node.up {
            return Some(Outcome::Failed(Failed::NotReached));
        }
        if !silent {
            writeln!(self.output, "> {what} {name}").unwrap();
        }
        if unanswered || (node.mute && what != "open") {
            None
        } else {
            Some(Outcome::Done(change(node)))
        }
    }

    fn tell_record(&mut self) {
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
    fn tell_roles(&mut self) {
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

    fn tell_status(&mut self) {
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
        self.output.push('\n');
    }
}
