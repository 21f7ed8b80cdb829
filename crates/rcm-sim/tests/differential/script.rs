//! A script: each command is done to both sides, and both have to answer the same.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use goldenscript::{ArgumentConsumer, Command, Runner};
use rcm_sim::stage::{Settings, Target, Version};
use redis_cluster_monitor::local::{Binary, wait_for};

use crate::look::{Offsets, Streams, letter, line};
use crate::real::Real;
use crate::side::{Deed, Said, Side, Start, Wait};
use crate::simulated::Simulated;

/// So many nodes may a script have.
const NODES: usize = 4;
/// By then real servers have settled.
const DEADLINE: Duration = Duration::from_secs(30);
/// A state that lasts for so many looks is no passing one.
const STEADY_LOOKS: u32 = 4;

pub(crate) struct Script {
    server: String,
    real: Real,
    simulated: Simulated,
    real_streams: Streams,
    simulated_streams: Streams,
    differences: Vec<String>,
}

impl Script {
    pub(crate) fn new(server: &str, binary: &Binary, version: Version) -> Self {
        Self {
            server: server.to_owned(),
            real: Real::new(binary, NODES),
            simulated: Simulated::new(version, NODES),
            real_streams: Streams::default(),
            simulated_streams: Streams::default(),
            differences: Vec::new(),
        }
    }

    pub(crate) fn differences(&self) -> &[String] {
        &self.differences
    }

    /// What the real servers logged last.
    pub(crate) fn logs(&self) -> String {
        let mut logs = String::new();
        for node in 0..NODES {
            if let Some(log) = self.real.log_tail(node) {
                // Writing to a string does not fail.
                write!(logs, "--- log of {}\n{log}\n", letter(node, b'a')).ok();
            }
        }
        logs
    }

    /// What both say; both of it when they differ.
    fn compare(&mut self, command: &Command, real: String, simulated: &str) -> String {
        if real == simulated {
            return real;
        }
        let difference = format!(
            "{} says:\n{real}\nthe simulation:\n{simulated}",
            self.server
        );
        let line = command.line_number;
        self.differences
            .push(format!("line {line}, {}: {difference}", command.name));
        difference
    }

    fn act(
        &mut self,
        command: &Command,
        node: usize,
        deed: Deed,
    ) -> Result<String, Box<dyn Error>> {
        let simulated = self.simulated.act(node, deed)?;
        let real = self.real.act(node, deed)?;
        let answer = self.compare(command, real, &simulated);
        Ok(if answer == "ok" {
            String::new()
        } else {
            answer
        })
    }

    /// Both sides settle, and are compared as the core would see them.
    fn state(&mut self, command: &Command, nodes: &[usize]) -> String {
        self.simulated.settle();
        let streams = &mut self.simulated_streams;
        let expected = text(&mut self.simulated, nodes, streams, Offsets::Exact);
        let counted = text(&mut self.simulated, nodes, streams, Offsets::Counted);
        let (mut seen, mut streams, mut steady) = (String::new(), Streams::default(), 0);
        let agreed = wait_for(DEADLINE, "what the simulation says", || {
            streams = self.real_streams.clone();
            seen = text(&mut self.real, nodes, &mut streams, Offsets::Exact);
            steady = if seen == expected { steady + 1 } else { 0 };
            steady == STEADY_LOOKS
        });
        // What was seen last is compared, in time or not.
        drop(agreed);
        self.real_streams = streams;
        if seen == expected {
            return counted;
        }
        self.compare(command, seen, &expected)
    }

    fn until(
        &mut self,
        command: &Command,
        node: usize,
        is_so: fn(&Said) -> bool,
    ) -> Result<String, Box<dyn Error>> {
        let simulated = self.simulated.reaches(node, is_so).to_string();
        let real = wait_for(DEADLINE, "the state", || {
            self.real.look(node).is_some_and(|said| is_so(&said))
        });
        let answer = self.compare(command, real.is_ok().to_string(), &simulated);
        if answer == "false" {
            return Err("this state is never reached".into());
        }
        Ok(if answer == "true" {
            String::new()
        } else {
            answer
        })
    }
}

fn text(side: &mut impl Side, nodes: &[usize], streams: &mut Streams, offsets: Offsets) -> String {
    let mut lines = Vec::new();
    for &node in nodes {
        let said = side.look(node);
        lines.push(line(node, said.as_ref(), side, streams, offsets));
    }
    lines.join("\n")
}

