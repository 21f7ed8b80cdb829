//! The door that speaks Sentinel's language, so that its clients need no change.
//!
//! A connection is a [`Session`]: bytes in, bytes out, answered from the published snapshots. What
//! happens is told by one [`Herald`] per group. Sockets are a thin layer around both.
//!
//! The door has a thread of its own: what is asked of it, and by how many, never delays what
//! watches and acts. It knows nothing but what is published, and nothing here decides.
//!
//! This and `redis` are the only places that speak Sentinel's words for the roles.

mod clients;
mod commands;
mod complaints;
mod connection;
mod fields;
mod follow;
mod glob;
mod herald;
mod house;
mod listen;
mod message;
mod reply;
mod scripts;
mod session;
mod subscriptions;
mod table;
#[cfg(test)]
mod talk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::event::Event;
use rcm_core::id::MonitorId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, sleep};

pub use self::follow::{Interest, Told};
pub use self::herald::Herald;
pub use self::house::{Group, House};
pub use self::listen::OpenError;
pub use self::message::Message;
pub use self::scripts::{Script, Scripts, State as ScriptState};
pub use self::session::{Session, Step};
use crate::clock::Clock;
use crate::config::Sentinel;
use crate::door;
use crate::driver::Handle;
use crate::hooks::{self, Notice};

/// Messages that a slow subscriber may be behind before it is dropped.
const MESSAGES_KEPT: usize = 4096;
/// How long the event is waited for that explains a new primary in the snapshot.
const EXPLAINED_WITHIN: Duration = Duration::from_millis(50);
/// How often it is looked who has been silent for too long.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How long a client may take to say the password.
const PASSWORD_WITHIN: Duration = Duration::from_secs(10);

/// The open door; it closes, and all connections with it, when this is dropped.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    _thread: door::Thread,
}

/// A group that is served: what a connection asks about, and what happens.
#[derive(Debug)]
pub struct Served {
    /// What is asked about.
    pub group: Group,
    /// What happens.
    pub events: broadcast::Receiver<Arc<Event>>,
}

impl Served {
    /// A group that is watched.
    pub fn of(handle: &Handle) -> Self {
        Self {
            group: Group {
                name: handle.name().clone(),
                policy: handle.policy(),
                status: handle.status(),
                memory: handle.memory(),
                requests: handle.requests(),
                holders: handle.holders(),
                company: handle.company(),
            },
            events: handle.events(),
        }
    }
}

impl Door {
    /// Listens from now on.
    pub fn open(
        mut settings: Sentinel,
        served: Vec<Served>,
        hooks: &hooks::Handle,
        monitor: &MonitorId,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let scripts = Scripts::of(hooks.clone());
        let results = hooks.results();
        let socket = listen::bind(settings.address)?;
        let address = socket.local_addr().map_err(OpenError::Thread)?;
        settings.address = address;
        settings.max_clients = listen::reserve_descriptors(settings.max_clients);
        let (groups, events): (Vec<_>, Vec<_>) = served
            .into_iter()
            .map(|served| (served.group.clone(), (served.group, served.events)))
            .unzip();
        let house = Arc::new(House::new(groups, settings, scripts, monitor, clock));
        let serve = serve(socket, house, events, results);
        let thread = door::Thread::start("sentinel-api", serve).map_err(OpenError::Thread)?;
        Ok(Self {
            address,
            _thread: thread,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Everything on the door's thread.
async fn serve(
    socket: std::net::TcpListener,
    house: Arc<House>,
    events: Vec<(Group, broadcast::Receiver<Arc<Event>>)>,
    results: broadcast::Receiver<Notice>,
) {
    let news = broadcast::Sender::new(MESSAGES_KEPT);
    for (group, events) in events {
        let news = news.clone();
        let served = Served { group, events };
        tokio::spawn(relate(
            served,
            house.settings.announce_hostnames,
            move |message| {
                // Nobody needs to listen.
                news.send(Arc::new(message)).ok();
            },
        ));
    }
    tokio::spawn(relate_scripts(results, news.clone()));
    tokio::spawn(sweep(Arc::clone(&house)));
    if let Err(error) = listen::accept(socket, house, news).await {
        tracing::error!("the Sentinel API is closed: {error}");
    }
}

/// Tells what happens to one group in Sentinel's words, for as long as it is watched.
pub async fn relate(served: Served, announce_hostnames: bool, mut tell: impl FnMut(Message)) {
    let Served { group, mut events } = served;
    let mut herald = Herald::new(group.name.as_str(), announce_hostnames);
    let mut status = group.status;
    let mut behind = false;
    loop {
        let messages = tokio::select! {
            biased;
            event = events.recv() => {
                let snapshot = Arc::clone(&status.borrow_and_update());
                match event {
                    Ok(event) => herald.hear(&event, &snapshot),
                    Err(RecvError::Lagged(_)) => herald.catch_up(&snapshot),
                    // The group is watched no longer.
                    Err(RecvError::Closed) => return,
                }
            }
            changed = status.changed() => {
                if changed.is_err() {
                    return;
                }
                let snapshot = Arc::clone(&status.borrow_and_update());
                herald.see(&snapshot)
            }
            () = sleep(EXPLAINED_WITHIN), if behind => {
                let snapshot = Arc::clone(&status.borrow_and_update());
                herald.catch_up(&snapshot)
            }
        };
        behind = herald.is_behind(&status.borrow());
        messages.into_iter().for_each(&mut tell);
    }
}

/// Tells subscribers of scripts that failed.
async fn relate_scripts(
    mut results: broadcast::Receiver<Notice>,
    news: broadcast::Sender<Arc<Message>>,
) {
    loop {
        match results.recv().await {
            Ok(notice) => {
                let message = Message::new(notice.channel, notice.payload);
                // Nobody needs to listen.
                news.send(Arc::new(message)).ok();
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Ends connections that have been silent for too long.
async fn sweep(house: Arc<House>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let idle_after = house.settings.idle_after;
        house
            .clients
            .end_idle(house.now(), idle_after, PASSWORD_WITHIN);
    }
}
