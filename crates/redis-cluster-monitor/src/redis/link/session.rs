//! Looking at a node on one connection, from its first reply to its end.
//!
//! Decided here: what is asked when. All calm links wake at the same multiples of their interval,
//! and whatever is asked at one tick leaves in one write.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::action::Pace;
use rcm_core::observation::{Failure, Seen};
use rcm_core::policy::Policy;
use rcm_core::time::Instant;
use rcm_resp::Frame;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::ask::Ask;
use super::fresh::{Fresh, News};
use super::reading::Reading;
use super::{Ending, Peer, Teller};
use crate::clock::Clock;
use crate::redis::Settings;
use crate::redis::connection::Connection;

/// With so many unanswered requests nothing is asked on top.
const ASKED_MOST: usize = 4;
/// How often a node is asked while suspicion is young.
const BURST_EVERY: Duration = Duration::from_millis(2);
/// How often it is told that a request is still unanswered.
const MUTE_AGAIN: Duration = Duration::from_millis(100);
/// How often what changes slowly is asked for.
const CONDITION_EVERY: Duration = Duration::from_secs(10);
/// And while somebody else decides on the node too, so that it is noticed when they leave.
const CONDITION_WITH_RIVALS: Duration = Duration::from_secs(1);

pub(super) struct Session {
    connection: Connection,
    peer: Peer,
    settings: Arc<Settings>,
    teller: Teller,
    reading: Reading,
    /// What is unanswered, and since when, oldest first.
    asked: VecDeque<(Ask, Instant)>,
    answered: bool,
    /// It was told that a request is unanswered, and it still is.
    is_mute: bool,
    pace: Pace,
    next_look: Instant,
    /// Until then the looks of a young suspicion follow each other closely.
    burst_until: Instant,
    next_probe: Instant,
    next_condition: Instant,
    next_mute: Instant,
    fresh: Fresh,
}

impl Session {
    pub(super) fn new(
        connection: Connection,
        peer: Peer,
        settings: Arc<Settings>,
        teller: Teller,
    ) -> Self {
        Self {
            connection,
            peer,
            reading: Reading::new(Arc::clone(&settings)),
            settings,
            teller,
            asked: VecDeque::with_capacity(Ask::IDENTITY.len() + Ask::CONDITION.len() + 3),
            answered: false,
            is_mute: false,
            pace: Pace::Calm,
            next_look: Instant::ZERO,
            burst_until: Instant::ZERO,
            next_probe: Instant::ZERO,
            next_condition: Instant::ZERO,
            next_mute: Instant::ZERO,
            fresh: Fresh::new(),
        }
    }

    /// Looks until the connection ends, and tells why it did.
    pub(super) async fn run(mut self, pace: &mut watch::Receiver<Pace>) -> Ending {
        self.pace = *pace.borrow_and_update();
        self.greet(true);
        let mut armed = self.next_wake();
        let mut timer = pin!(sleep_until(self.teller.clock.until(armed)));
        let mut has_pace = true;
        loop {
            let wake = self.next_wake();
            if wake != armed {
                armed = wake;
                timer.as_mut().reset(self.teller.clock.until(wake));
            }
            let changed = async {
                if has_pace {
                    pace.changed().await
                } else {
                    pending().await
                }
            };
            let ended = tokio::select! {
                // Replies first: what has arrived is not unanswered.
                biased;
                frame = self.connection.next() => match frame {
                    Ok(frame) => self.hear(frame).err(),
                    Err(failure) => Some((self.teller.now(), failure)),
                },
                (asked_at, news) = self.fresh.news(&self.settings) => {
                    self.hear_fresh(asked_at, news);
                    None
                }
                changed = changed => {
                    has_pace = changed.is_ok();
                    self.change_pace(*pace.borrow_and_update());
                    None
                }
                () = &mut timer => {
                    // It is over, so it has to be set even to the same instant.
                    armed = Instant::ZERO;
                    self.tick();
                    None
                }
            };
            if let Some((asked_at, why)) = ended {
                self.teller.failed(asked_at, why);
                let answered = self.answered;
                return Ending { why, answered };
            }
        }
    }

    /// The first requests on a new connection, in one write.
    fn greet(&mut self, is_new: bool) {
        let now = self.teller.now();
        if is_new && self.settings.credentials.is_some() {
            self.ask(Ask::Auth, now);
        }
        self.ask(Ask::Name, now);
        self.ask_all(&Ask::IDENTITY, now);
        self.ask_condition(now);
        self.connection.flush();
        self.schedule(now);
        self.next_condition = Clock::next_multiple(now, CONDITION_EVERY);
    }

    fn ask(&mut self, ask: Ask, now: Instant) {
        ask.push(&self.settings, &mut self.connection);
        self.asked.push_back((ask, now));
    }

    fn ask_condition(&mut self, now: Instant) {
        if self.settings.policy.borrow().ack_replicas > 0 {
            self.ask(Ask::ReplicationUser, now);
        }
        self.ask_all(&Ask::CONDITION, now);
    }

    fn ask_all(&mut self, asks: &[Ask], now: Instant) {
        for &ask in asks {
            self.ask(ask, now);
        }
    }