impl Runner for Script {
    fn run(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let output = match command.name.as_str() {
            "state" => {
                let nodes: Result<Vec<_>, _> =
                    std::iter::from_fn(|| args.next_pos().map(|it| node(&it.value))).collect();
                self.state(command, &nodes?)
            }
            "until" => {
                let node = next_node(&mut args)?;
                let is_so: fn(&Said) -> bool = match word(&mut args)?.as_str() {
                    "syncing" => |said| said.replication.following().is_some_and(|it| it.syncing),
                    "loading" => |said| said.replication.loading,
                    "up" => |said| said.replication.link_up(),
                    "down" => |said| !said.replication.link_up(),
                    other => return Err(format!("until what is {other}?").into()),
                };
                self.until(command, node, is_so)?
            }
            _ => {
                let node = next_node(&mut args)?;
                let times: u32 = args.lookup_parse("times")?.unwrap_or(1);
                let deed = deed(&command.name, &mut args)?;
                let mut output = String::new();
                for _ in 0..times {
                    output = self.act(command, node, deed)?;
                }
                output
            }
        };
        args.reject_rest()?;
        Ok(output)
    }
}

fn deed(name: &str, args: &mut ArgumentConsumer<'_>) -> Result<Deed, Box<dyn Error>> {
    Ok(match name {
        "start" => Deed::Start(start(args)?),
        "restart" => Deed::Restart,
        "restart-empty" => Deed::RestartEmpty,
        "kill" => Deed::Kill,
        "save" => Deed::Save,
        "pause" => Deed::Pause,
        "resume" => Deed::Resume,
        "replicaof" => Deed::Follow(match word(args)?.as_str() {
            "no-one" => Target::NoOne,
            "tombstone" => Target::Tombstone,
            name => Target::Node(node(name)?),
        }),
        "write" => Deed::Write(word(args)?.parse()?),
        "send-write" => Deed::SendWrite(word(args)?.parse()?),
        "send-seal" => Deed::SendSeal,
        "cut" => Deed::Cut,
        "lose-silently" => Deed::LoseSilently,
        "wait" => {
            let replicas = word(args)?.parse()?;
            let how = match args.next_pos().map(|it| it.value.as_str()) {
                None => Wait::OfTheWriter,
                Some("fresh") => Wait::Fresh,
                Some("multi") => Wait::InTransaction,
                Some(other) => return Err(format!("how is {other}?").into()),
            };
            let timeout = duration(args, "timeout")?.unwrap_or(Duration::from_secs(5));
            Deed::Wait {
                replicas,
                timeout,
                how,
            }
        }
        other => return Err(format!("unknown command {other}").into()),
    })
}

fn start(args: &mut ArgumentConsumer<'_>) -> Result<Start, Box<dyn Error>> {
    let of = args.lookup("of").map(|it| node(&it.value)).transpose()?;
    let mut start = Start {
        settings: Settings {
            of,
            backlog: args.lookup_parse("backlog")?,
            min_replicas: args.lookup_parse("min_replicas")?.unwrap_or(0),
            ping_every: args.lookup_parse("ping_every")?,
        },
        ..Start::default()
    };
    while let Some(word) = args.next_pos() {
        match word.value.as_str() {
            "sends-slowly" => start.sends_slowly = true,
            "loads-slowly" => start.loads_slowly = true,
            "relayed" => start.relayed = true,
            other => return Err(format!("what is {other}?").into()),
        }
    }
    Ok(start)
}

fn duration(
    args: &mut ArgumentConsumer<'_>,
    key: &str,
) -> Result<Option<Duration>, Box<dyn Error>> {
    let value = args.lookup(key);
    Ok(value
        .map(|it| humantime::parse_duration(&it.value))
        .transpose()?)
}

fn word(args: &mut ArgumentConsumer<'_>) -> Result<String, Box<dyn Error>> {
    Ok(args.next_pos().ok_or("a word is missing")?.value.clone())
}

fn next_node(args: &mut ArgumentConsumer<'_>) -> Result<usize, Box<dyn Error>> {
    node(&word(args)?)
}

fn node(name: &str) -> Result<usize, Box<dyn Error>> {
    let place = (0..NODES).find(|&place| name == letter(place, b'a').to_string());
    Ok(place.ok_or_else(|| format!("no node {name}"))?)
}
