//! Owns the engines, and is the only one who talks to them: feeds each what was seen, carries out
//! what it decides, tells what happened and publishes its status.
//!
//! Decided here: nothing. One task per group, so that one group's trouble never delays another's.

mod agreed;
mod company;
mod executor;
mod group;
mod heartbeat;
mod holders;
mod keeper;
mod lead;
mod peers;
mod roster;
mod store_health;

use std::sync::Arc;

use rcm_core::engine::{Engine, Identity};
use rcm_core::event::Event;
use rcm_core::id::GroupName;
use rcm_core::policy::{Nodes, Policy};
use rcm_core::request::{Refusal, Request};
use rcm_core::status::Status;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};

pub use self::agreed::InForce;
pub use self::company::Company;
use self::group::Asked;
pub use self::heartbeat::Heartbeat;
pub use self::holders::{Asked as AskedToHold, Calm, Holders};
pub use self::keeper::Keeper;
pub use self::lead::{Lead, Outlook};
pub use self::roster::{Roster, Server, Standing};
pub use self::store_health::StoreHealth;
use crate::clock::Clock;
use crate::redis::{Memory, Settings};
use crate::store::Store;

/// What a group needs to be watched.
#[derive(Debug)]
pub struct Setup {
    /// Its name.
    pub name: GroupName,
    /// The nodes that the operator listed.
    pub nodes: Nodes,
    /// What the operator decided.
    pub policy: Policy,
    /// How its nodes are talked to.
    pub settings: Arc<Settings>,
    /// Spreads its retries.
    pub seed: u64,
}

/// What all groups of this process share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The time.
    pub clock: Clock,
    /// Where the records live.
    pub store: Store,
    /// Whether this process is scheduled in time.
    pub heartbeat: Heartbeat,
    /// Whether the store can be written.
    pub store_health: StoreHealth,
}

impl Shared {
    /// Starts what all groups of this process share.
    pub fn start(clock: Clock, store: Store) -> Self {
        let heartbeat = Heartbeat::start(clock);
        let store_health = StoreHealth::start(store.clone());
        Self {
            clock,
            store,
            heartbeat,
            store_health,
        }
    }
}

/// A group that is watched; it is watched no longer when this is dropped.
#[derive(Debug)]
pub struct Handle {
    name: GroupName,
    status: watch::Receiver<Arc<Status>>,
    events: broadcast::Sender<Arc<Event>>,
    requests: Requests,
    memory: Memory,
    holders: Holders,
    company: Company,
    keeper: Keeper,
    in_force: watch::Receiver<Arc<InForce>>,
    policy: watch::Receiver<Policy>,
    task: AbortHandle,
}

/// Events that a slow listener may be behind before it misses some.
const EVENTS_KEPT: usize = 1024;
/// Requests that may wait for their turn; whoever asks beyond them waits.
const REQUESTS_WAITING: usize = 16;

impl Handle {
    /// Watches a group from now on.
    pub fn spawn(setup: Setup, shared: &Shared) -> Self {
        let Setup {
            name,
            nodes,
            policy,
            settings,
            seed,
        } = setup;
        let Shared {
            clock,
            store,
            heartbeat,
            store_health,
        } = shared.clone();
        let me = Identity {
            group: name.clone(),
            monitor: store.monitor().clone(),
        };
        // Who only observes leaves the lead to others.
        let membership = store.join(&name, !policy.observe);
        let company = Company {
            me: me.monitor.clone(),
            fleet: store.fleet(),
            leader: membership.leader.clone(),
        };
        let own = rcm_core::settings::Settings { policy, nodes };
        let agreed = agreed::Agreed::new(name.clone(), own, membership.settings.clone());
        let settings = Arc::new(Settings {
            policy: agreed.policy(),
            ..(*settings).clone()
        });
        let peers = peers::Peers::new(name.clone(), me.monitor.clone(), store.fleet());
        let (in_force, policy) = (agreed.in_force(), agreed.policy());
        let now = Arc::clone(&in_force.borrow()).settings.clone();
        let engine = Engine::new(me, &now.nodes, now.policy, seed, clock.now());
        let keeper = Keeper::new(name.clone(), store.clone());
        let (publisher, status) = watch::channel(Arc::new(engine.status().clone()));
        let events = broadcast::Sender::new(EVENTS_KEPT);
        let memory = Memory::default();
        let holders = Holders::default();
        let executor = executor::Executor::new(
            name.clone(),
            settings,
            store,
            clock,
            memory.clone(),
            holders.clone(),
        );
        let trouble = store_health.trouble();
        let group = group::Group::new(
            engine, executor, clock, heartbeat, trouble, membership, peers, agreed,
        );
        let (requests, asked) = mpsc::channel(REQUESTS_WAITING);
        let task = tokio::spawn(group.run(publisher.clone(), events.clone(), asked));
        let abort = task.abort_handle();
        tokio::spawn(supervise(task, publisher));
        Self {
            name,
            status,
            events,
            requests: Requests(requests),
            memory,
            holders,
            company,
            keeper,
            in_force,
            policy,
            task: abort,
        }
    }

    /// The group.
    pub const fn name(&self) -> &GroupName {
        &self.name
    }

    /// The published snapshot, now and from now on.
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// What its nodes said last.
    pub fn memory(&self) -> Memory {
        self.memory.clone()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Someone who keeps requests back is asked from now on, before the primary's writes begin to
    /// wait.
    pub fn join_holders(&self) -> AskedToHold {
        self.holders.join()
    }

    /// Everybody who keeps requests back.
    pub fn holders(&self) -> Holders {
        self.holders.clone()
    }

    /// The monitors that share it.
    pub fn company(&self) -> Company {
        self.company.clone()
    }

    /// Its settings, now and from now on.
    pub fn settings(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.clone()
    }

    /// How it is failed over, now and from now on.
    pub fn policy(&self) -> watch::Receiver<Policy> {
        self.policy.clone()
    }

    /// Where its settings can be changed.
    pub fn keeper(&self) -> Keeper {
        self.keeper.clone()
    }

    /// Where something can be asked of the group.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }
}

/// What happens to a group from some moment on.
pub type Events = broadcast::Receiver<Arc<Event>>;

/// Where something can be asked of a group, from any thread.
#[derive(Clone, Debug)]
pub struct Requests(mpsc::Sender<Asked>);

impl Requests {
    /// Nobody is there who could answer: whatever is asked is refused.
    pub fn to_nobody() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// Asks for something: the answer says whether it was begun.
    pub async fn send(&self, request: Request) -> Result<(), Refusal> {
        self.begin(request).await.map(drop)
    }

    /// Asks for something, and gives what happens from then on: events say how it ends.
    pub async fn begin(&self, request: Request) -> Result<Events, Refusal> {
        let (answer, begun) = oneshot::channel();
        let asked = Asked { request, answer };
        self.0.send(asked).await.map_err(|_| Refusal::NotReady)?;
        // Only a defect ends the group while it is watched: then it is not served.
        begun.await.unwrap_or(Err(Refusal::NotReady))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A panic is a defect of ours: the group is watched no longer, its nodes are left as they are, its
/// last status stays published and says so, and the other groups go on.
async fn supervise(task: JoinHandle<()>, publisher: watch::Sender<Arc<Status>>) {
    let Err(error) = task.await else { return };
    if !error.is_panic() {
        return;
    }
    publisher.send_modify(|status| {
        tracing::error!(group = %status.group, "the group is frozen after a defect: {error}");
        *status = Arc::new(Status {
            halted: true,
            ..(**status).clone()
        });
    });
}
