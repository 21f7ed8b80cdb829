//! The small world that a story is told in: nodes that answer what they are told to, a store that
//! stores, and a clock that the story moves.
//!
//! Actions are carried out at once and printed as `> ...`; events are printed as `* ...`.

mod act;
mod agreed;
mod monitors;
mod nodes;
mod start;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use goldenscript::{ArgumentConsumer, Command, Runner};
use rcm_core::engine::{Engine, Input};
use rcm_core::id::{NodeId, Offset, Revision, Version};
use rcm_core::lease::Lease;
use rcm_core::opinion::Peer;
use rcm_core::policy::Policy;
use rcm_core::record::Record;
use rcm_core::request::Request;
use rcm_core::time::Instant;

use crate::words::{Node, address, duration};

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
    /// What is refused, and with which text. Without a text it is refused no more.
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
                match args.next_pos() {
                    Some(text) => self.refused.insert(what, text.value.clone()),
                    None => self.refused.remove(&what),
                };
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
}
