//! Getting a connection to a node, for as long as it takes.
//!
//! Decided here: how soon to try again after which failure. A listener that is dying accepts a few
//! more connects and ends them at once, so that is followed closely until it refuses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::observation::{Failure, Seen};
use rcm_core::time::Instant;
use tokio::time::sleep;

use super::{CONNECT_LATE, CONNECT_WITHIN, Ending, Peer, Teller, connect_within};
use crate::redis::Settings;
use crate::redis::connect::connect;
use crate::redis::connection::Connection;
use crate::redis::resolve::Resolver;

/// How long trouble is young.
const YOUNG: Duration = Duration::from_secs(5);
const AGAIN_SOON: Duration = Duration::from_millis(20);
const AGAIN_LATE: Duration = Duration::from_millis(50);
/// After failures that do not go away by themselves.
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_secs(1);
const AGAIN_AFTER_LOCAL: Duration = Duration::from_millis(100);
/// A dying listener is tried again after this, so many times.
const AGAIN_AT_ONCE: Duration = Duration::from_millis(1);
const AT_ONCE_MOST: u32 = 50;

pub(super) struct Approach {
    resolver: Resolver,
    settings: Arc<Settings>,
    teller: Teller,
    /// The address that was told last.
    told: Option<IpAddr>,
    /// Since when there is no connection that answers.
    since: Option<Instant>,
    /// How long the quickest connect took.
    round_trip: Option<Duration>,
    /// Connections in a row that ended before they brought anything.
    stillborn: u32,
    pause: Duration,
}

impl Approach {
    pub(super) fn new(address: Address, settings: Arc<Settings>, teller: Teller) -> Self {
        Self {
            told: address.ip(),
            resolver: Resolver::new(address),
            settings,
            teller,
            since: None,
            round_trip: None,
            stillborn: 0,
            pause: Duration::ZERO,
        }
    }

    /// Tries until a connection is accepted; tells every failure.
    pub(super) async fn connect(&mut self) -> (Connection, Peer) {
        loop {
            if !self.pause.is_zero() {
                sleep(self.pause).await;
            }
            let asked_at = self.teller.now();
            self.since.get_or_insert(asked_at);
            match self.attempt(asked_at).await {
                Ok(accepted) => return accepted,
                Err(failure) => {
                    self.teller.failed(asked_at, failure);
                    // Those that took their time need no further pause.
                    let spent = self.teller.now().since(asked_at);
                    let pause = if failure == Failure::Closed {
                        self.again_after_stillbirth()
                    } else {
                        self.again_after(failure)
                    };
                    self.pause = pause.saturating_sub(spent);
                }
            }
        }
    }

    /// Takes note of how the last connection ended.
    pub(super) fn after(&mut self, ending: Ending) {
        if ending.answered {
            self.since = None;
            self.stillborn = 0;
        }
        self.pause = match ending.why {
            Failure::Closed | Failure::Silent | Failure::Mute if ending.answered => Duration::ZERO,
            Failure::Closed => self.again_after_stillbirth(),
            Failure::Refused
            | Failure::Silent
            | Failure::Mute
            | Failure::Busy
            | Failure::Unauthorised
            | Failure::Forbidden
            | Failure::TurnedAway
            | Failure::NotRedis
            | Failure::Unresolved
            | Failure::Local => self.again_after(ending.why),
        };
    }

    fn again_after_stillbirth(&mut self) -> Duration {
        self.stillborn = self.stillborn.saturating_add(1);
        if self.stillborn <= AT_ONCE_MOST {
            AGAIN_AT_ONCE
        } else {
            self.again_after(Failure::Closed)
        }
    }

    /// One attempt at every address that the name may mean.
    async fn attempt(&mut self, asked_at: Instant) -> Result<(Connection, Peer), Failure> {
        let mut worst = None;
        for address in self.resolver.candidates(asked_at).await? {
            if self.told.is_none() {
                self.resolved(asked_at, address.ip());
            }
            let began = self.teller.now();
            let within = self.connect_within(began);
            match connect(address, within, &self.settings).await {
                Ok(stream) => {
                    self.resolver.worked(address.ip());
                    self.resolved(asked_at, address.ip());
                    self.teller.tell(asked_at, Seen::Accepted);
                    let took = self.teller.now().since(began);
                    let round_trip = self.round_trip.map_or(took, |known| known.min(took));
                    self.round_trip = Some(round_trip);
                    let peer = Peer {
                        address,
                        round_trip,
                    };
                    return Ok((Connection::new(stream), peer));
                }
                // Several addresses refuse only if none of them is merely silent.
                Err(failure) => worst = worst.max(Some(failure)),
            }
        }
        Err(worst.unwrap_or(Failure::Unresolved))
    }

    fn resolved(&mut self, asked_at: Instant, ip: IpAddr) {
        if self.told != Some(ip) {
            self.told = Some(ip);
            self.teller.tell(asked_at, Seen::Resolved(ip));
        }
    }

    /// How long a connect may take. A node that was never reached may be far away.
    fn connect_within(&self, now: Instant) -> Duration {
        match (self.round_trip, self.since) {
            (Some(round_trip), Some(since)) => connect_within(now.since(since), round_trip),
            _ if self.is_young() => CONNECT_WITHIN,
            _ => CONNECT_LATE,
        }
    }

    fn is_young(&self) -> bool {
        let now = self.teller.now();
        self.since.is_none_or(|since| now.since(since) < YOUNG)
    }

    fn again_after(&self, failure: Failure) -> Duration {
        match failure {
            Failure::Refused | Failure::Closed | Failure::Silent | Failure::Mute => {
                if self.is_young() {
                    AGAIN_SOON
                } else {
                    AGAIN_LATE
                }
            }
            Failure::Local => AGAIN_AFTER_LOCAL,
            Failure::Busy
            | Failure::Unauthorised
            | Failure::Forbidden
            | Failure::TurnedAway
            | Failure::NotRedis
            | Failure::Unresolved => AGAIN_AFTER_REFUSAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use rcm_core::id::NodeId;
    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::Clock;
    use crate::redis::Memory;

    fn approach() -> Approach {
        let address = Address::new("127.0.0.1", 1);
        let teller = Teller {
            node: NodeId(7),
            clock: Clock::start(),
            sink: mpsc::unbounded_channel().0,
            address: address.clone(),
            memory: Memory::default(),
        };
        Approach::new(address, Arc::new(Settings::plain()), teller)
    }

    #[test]
    fn a_dying_listener_is_tried_at_once_but_not_for_ever() {
        let mut approach = approach();
        let mut pause_after = |answered| {
            let why = Failure::Closed;
            approach.after(Ending { why, answered });
            approach.pause
        };
        for _ in 0..AT_ONCE_MOST {
            assert_eq!(pause_after(false), AGAIN_AT_ONCE);
        }
        assert_eq!(pause_after(false), AGAIN_SOON);
        assert_eq!(pause_after(true), Duration::ZERO);
        assert_eq!(pause_after(false), AGAIN_AT_ONCE);
    }
}
