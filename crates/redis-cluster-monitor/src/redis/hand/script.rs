//! The commands of each action, and what their replies mean for it.
//!
//! No sockets and no time. The rule throughout: refused is only what certainly was not done.

use std::borrow::Cow;
use std::time::Duration;

use rcm_core::action::{Done, Failed, Outcome, Report};
use rcm_core::id::Address;
use rcm_resp::Frame;

use crate::redis::connection::Connection;
use crate::redis::{Commands, Replicate, info};

/// What is sent in one piece for one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Inspect,
    Pause { within: Duration },
    Resume,
    Seal { evict: bool },
    Promote,
    Attach { primary: Address },
    Persist,
}

impl Script {
    /// Adds the commands to what is sent next; says how many replies will come.
    pub(super) fn push(
        &self,
        commands: &Commands,
        which: Replicate,
        connection: &mut Connection,
    ) -> usize {
        let replicate = commands.replicate(which);
        let (info, client) = (commands.name("INFO"), commands.name("CLIENT"));
        let (multi, exec) = (commands.name("MULTI"), commands.name("EXEC"));
        let tombstone;
        let (host, port) = match self {
            Self::Inspect => {
                for section in ["server", "persistence", "replication"] {
                    connection.push([info, section]);
                }
                return 3;
            }
            Self::Pause { within } => {
                let time = within.as_millis().to_string();
                connection.push([client, "PAUSE", &time, "WRITE"]);
                // Asked after the pause, it is where the node stays.
                connection.push([info, "server"]);
                connection.push([info, "replication"]);
                return 3;
            }
            Self::Resume => {
                connection.push([client, "UNPAUSE"]);
                return 1;
            }
            Self::Persist => {
                connection.push([commands.name("CONFIG"), "REWRITE"]);
                return 1;
            }
            Self::Promote => ("NO", "ONE".to_owned()),
            Self::Seal { .. } => {
                tombstone = Address::tombstone();
                (tombstone.host(), tombstone.port().to_string())
            }
            Self::Attach { primary } => (primary.host(), primary.port().to_string()),
        };
        connection.push([multi]);
        connection.push([replicate, host, &port]);
        if self.evicts() {
            connection.push([client, "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            connection.push([client, "KILL", "TYPE", "pubsub"]);
        }
        if self.reports() {
            connection.push([info, "server"]);
            connection.push([info, "replication"]);
        }
        connection.push([exec]);
        self.queued() + 2
    }

    /// Whether the node is told to follow somebody, or nobody.
    pub(super) const fn replicates(&self) -> bool {
        match self {
            Self::Seal { .. } | Self::Promote | Self::Attach { .. } => true,
            Self::Inspect | Self::Pause { .. } | Self::Resume | Self::Persist => false,
        }
    }

    /// The outcome, once all replies are there.
    pub(super) fn judge(&self, replies: Vec<Frame>) -> Outcome {
        match self {
            Self::Inspect => judge_inspection(&replies),
            Self::Pause { .. } => judge_pause(&replies),
            Self::Resume | Self::Persist => match replies.first().and_then(Frame::as_error) {
                Some(text) => refused(&text),
                None => Outcome::Done(Done::Accepted),
            },
            Self::Seal { .. } | Self::Promote | Self::Attach { .. } => self.judge_change(replies),
        }
    }

    fn judge_change(&self, replies: Vec<Frame>) -> Outcome {
        let results = match executed(replies) {
            Ok(results) => results,
            Err(text) => return refused(&text),
        };
        // The first is the one that matters: everything after it only looks, or evicts.
        match results.first() {
            None => return Outcome::Unknown,
            Some(first) => {
                if let Some(text) = first.as_error() {
                    return refused(&text);
                }
            }
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
                | Self::Persist,
                _,
            ) => Outcome::Unknown,
        }
    }

    /// How many commands stand between `MULTI` and `EXEC`.
    fn queued(&self) -> usize {
        1 + 2 * usize::from(self.evicts()) + 2 * usize::from(self.reports())
    }

    /// Whether a pause is ended after it. The writes that waited have gone with their clients, and the
    /// stream of a new primary would wait like them. Whoever may not do that may still seal, so it
    /// is no part of the transaction, and its reply says nothing about the seal.
    pub(super) const fn ends_pause(&self) -> bool {
        self.evicts()
    }

    const fn evicts(&self) -> bool {
        matches!(self, Self::Seal { evict: true })
    }

    const fn reports(&self) -> bool {
        matches!(self, Self::Seal { .. } | Self::Promote)
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
