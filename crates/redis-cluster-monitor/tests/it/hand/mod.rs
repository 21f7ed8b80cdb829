//! What actions do to real servers.

mod deeds;
mod failures;

use std::cell::Cell;
use std::sync::Arc;

use rcm_core::action::{Action, Deed, Done, Outcome, Report};
use rcm_core::id::{ActionId, Address, Epoch, NodeId};
use rcm_core::time::Instant;
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::local::{Binary, Builder, Server, Version};
use redis_cluster_monitor::redis::{Hands, Settings};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::eyes::{Result, SOON, address, settings};

pub(crate) const NODE: NodeId = NodeId(1);

const EPOCH: Epoch = Epoch(5);

const OPEN: Deed = Deed::Open {
    node: NODE,
    blind: false,
};

const BLIND: Deed = Deed::Open {
    node: NODE,
    blind: true,
};

const fn seal(evict: bool) -> Deed {
    Deed::Seal {
        node: NODE,
        evict,
        shut: false,
    }
}

/// A server that sends its replicas nothing but writes: a ping between two seals would be more than
/// those hold who were sealed before it.
pub(crate) fn silent(version: Version) -> Result<Builder> {
    let server = Server::builder(&Binary::of(version)?);
    Ok(server.set("repl-ping-replica-period", &["1000"]))
}

/// Hands on one node, and their outcomes.
pub(crate) struct Hand {
    hands: Hands,
    clock: Clock,
    address: Address,
    outcomes: UnboundedReceiver<(ActionId, Outcome)>,
    sender: UnboundedSender<(ActionId, Outcome)>,
    next: Cell<u64>,
}

impl Hand {
    pub(crate) fn new(address: Address, settings: Settings) -> Self {
        let clock = Clock::start();
        let (sender, outcomes) = unbounded_channel();
        Self {
            hands: Hands::new(Arc::new(settings), clock),
            clock,
            address,
            outcomes,
            sender,
            next: Cell::new(0),
        }
    }

    /// An open connection to a server.
    pub(crate) async fn on(server: &Server) -> Self {
        let mut hand = Self::new(address(server), settings());
        assert_eq!(hand.open().await, Outcome::Done(Done::Opened));
        hand
    }

    fn begin(&self, epoch: Epoch, deed: Deed, deadline: Instant) -> ActionId {
        let id = ActionId(self.next.get());
        self.next.set(id.0 + 1);
        let action = Action {
            id,
            epoch,
            deadline,
            deed,
        };
        self.hands
            .submit(action, self.address.clone(), self.sender.clone());
        id
    }

    async fn outcome(&mut self) -> (ActionId, Outcome) {
        let next = tokio::time::timeout(SOON * 2, self.outcomes.recv());
        next.await.expect("no outcome").unwrap()
    }

    pub(crate) async fn act(&mut self, deed: Deed) -> Outcome {
        let id = self.begin(EPOCH, deed, self.clock.now() + SOON);
        let (done, outcome) = self.outcome().await;
        assert_eq!(done, id);
        outcome
    }

    pub(crate) async fn open(&mut self) -> Outcome {
        self.act(OPEN).await
    }

    async fn seal(&mut self, evict: bool) -> Report {
        match self.act(seal(evict)).await {
            Outcome::Done(Done::Sealed(report)) => report,
            other => panic!("not sealed: {other:?}"),
        }
    }

    pub(crate) async fn promote(&mut self) -> Report {
        match self.act(Deed::Promote { node: NODE }).await {
            Outcome::Done(Done::Promoted(report)) => report,
            other => panic!("not promoted: {other:?}"),
        }
    }

    pub(crate) async fn attach(&mut self, primary: Address) -> Outcome {
        self.act(Deed::Attach {
            node: NODE,
            primary,
        })
        .await
    }
}