    fn schedule(&mut self, now: Instant) {
        let look_every = match self.pace {
            Pace::Calm => Policy::INFO_EVERY,
            Pace::Suspicion => Policy::SUSPICION_EVERY,
        };
        // What happened to the primary reaches its replicas within milliseconds of us.
        let burst = self.pace == Pace::Suspicion && now < self.burst_until;
        self.next_look = if burst {
            now + BURST_EVERY
        } else {
            Clock::next_multiple(now, look_every)
        };
        self.next_probe = Clock::next_multiple(now, self.probe_every());
    }

    fn probe_every(&self) -> Duration {
        self.settings.policy.borrow().probe_every()
    }

    fn change_pace(&mut self, pace: Pace) {
        if self.pace == pace {
            // The policy is another one.
            self.next_probe = Clock::next_multiple(self.teller.now(), self.probe_every());
            return;
        }
        self.pace = pace;
        match pace {
            Pace::Calm => self.schedule(self.teller.now()),
            Pace::Suspicion => {
                self.burst_until = self.teller.now() + Policy::SUSPICION_EVERY;
                self.next_look = Instant::ZERO;
                self.tick();
            }
        }
    }

    /// When there is something to do again, if nothing is heard.
    fn next_wake(&self) -> Instant {
        let mut wake = self.next_look.min(self.next_condition);
        if self.probes() {
            wake = wake.min(self.next_probe);
        }
        if let Some(mute_at) = self.mute_at() {
            let mute = match self.fresh.due() {
                Some(due) => self.next_mute.min(due),
                None => self.next_mute,
            };
            wake = wake.min(mute.max(mute_at));
        }
        wake
    }

    /// Whether the node is asked for signs of life between two looks.
    fn probes(&self) -> bool {
        self.pace == Pace::Calm && self.reading.role.is_primary
    }

    fn mute_at(&self) -> Option<Instant> {
        let (_, asked_at) = self.asked.front()?;
        Some(*asked_at + self.peer.mute_after())
    }

    fn tick(&mut self) {
        let now = self.teller.now();
        self.be_suspicious(now);
        let may_ask = self.asked.len() < ASKED_MOST;
        if self.next_look <= now {
            if may_ask {
                self.look(now);
            }
            self.schedule(now);
        } else if self.probes() && self.next_probe <= now {
            if may_ask {
                self.ask(Ask::Ping, now);
            }
            self.next_probe = Clock::next_multiple(now, self.probe_every());
        }
        if self.next_condition <= now {
            if may_ask {
                self.ask_condition(now);
            }
            let every = if self.reading.has_rivals {
                CONDITION_WITH_RIVALS
            } else {
                CONDITION_EVERY
            };
            self.next_condition = Clock::next_multiple(now, every);
        }
        self.connection.flush();
    }

    fn look(&mut self, now: Instant) {
        if !self.reading.identified {
            // It was too busy to say who it is.
            if self.asked.is_empty() {
                self.ask_all(&Ask::IDENTITY, now);
            }
            return;
        }
        if self.reading.role.may_load {
            self.ask(Ask::Loading, now);
        }
        self.ask(Ask::Replication, now);
    }

    /// Tells that a request is unanswered, and finds out more on another connection.
    fn be_suspicious(&mut self, now: Instant) {
        let Some(&(_, asked_at)) = self.asked.front() else {
            return;
        };
        if now < asked_at + self.peer.mute_after() {
            return;
        }
        if self.next_mute <= now {
            self.teller.failed(asked_at, Failure::Mute);
            self.is_mute = true;
            self.next_mute = now + MUTE_AGAIN;
        }
        if self.fresh.due().is_some_and(|due| due <= now) {
            self.fresh.begin(self.peer, &self.settings, now, asked_at);
        }
    }

    fn hear(&mut self, frame: Frame) -> Result<(), (Instant, Failure)> {
        let Some((ask, asked_at)) = self.asked.pop_front() else {
            // Nobody asked for anything.
            return Err((self.teller.now(), Failure::NotRedis));
        };
        let text = frame.as_bytes().cloned();
        let heard = self.reading.take(ask, frame);
        let heard = heard.map_err(|failure| (asked_at, failure))?;
        self.answered = true;
        self.teller.keep(ask.section().zip(text.as_deref()));
        // No answer is quicker than the way there and back; the connect may have been slow itself.
        let took = self.teller.now().since(asked_at);
        self.peer.round_trip = self.peer.round_trip.min(took);
        if let Some(seen) = heard.seen {
            self.teller.tell(asked_at, seen);
        }
        if let Some(ask) = heard.then {
            self.ask(ask, self.teller.now());
            self.connection.flush();
        }
        if std::mem::take(&mut self.is_mute) && ask != Ask::Replication {
            // It lives; what it has become meanwhile matters now.
            self.next_look = Instant::ZERO;
        }
        if self.reading.has_rivals {
            let soon = Clock::next_multiple(self.teller.now(), CONDITION_WITH_RIVALS);
            self.next_condition = self.next_condition.min(soon);
        }
        self.fresh.drop_it();
        Ok(())
    }

    fn hear_fresh(&mut self, asked_at: Instant, news: News) {
        match news {
            News::Accepted => self.teller.tell(asked_at, Seen::Accepted),
            News::Failed(failure) => self.teller.failed(asked_at, failure),
            News::Answers(connection) => {
                // The old connection is lost without a word.
                self.teller.tell(asked_at, Seen::Alive);
                self.connection = *connection;
                self.asked.clear();
                self.is_mute = false;
                self.reading = Reading::new(Arc::clone(&self.settings));
                self.greet(false);
            }
        }
    }
}
