//! The commands of each action, and what their replies mean for it.
//!
//! No sockets and no time. The rule throughout: refused is only what certainly was not done.

use std::borrow::Cow;
use std::time::Duration;

use rcm_core::action::{Done, Failed, Outcome, Report};
use rcm_core::id::Address;
use rcm_core::observation::Gates;
use rcm_resp::Frame;

use super::gates::{self, Words};
use crate::redis::connection::Connection;
use crate::redis::{Commands, Replicate, Settings, info};

/// What is sent in one piece for one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Inspect,
    Pause { within: Duration },
    Resume,
    Seal { evict: bool, shut: bool },
    Promote,
    Attach { primary: Address },
    SetGates(Gates),
    Persist { gates: Option<Gates> },
}

impl Script {
    /// Adds the commands to what is sent next; says how many replies will come.
    pub(super) fn push(
        &self,
        settings: &Settings,
        which: Replicate,
        connection: &mut Connection,
    ) -> usize {
        let queued = self.commands(settings, which);
        let transaction = self.is_transaction();
        let commands = &settings.commands;
        if transaction {
            connection.push([commands.name("MULTI")]);
        }
        for command in &queued {
            connection.push(command);
        }
        if transaction {
            connection.push([commands.name("EXEC")]);
        }
        queued.len() + 2 * usize::from(transaction)
    }

    /// Why it cannot be sent.
    pub(super) fn obstacle(&self, settings: &Settings) -> Option<&'static str> {
        let opens = match self {
            Self::SetGates(gates)
            | Self::Persist {
                gates: Some(gates), ..
            } => *gates != Gates::SHUT,
            Self::Inspect
            | Self::Pause { .. }
            | Self::Resume
            | Self::Seal { .. }
            | Self::Promote
            | Self::Attach { .. }
            | Self::Persist { gates: None } => false,
        };
        let missing = opens && settings.replication.is_none();
        missing.then_some("no password for replicas is set")
    }

    fn commands(&self, settings: &Settings, which: Replicate) -> Vec<Words> {
        let commands = &settings.commands;
        let (info, config) = (commands.name("INFO"), commands.name("CONFIG"));
        let client = commands.name("CLIENT");
        let replicate = |host: &str, port: &str| words(&[commands.replicate(which), host, port]);
        let follow = |whom: &Address| replicate(whom.host(), &whom.port().to_string());
        let mut all = Vec::new();
        match self {
            Self::Inspect => {
                all.extend(["server", "persistence", "replication"].map(|it| words(&[info, it])));
                return all;
            }
            Self::Promote => all.push(replicate("NO", "ONE")),
            Self::Seal { shut, .. } => {
                if *shut {
                    all.extend(gates::shut(commands));
                    all.extend(gates::no_credentials(commands));
                }
                all.push(follow(&Address::tombstone()));
            }
            Self::Pause { within } => {
                let time = within.as_millis().to_string();
                all.push(words(&[client, "PAUSE", &time, "WRITE"]));
            }
            Self::Resume => all.push(words(&[client, "UNPAUSE"])),
            Self::Attach { primary } => {
                if let Some(password) = &settings.replication {
                    all.extend(gates::credentials(commands, password));
                }
                all.push(follow(primary));
            }
            Self::SetGates(gates) => all.extend(set_gates(settings, *gates)),
            Self::Persist { gates } => {
                all.extend(gates.iter().flat_map(|_| gates::shut(commands)));
                all.push(words(&[config, "REWRITE"]));
                let open = gates.filter(|gates| *gates != Gates::SHUT);
                all.extend(open.iter().flat_map(|gates| set_gates(settings, *gates)));
            }
        }
        all.extend(self.evictions(commands));
        if self.reports() {
            all.extend(["server", "replication"].map(|it| words(&[info, it])));
        }
        all
    }

    /// Who has to leave.
    fn evictions(&self, commands: &Commands) -> Vec<Words> {
        let Self::Seal { evict, shut } = self else {
            return Vec::new();
        };
        let client = commands.name("CLIENT");
        let mut kills = Vec::new();
        if *evict {
            kills.push(words(&[client, "KILL", "TYPE", "normal", "SKIPME", "yes"]));
            kills.push(words(&[client, "KILL", "TYPE", "pubsub"]));
        }
        if *shut {
            kills.push(words(&[client, "KILL", "TYPE", "replica"]));
        }
        kills
    }

    const fn is_transaction(&self) -> bool {
        match self {
            Self::Inspect | Self::Pause { .. } | Self::Resume | Self::Persist { gates: None } => {
                false
            }
            Self::Seal { .. }
            | Self::Promote
            | Self::Attach { .. }
            | Self::SetGates(_)
            | Self::Persist { gates: Some(_) } => true,
        }
    }

    /// Whether the node is told to follow somebody, or nobody.
    pub(super) const fn replicates(&self) -> bool {
        match self {
            Self::Seal { .. } | Self::Promote | Self::Attach { .. } => true,
            Self::Inspect
            | Self::Pause { .. }
            | Self::Resume
            | Self::SetGates(_)
            | Self::Persist { .. } => false,
        }
    }

    /// The outcome, once all replies are there.
    pub(super) fn judge(&self, replies: Vec<Frame>) -> Outcome {
        match self {
            Self::Inspect => judge_inspection(&replies),
            Self::Pause { .. } => judge_pause(&replies),
            Self::Resume | Self::Persist { gates: None } => {
                match replies.first().and_then(Frame::as_error) {
                    Some(text) => refused(&text),
                    None => Outcome::Done(Done::Accepted),
                }
            }
            Self::SetGates(gates) | Self::Persist { gates: Some(gates) } => {
                judge_gates(replies, *gates)
            }
            Self::Seal { .. } | Self::Promote | Self::Attach { .. } => self.judge_change(replies),
        }
    }

    fn judge_change(&self, replies: Vec<Frame>) -> Outcome {
        let results = match executed(replies) {
            Ok(results) => results,
            Err(text) => return refused(&text),
        };
        // The command to follow is the one that matters; everything after it only looks, or evicts.
        let mut results_until_then = results.iter();
        let before = results_until_then.by_ref().take(self.before(results.len()));
        // Without what comes before it the node may still feed somebody, or not attach.
        let spoiled = before.filter_map(Frame::as_error).count() > 0;
        match results_until_then.next() {
            None => return Outcome::Unknown,
            Some(follow) => {
                if let Some(text) = follow.as_error() {
                    return refused(&text);
                }
            }
        }
        if spoiled {
            return Outcome::Unknown;
        }
        let report = match results.as_slice() {
            [.., server, replication] if self.reports() => report(server, replication, false),
            _ => None,
        };
        match (self, report) {
            (Self::Seal { .. }, Some(report)) => Outcome::Done(Done::Sealed(report)),
            (Self::Promote, Some(report)) => Outcome::Done(Done::Promoted(report)),
            (Self::Attach { .. }, _) => Outcome::Done(Done::Accepted),
            // It was done, and where the node stands now is not known.
            (
                Self::Seal { .. }
                | Self::Promote
                | Self::Inspect
                | Self::Pause { .. }
                | Self::Resume
                | Self::SetGates(_)
                | Self::Persist { .. },
                _,
            ) => Outcome::Unknown,
        }
    }

    /// How many commands come before the one that tells whom to follow, of `all`.
    const fn before(&self, all: usize) -> usize {
        match self {
            Self::Seal { shut: true, .. } => gates::SHUT + gates::CREDENTIALS,
            Self::Attach { .. } => all.saturating_sub(1),
            Self::Seal { shut: false, .. }
            | Self::Inspect
            | Self::Pause { .. }
            | Self::Resume
            | Self::Promote
            | Self::SetGates(_)
            | Self::Persist { .. } => 0,
        }
    }

    /// Whether a pause is ended after it. The writes that waited have gone with their clients, and the
    /// stream of a new primary would wait like them. Whoever may not do that may still seal, so it
    /// is no part of the transaction, and its reply says nothing about the seal.
    pub(super) const fn ends_pause(&self) -> bool {
        matches!(self, Self::Seal { evict: true, .. })
    }

    /// Whether the node is asked afterwards where it stands: after a pause it is where it stays.
    const fn reports(&self) -> bool {
        matches!(self, Self::Pause { .. } | Self::Seal { .. } | Self::Promote)
    }
}

