//! One thread of a proxy: accepts clients, and serves them until it is told to stop.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rcm_core::id::GroupName;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::counters::Counters;
use super::header;
use super::replicas::{Berths, Pilot};
use super::room::Room;
use super::route::{Guide, Route};
use super::socket;
use super::source::Source;
use crate::clock::Clock;
use crate::config::Proxy as Settings;
use crate::driver::AskedToHold;

/// What one thread of a proxy begins with.
pub(super) struct Door {
    pub(super) group: GroupName,
    pub(super) listener: std::net::TcpListener,
    pub(super) towards: Towards,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) counters: Arc<Counters>,
}

/// Whose clients a thread serves.
pub(super) enum Towards {
    /// The primary's; and who asks it to hold.
    Primary(Source, AskedToHold),
    /// The replicas'.
    Replicas(Source),
}

/// Where clients are led.
enum Rooms {
    One(Rc<Room>),
    Several(Rc<Berths>),
}

/// The pause after an accept that failed, which it does for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// As servers say it.
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

impl Door {
    /// Starts the thread.
    pub(super) fn open(self) -> io::Result<JoinHandle<()>> {
        let (started, begun) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("proxy".to_owned());
        let thread = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default());
            let (runtime, outcome) = match runtime {
                Ok(runtime) => (Some(runtime), Ok(())),
                Err(error) => (None, Err(error)),
            };
            let is_heard = started.send(outcome).is_ok();
            if let Some(runtime) = runtime.filter(|_| is_heard) {
                runtime.block_on(self.serve());
            }
        })?;
        begun.recv().map_err(io::Error::other)??;
        Ok(thread)
    }

    async fn serve(self) {
        let Self {
            group,
            listener,
            towards,
            mut stop,
            settings,
            clock,
            counters,
        } = self;
        let drain_within = settings.drain_within;
        let route = watch::Sender::new(Route::default());
        let room = Room::new(settings, clock, counters, route.subscribe());
        let mut guiding = JoinSet::new();
        let rooms = match towards {
            Towards::Primary(source, asked) => {
                let room = Rc::new(room);
                guiding.spawn_local(Rc::clone(&room).follow());
                let guide = Guide::new(source, asked, stop.clone(), route, Rc::clone(&room));
                guiding.spawn_local(guide.run());
                Rooms::One(room)
            }
            Towards::Replicas(source) => {
                let berths = Rc::new(Berths::new(&room));
                let pilot = Pilot::new(source, stop.clone(), Rc::clone(&berths), &room);
                guiding.spawn_local(pilot.run());
                Rooms::Several(berths)
            }
        };
        let mut clients = JoinSet::new();
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(group = group.as_str(), "proxy: cannot listen: {error}");
                return;
            }
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => admit(stream, peer, rooms.next(), &mut clients),
                    Err(error) => {
                        tracing::warn!(group = group.as_str(), "proxy: cannot accept: {error}");
                        sleep(ACCEPT_AGAIN).await;
                    }
                },
                Some(ended) = clients.join_next() => if let Err(error) = ended {
                    tracing::error!(group = group.as_str(), "proxy: a client's task: {error}");
                },
                stopped = stop.wait_for(|stop| *stop) => match stopped {
                    Ok(_) => break,
                    // Nobody wants to wait for clients.
                    Err(_) => return,
                },
            }
        }
        drop(listener);
        let all = async { while clients.join_next().await.is_some() {} };
        if timeout(drain_within, all).await.is_err() {
            let left = clients.len();
            tracing::warn!(group = group.as_str(), "proxy: {left} clients are cut off");
        }
    }
}

impl Rooms {
    /// The room of the next client.
    fn next(&self) -> Rc<Room> {
        match self {
            Self::One(room) => Rc::clone(room),
            Self::Several(berths) => berths.next(),
        }
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, room: Rc<Room>, clients: &mut JoinSet<()>) {
    if clients.len() >= room.settings.max_clients {
        room.counters.turned_away.add(1);
        // It may be gone already.
        stream.try_write(TOO_MANY).ok();
        return;
    }
    if socket::adjust(&stream).is_err() {
        // It is gone.
        return;
    }
    if room.settings.is_load_balancer(peer.ip()) {
        clients.spawn_local(announced(stream, peer, room));
        return;
    }
    room.counters.accepted.add(1);
    clients.spawn_local(Client::new(stream, room).serve(peer));
}

/// Serves a client for whom a load balancer speaks.
async fn announced(mut stream: TcpStream, peer: SocketAddr, room: Rc<Room>) {
    match header::take(&mut stream, peer).await {
        Ok(client) => {
            room.counters.accepted.add(1);
            Client::new(stream, room).serve(client).await;
        }
        // A load balancer that only looks whether somebody listens.
        Err(header::Error::Gone(_)) => {}
        Err(error) => {
            room.counters.turned_away.add(1);
            tracing::warn!("proxy: {peer} is turned away, PROXY protocol: {error}");
            let text =
                format!("-ERR the PROXY protocol is expected from this address: {error}\r\n");
            // It may be gone already. What it sent is read, lest a reset overtake the answer.
            stream.try_read(&mut [0; 1024]).ok();
            stream.try_write(text.as_bytes()).ok();
        }
    }
}
