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

use std::sync::Arc;

use rcm_core::action::Pace;
use rcm_core::fencing::Purpose;
use rcm_core::id::{Address, NodeId};
use rcm_core::observation::{Failure, Observation, Seen};
use rcm_core::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::approach::Approach;
use self::session::Session;
use super::Settings;
use crate::clock::Clock;

/// Looks at one node for as long as it lives.
#[derive(Debug)]
pub struct Link {
    task: JoinHandle<()>,
}

impl Link {
    /// Looks at the node at `address` from now on, as often as `pace` says.
    pub fn spawn(
        node: NodeId,
        address: Address,
        settings: Arc<Settings>,
        clock: Clock,
        pace: watch::Receiver<Pace>,
        sink: UnboundedSender<Observation>,
    ) -> Self {
        let teller = Teller { node, clock, sink };
        Self {
            task: tokio::spawn(look(address, settings, teller, pace)),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
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

    fn failed(&self, asked_at: Instant, failure: Failure) {
        self.tell(asked_at, Seen::Failed(failure));
    }
}

/// What our looking connections are for.
const fn purpose(settings: &Settings) -> Purpose {
    if settings.policy.observe {
        Purpose::Observe
    } else {
        Purpose::Watch
    }
}
