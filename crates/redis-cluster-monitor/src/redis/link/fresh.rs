//! Another connection to a node that does not answer on the warm one.
//!
//! How it goes is what tells a stopped process (accepted, no reply), a dead one whose forked child
//! keeps its sockets (refused) and a lost host (silent) apart.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::observation::Failure;
use rcm_core::time::Instant;
use rcm_resp::Frame;
use tokio::net::TcpStream;

use super::Peer;
use crate::redis::Settings;
use crate::redis::connect::connect;
use crate::redis::connection::Connection;
use crate::redis::refusal::Refusal;

/// A stopped process accepts into a queue that must not be filled.
const AFTER_ACCEPTED: Duration = Duration::from_millis(250);
const AFTER_FAILED: Duration = Duration::from_millis(20);
/// The longer it lasts, the rarer the attempts: each is at least this part of the time so far.
const PART_OF_SILENCE: u32 = 8;

type Attempt = Pin<Box<dyn Future<Output = Result<TcpStream, Failure>> + Send>>;

/// At most one connection, or an attempt at it.
pub(super) struct Fresh {
    state: State,
    next: Instant,
    silent_for: Duration,
}

enum State {
    Idle,
    Connecting {
        asked_at: Instant,
        attempt: Attempt,
    },
    Waiting {
        asked_at: Instant,
        connection: Box<Connection>,
        /// The reply to `AUTH` comes first.
        auth: bool,
    },
}

/// What came of it.
pub(super) enum News {
    Accepted,
    Failed(Failure),
    /// It answers; this is the connection, nothing outstanding on it.
    Answers(Box<Connection>),
}

impl Fresh {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Idle,
            next: Instant::ZERO,
            silent_for: Duration::ZERO,
        }
    }

    /// When the next attempt may begin; none while one is under way.
    pub(super) const fn due(&self) -> Option<Instant> {
        match self.state {
            State::Idle | State::Waiting { .. } => Some(self.next),
            State::Connecting { .. } => None,
        }
    }

    /// Begins an attempt, in the place of an older connection that brought nothing.
    pub(super) fn begin(
        &mut self,
        peer: Peer,
        settings: &Arc<Settings>,
        now: Instant,
        silent_since: Instant,
    ) {
        let settings = Arc::clone(settings);
        self.silent_for = now.since(silent_since);
        let within = peer.connect_within(self.silent_for);
        self.state = State::Connecting {
            asked_at: now,
            attempt: Box::pin(async move { connect(peer.address, within, &settings).await }),
        };
    }

    /// The warm connection answers again.
    pub(super) fn drop_it(&mut self) {
        if !matches!(self.state, State::Idle) {
            *self = Self::new();
        }
    }

    /// What happens next, and when it was asked for. May be dropped and asked again at any time.
    pub(super) async fn news(&mut self, settings: &Settings) -> (Instant, News) {
        match &mut self.state {
            State::Idle => pending().await,
            State::Connecting { asked_at, attempt } => {
                let asked_at = *asked_at;
                let result = attempt.await;
                (asked_at, self.connected(asked_at, result, settings))
            }
            State::Waiting {
                connection,
                auth,
                asked_at,
            } => {
                let asked_at = *asked_at;
                loop {
                    let reply = connection.next().await;
                    if let Ok(reply) = &reply
                        && reply.as_error().is_none()
                        && *auth
                    {
                        *auth = false;
                        continue;
                    }
                    return (asked_at, self.replied(reply));
                }
            }
        }
    }

    fn connected(
        &mut self,
        asked_at: Instant,
        result: Result<TcpStream, Failure>,
        settings: &Settings,
    ) -> News {
        self.state = State::Idle;
        let pause = self.silent_for / PART_OF_SILENCE;
        match result {
            Ok(stream) => {
                let mut connection = Box::new(Connection::new(stream));
                let auth = connection.push_auth(settings);
                connection.push([settings.commands.name("PING")]);
                connection.flush();
                self.next = asked_at + pause.max(AFTER_ACCEPTED);
                self.state = State::Waiting {
                    asked_at,
                    connection,
                    auth,
                };
                News::Accepted
            }
            Err(failure) => {
                self.next = asked_at + AFTER_FAILED;
                News::Failed(failure)
            }
        }
    }

    fn replied(&mut self, reply: Result<Frame, Failure>) -> News {
        let State::Waiting { connection, .. } = std::mem::replace(&mut self.state, State::Idle)
        else {
            return News::Failed(Failure::Closed);
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(failure) => return News::Failed(failure),
        };
        match reply.as_error().map(|text| Refusal::of(&text)) {
            None | Some(Refusal::Loading | Refusal::Command) => News::Answers(connection),
            Some(Refusal::Failure(failure)) => News::Failed(failure),
        }
    }
}
