//! Looks at one node and tells what it sees.
//!
//! One task per node. It keeps one warm connection ([`session`]), which costs little and notices an
//! end at once; when there is none it tries to get one ([`approach`]); when the warm one does not
//! answer it tries another beside it ([`fresh`]), because how that goes tells a stopped process
//! from a lost host. What the replies mean is in [`reading`].
//!
//! Deliberately not here: whether any of it is a reason to act.

mod approach;
mod ask;
mod fresh;
mod reading;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::action::Pace;
use rcm_core::fencing::Purpose;
use rcm_core::id::{Address, NodeId};
use rcm_core::observation::{Failure, Observation, Seen};
use rcm_core::policy::Policy;
use rcm_core::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::approach::Approach;
use self::session::Session;
use super::memory::Section;
use super::{Memory, Settings};
use crate::clock::Clock;

/// Looks at one node for as long as it lives.
#[derive(Debug)]
pub struct Link {
    task: JoinHandle<()>,
    address: Address,
    memory: Memory,
}

impl Link {
    /// Looks at the node at `address` from now on, as often as `pace` says, and keeps in `memory`
    /// what it says.
    pub fn spawn(
        node: NodeId,
        address: Address,
        settings: Arc<Settings>,
        clock: Clock,
        pace: watch::Receiver<Pace>,
        sink: UnboundedSender<Observation>,
        memory: Memory,
    ) -> Self {
        let teller = Teller {
            node,
            clock,
            sink,
            address: address.clone(),
            memory: memory.clone(),
        };
        Self {
            task: tokio::spawn(look(address.clone(), settings, teller, pace)),
            address,
            memory,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        self.memory.forget(&self.address);
    }
}

async fn look(
    address: Address,
    settings: Arc<Settings>,
    teller: Teller,
    mut pace: watch::Receiver<Pace>,
) {
    let mut approach = Approach::new(address, Arc::clone(&settings), teller.clone());
    loop {
        let (connection, peer) = approach.connect().await;
        let session = Session::new(connection, peer, Arc::clone(&settings), teller.clone());
        let ending = session.run(&mut pace).await;
        approach.after(ending);
    }
}

/// Where a connection goes.
#[derive(Clone, Copy, Debug)]
struct Peer {
    address: SocketAddr,
    /// How long the way there and back takes at most: the quickest answer so far.
    round_trip: Duration,
}

impl Peer {
    /// How long a request may be unanswered: longer if the way there is long. When it was asked is
    /// told with it, so nothing is decided later for that.
    fn mute_after(self) -> Duration {
        Policy::MUTE_AFTER.max(self.round_trip.min(FARTHEST) * 2)
    }

    /// How long another connect may take when nothing was heard for `silent_for`.
    fn connect_within(self, silent_for: Duration) -> Duration {
        connect_within(silent_for, self.round_trip)
    }
}

/// How long a connect may take before nothing at all counts as silence. A lost packet would be
/// repeated only after a second.
const CONNECT_WITHIN: Duration = Duration::from_millis(250);
/// The same when one has failed already, and the most: see [`connect_within`].
const CONNECT_AGAIN: Duration = Duration::from_millis(100);
const CONNECT_LATE: Duration = Duration::from_secs(1);
/// The longer a node is away, the rarer the attempts: each takes this part of the time so far.
const PART_OF_ABSENCE: u32 = 100;
/// The longest way there is on this planet, and some patience.
const FARTHEST: Duration = Duration::from_millis(400);

/// How long a connect may take to a node of which nothing was heard for `silent_for`, and to which
/// the way there and back takes `round_trip`.
///
/// Nobody tells that a host is back: the next attempt finds out, and an old primary takes writes
/// until then. So attempts are short.
fn connect_within(silent_for: Duration, round_trip: Duration) -> Duration {
    let within = if silent_for < CONNECT_WITHIN {
        CONNECT_WITHIN
    } else {
        (silent_for / PART_OF_ABSENCE).clamp(CONNECT_AGAIN, CONNECT_LATE)
    };
    within.max(round_trip.min(FARTHEST) * 2)
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
struct Ending {
    why: Failure,
    /// Whether it had brought any reply.
    answered: bool,
}

/// Passes on what is seen of one node.
#[derive(Clone, Debug)]
struct Teller {
    node: NodeId,
    clock: Clock,
    sink: UnboundedSender<Observation>,
    address: Address,
    memory: Memory,
}

impl Teller {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn tell(&self, asked_at: Instant, seen: Seen) {
        let observation = Observation {
            node: self.node,
            asked_at,
            at: self.now(),
            seen,
        };
        // Nobody listens any more only while the program ends.
        self.sink.send(observation).ok();
    }

    /// Keeps a reply for those who ask us instead of the node.
    fn keep(&self, section: Option<(Section, &[u8])>) {
        self.memory.note(&self.address, self.now(), section);
    }

    fn failed(&self, asked_at: Instant, failure: Failure) {
        self.tell(asked_at, Seen::Failed(failure));
    }
}

/// What our looking connections are for.
fn purpose(settings: &Settings) -> Purpose {
    if settings.policy.borrow().observe {
        Purpose::Observe
    } else {
        Purpose::Watch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_far_away_is_given_more_time() {
        let check = |round_trip: u64, mute_after: u64, connect_within: u64| {
            let peer = Peer {
                address: ([127, 0, 0, 1], 1).into(),
                round_trip: Duration::from_millis(round_trip),
            };
            assert_eq!(peer.mute_after(), Duration::from_millis(mute_after));
            let within = peer.connect_within(Duration::ZERO);
            assert_eq!(within, Duration::from_millis(connect_within));
        };
        check(0, 60, 250);
        check(30, 60, 250);
        check(80, 160, 250);
        check(200, 400, 400);
        check(3_000, 800, 800);
    }

    #[test]
    fn who_was_away_is_met_within_a_hundredth_of_that_time() {
        let check = |silent_for: u64, round_trip: u64, within: u64| {
            let round_trip = Duration::from_millis(round_trip);
            let found = connect_within(Duration::from_millis(silent_for), round_trip);
            assert_eq!(
                found,
                Duration::from_millis(within),
                "after {silent_for} ms"
            );
        };
        check(60, 1, 250);
        check(330, 1, 100);
        check(10_000, 1, 100);
        check(30_000, 1, 300);
        check(3_600_000, 1, 1_000);
        check(1_000, 150, 300);
    }
}
