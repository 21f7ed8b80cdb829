//! One thread of a proxy: accepts clients, and serves them until it is told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rcm_core::id::GroupName;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::counters::Counters;
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
    pub(super) source: Source,
    pub(super) asked: AskedToHold,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) counters: Arc<Counters>,
}

/// The pause after an accept that failed, which it does for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// As servers say it.
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

impl Door {
    /// Starts the thread.
    pub(super) fn open(self) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || runtime.block_on(self.serve()))
    }

    async fn serve(self) {
        let Self {
            group,
            listener,
            source,
            asked,
            mut stop,
            settings,
            clock,
            counters,
        } = self;
        let drain_within = settings.drain_within;
        let room = Arc::new(Room::new(settings, clock, counters));
        let guide = Guide::new(source, asked, stop.clone(), Arc::clone(&room));
        let route = guide.route();
        let guiding = tokio::spawn(guide.run());
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
                    Ok((stream, peer)) => admit(stream, peer, &room, &route, &mut clients),
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
        guiding.abort();
    }
}

fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    room: &Arc<Room>,
    route: &watch::Receiver<Route>,
    clients: &mut JoinSet<()>,
) {
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
    room.counters.accepted.add(1);
    let client = Client::new(stream, Arc::clone(room), route.clone());
    clients.spawn(client.serve(peer));
}
