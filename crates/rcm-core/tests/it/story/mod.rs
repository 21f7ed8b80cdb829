//! The small world that a story is told in: nodes that answer what they are told to, a store that
//! stores, and a clock that the story moves.
//!
//! Actions are carried out at once and printed as `> ...`; events are printed as `* ...`.

mod act;
mod agreed;
mod monitors;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use goldenscript::{ArgumentConsumer, Command, Runner};
use rcm_core::engine::{Engine, Identity, Input};
use rcm_core::id::{NodeId, Offset, Revision, Version};
use rcm_core::lease::Lease;
use rcm_core::observation as look;
use rcm_core::opinion::{Class, Peer};
use rcm_core::policy::Policy;
use rcm_core::record::{Phase, Primary, Record};
use rcm_core::request::Request;
use rcm_core::time::Instant;
use rcm_core::verdict::Verdict;

use crate::words::{Node, address, duration, replid, set_gates, vote};

#[derive(Default)]
pub(crate) struct Story {
    engine: Option<Engine>,
    now: Duration,
    /// The nodes that the operator named; all of them unless the story says how many.
    listed: Vec<String>,
    /// What the operators have agreed on since.
    policy: Policy,
    forgotten: Vec<String>,
    version: Version,
    nodes: BTreeMap<String, Node>,
    /// Who is watched under which number.
    watched: BTreeMap<NodeId, String>,
    stored: Option<Record>,
    revision: Revision,
    unanswered: BTreeSet<String>,
    /// How many bytes clients write just before something is done.
    surges: BTreeMap<String, u64>,
    /// What is refused, and with which text.
    refused: BTreeMap<String, String>,
    silent_actions: bool,
    /// What another monitor writes as soon as this is done.
    overtaken_after: Option<(String, Record)>,
    promotions: usize,
    /// How long ago a look was asked for.
    look_ago: Duration,
    /// Nodes are asked about their gates.
    strict: bool,
    /// The other monitors.
    peers: Vec<Peer>,
    output: String,
}

impl Runner for Story {
    #[expect(clippy::too_many_lines, reason = "a table of commands")]
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
                let now = Instant::after_start(self.now);
                self.meet_monitors();
                let lease = match args.next_pos().ok_or("which?")?.value.as_str() {
                    "locked" => Lease::HeldSince(now),
                    "granted" => Lease::Granted,
                    _ => Lease::NotHeld,
                };
                self.input(Input::Lease(lease));
            }
            "monitors" => self.register(&mut args)?,
            "dies" | "lives" | "leaves" | "says" => self.hear_of(name, &mut args)?,
            "other" => self.overtake(&mut args)?,
            "told" => {
                let revision = self.revision;
                self.input(Input::Stored { revision });
            }
            "unanswered" => self.unanswered = Self::names(&mut args).into_iter().collect(),
            "surge" => {
                let before = args.next_pos().ok_or("before what?")?.value.clone();
                let bytes = args.next_pos().ok_or("how many bytes?")?.value.parse()?;
                self.surges.insert(before, bytes);
            }
            "refused" => {
                let what = args.next_pos().ok_or("what?")?.value.clone();
                let text = args.next_pos().ok_or("with which text?")?.value.clone();
                self.refused.insert(what, text);
            }
            "settings" | "add" | "forget" => self.edit(name, &mut args)?,
            "quiet" => self.silent_actions = true,
            "restart" => self.restart(&mut args)?,
            "switchover" => {
                let to = args.next_pos().map(|arg| address(&arg.value));
                self.ask(&Request::Switchover { to });
            }
            "replace" => self.ask(&Request::Replace),
            // A write that nobody has told the monitor of.
            "writes" => {
                let name = args.next_pos().ok_or("which node?")?.value.clone();
                let bytes: u64 = args.next_pos().ok_or("how many bytes?")?.value.parse()?;
                let node = self.node(&name)?;
                node.replication.offset = Offset(node.replication.offset.0 + bytes);
            }
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
        let policy = Policy {
            persist_roles: false,
            ..Policy::default()
        };
        Self::policy_over(policy, args)
    }

    fn policy_over(
        mut policy: Policy,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<Policy, Box<dyn Error>> {
        if let Some(text) = args.lookup("crash_after") {
            policy.crash_after = duration(&text.value)?;
        }
        if let Some(text) = args.lookup("hang_after") {
            policy.hang_after = Some(duration(&text.value)?);
        }
        policy.quorum = args.lookup_parse("quorum")?.or(policy.quorum);
        let ack_replicas = args.lookup_parse("ack_replicas")?;
        policy.ack_replicas = ack_replicas.unwrap_or(policy.ack_replicas);
        policy.observe = args.lookup_parse("observe")?.unwrap_or(policy.observe);
        policy.persist_roles = args
            .lookup_parse("persist")?
            .unwrap_or(policy.persist_roles);
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

    /// Another monitor commits a primary, or claims the next epoch: now, or as soon as something is
    /// done.
    fn overtake(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
        let what = args.next_pos().ok_or("what does it write?")?.value.clone();
        let record = self.stored.clone().ok_or("there is no record")?;
        let by = "m2".parse()?;
        let record = if what == "claims" {
            let cause = Verdict::PrimaryCrashed;
            record.next(Phase::Claimed { by, cause })
        } else if what == "claims-again" {
            // What is announced stays announced.
            record.next(record.phase.clone())
        } else {
            let node = self.node(&what)?;
            let primary = Primary {
                address: address(&what),
                run_id: Some(node.run_id()),
            };
            let (id, offset) = (node.replication.id, node.replication.offset);
            let chain = record.chain.extended(id, record.chain.head(), offset);
            Record {
                primary,
                chain,
                ..record.next(Phase::Committed)
            }
        };
        match args.lookup("after") {
            Some(arg) => self.overtaken_after = Some((arg.value.clone(), record)),
            None => self.store(record),
        }
        Ok(())
    }

    fn store(&mut self, record: Record) {
        self.revision = self.revision.next();
        self.stored = Some(record);
    }

    /// The monitor ends and starts again, on the same store.
    fn restart(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
        let policy = Self::policy(args)?;
        self.begin(policy)
    }

    fn begin(&mut self, policy: Policy) -> Result<(), Box<dyn Error>> {
        self.policy = policy.validated()?;
        let nodes = self.agreed_nodes()?;
        let me = Identity {
            group: "mymaster".parse()?,
            monitor: "m1".parse()?,
        };
        let now = Instant::after_start(self.now);
        self.engine = Some(Engine::new(me, &nodes, self.policy.clone(), 1, now));
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

    fn ask(&mut self, request: &Request) {
        let now = Instant::after_start(self.now);
        let engine = self.engine.as_mut().expect("the story starts with `start`");
        if let Err(refusal) = engine.request(now, request) {
            let code = refusal.code();
            writeln!(self.output, "refused, {code}: {refusal}").unwrap();
        }
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
        self.watched[&id].clone()
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