fn words(words: &[&str]) -> Words {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn set_gates(settings: &Settings, gates: Gates) -> Vec<Words> {
    match &settings.replication {
        Some(password) if gates != Gates::SHUT => gates::open(&settings.commands, password, gates),
        _ => gates::shut(&settings.commands).to_vec(),
    }
}

/// All or nothing: a gate that is half open is set again.
fn judge_gates(replies: Vec<Frame>, gates: Gates) -> Outcome {
    match executed(replies) {
        Ok(results) => match results.iter().find_map(Frame::as_error) {
            Some(text) => refused(&text),
            None => Outcome::Done(Done::Gated(gates)),
        },
        Err(text) => refused(&text),
    }
}

/// The results of the commands between `MULTI` and `EXEC`, or why none was executed.
fn executed(mut replies: Vec<Frame>) -> Result<Vec<Frame>, String> {
    let Some(exec) = replies.pop() else {
        return Ok(replies);
    };
    let multi_failed = replies
        .first()
        .is_some_and(|multi| multi.as_error().is_some());
    if multi_failed {
        // Then everything was done, or refused, one by one.
        replies.remove(0);
        return Ok(replies);
    }
    if let Some(text) = exec.as_error() {
        // Which command it was that spoiled the transaction says more than that it is spoiled.
        let spoiler = replies.iter().find_map(Frame::as_error);
        return Err(spoiler.unwrap_or(text).into_owned());
    }
    exec.into_array()
        .ok_or_else(|| "the transaction was not executed".to_owned())
}

fn judge_pause(replies: &[Frame]) -> Outcome {
    let [paused, server, replication] = replies else {
        return Outcome::Unknown;
    };
    if let Some(text) = paused.as_error() {
        return refused(&text);
    }
    match report(server, replication, false) {
        Some(report) => Outcome::Done(Done::Paused(report)),
        None => Outcome::Unknown,
    }
}

fn judge_inspection(replies: &[Frame]) -> Outcome {
    if let Some(text) = replies.iter().find_map(Frame::as_error) {
        return refused(&text);
    }
    let [server, persistence, replication] = replies else {
        return Outcome::Unknown;
    };
    let loading = info::is_loading(&text(persistence));
    match report(server, replication, loading) {
        Some(report) => Outcome::Done(Done::Inspected(report)),
        None => refused("INFO makes no sense"),
    }
}

fn report(server: &Frame, replication: &Frame, loading: bool) -> Option<Report> {
    let server = info::parse_identity(&text(server)).ok()?;
    let mut replication = info::parse_replication(&text(replication)).ok()?;
    replication.loading |= loading;
    Some(Report {
        run_id: server.run_id,
        replication,
    })
}

fn text(reply: &Frame) -> Cow<'_, str> {
    reply
        .as_bytes()
        .map_or(Cow::Borrowed(""), |bytes| String::from_utf8_lossy(bytes))
}

fn refused(text: &str) -> Outcome {
    Outcome::Failed(Failed::Refused(text.to_owned()))
}

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
