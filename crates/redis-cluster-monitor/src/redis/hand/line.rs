//! An acting connection, and what was sent on it.

use std::collections::VecDeque;

use rcm_core::action::Outcome;
use rcm_core::id::Epoch;
use rcm_core::observation::Failure;
use rcm_resp::Frame;
use tokio::net::TcpStream;

use super::Pending;
use super::script::Script;
use crate::redis::connection::Connection;
use crate::redis::refusal::Refusal;
use crate::redis::{Replicate, Settings};

/// An open connection.
pub(super) struct Line {
    pub(super) connection: Connection,
    pub(super) waiting: VecDeque<Waiting>,
    /// The node does not let us in, or did not take our name: nothing may be done here.
    pub(super) refused: Option<String>,
}

/// Commands that were sent.
pub(super) struct Waiting {
    /// None once it has ended; the replies are still to come.
    pub(super) outcome: Option<Pending>,
    pub(super) what: What,
    pub(super) missing: usize,
    pub(super) replies: Vec<Frame>,
}

pub(super) enum What {
    /// `AUTH` and `CLIENT SETNAME`.
    Greeting,
    Which,
    Fence {
        epoch: Epoch,
        round: u32,
    },
    Run {
        script: Script,
        which: Replicate,
    },
}

impl What {
    /// There is no answer: what was sent may have been done, but a name that was not taken does
    /// nothing.
    pub(super) fn unanswered(&self, outcome: Pending) {
        match self {
            Self::Greeting => outcome.not_reached(),
            Self::Which | Self::Fence { .. } | Self::Run { .. } => outcome.end(Outcome::Unknown),
        }
    }
}

impl Line {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            connection: Connection::acting(stream),
            waiting: VecDeque::new(),
            refused: None,
        }
    }

    /// Sends a script.
    pub(super) fn run(
        &mut self,
        script: Script,
        outcome: Pending,
        settings: &Settings,
        which: Replicate,
    ) {
        let replies = script.push(settings, which, &mut self.connection);
        let after = script.ends_pause().then_some(Script::Resume);
        let more = after
            .as_ref()
            .map(|after| after.push(settings, which, &mut self.connection));
        self.wait_for(Some(outcome), What::Run { script, which }, replies);
        if let Some((script, replies)) = after.zip(more) {
            self.wait_for(None, What::Run { script, which }, replies);
        }
    }

    /// Sends what was pushed, whose replies are awaited from now on.
    pub(super) fn wait_for(&mut self, outcome: Option<Pending>, what: What, missing: usize) {
        self.waiting.push_back(Waiting {
            outcome,
            what,
            missing,
            replies: Vec::with_capacity(missing),
        });
        self.connection.flush();
    }

    /// Whether older hands are being looked for.
    pub(super) fn is_fencing(&self) -> bool {
        let is_fence = |waiting: &Waiting| matches!(waiting.what, What::Fence { .. });
        self.waiting.iter().any(is_fence)
    }

    /// The connection ended with replies outstanding.
    pub(super) fn end(self) {
        // Whoever is turned away at the door has certainly not been served.
        let turned_away = self
            .refused
            .filter(|text| Refusal::of(text) == Refusal::Failure(Failure::TurnedAway));
        for Waiting { outcome, what, .. } in self.waiting {
            match (outcome, &turned_away) {
                (None, _) => {}
                (Some(outcome), Some(text)) => outcome.refused(text.as_str()),
                (Some(outcome), None) => what.unanswered(outcome),
            }
        }
    }
}
