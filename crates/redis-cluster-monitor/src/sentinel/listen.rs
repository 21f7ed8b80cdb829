//! Where clients come in.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::time::sleep;

use super::connection;
use super::house::{Counters, House};
use super::message::Message;

/// Connections that wait to be accepted, as in Redis.
const BACKLOG: i32 = 511;
/// Descriptors that the door leaves to what watches and acts: files, and several connections to
/// each node.
const RESERVED: u64 = 256;
/// A client whose machine is gone is noticed after about this time, as in Redis.
const KEEPALIVE: Duration = Duration::from_secs(300);
/// How long nothing is accepted when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else listens there.
    #[error(
        "the Sentinel API cannot listen on {0}: the address is in use, perhaps by a Sentinel; \
         choose another one with --sentinel ADDR, or none with --sentinel off"
    )]
    InUse(SocketAddr),
    /// Something else is in the way.
    #[error("the Sentinel API cannot listen on {0}: {1}; choose another address with --sentinel")]
    Refused(SocketAddr, #[source] io::Error),
    /// It has no thread to run on.
    #[error("the Sentinel API cannot start: {0}")]
    Thread(#[source] io::Error),
}

/// Listens on `address`; `[::]` is all addresses of either family.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, OpenError> {
    let open = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // Who restarts wants the same address again.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    open().map_err(|error: io::Error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            OpenError::InUse(address)
        } else {
            OpenError::Refused(address, error)
        }
    })
}

/// Raises the limit on descriptors as far as `clients` need and the system allows; gives how many
/// clients there can be without taking a descriptor from what watches and acts.
pub(super) fn reserve_descriptors(clients: usize) -> usize {
    let wanted = u64::try_from(clients)
        .unwrap_or(u64::MAX)
        .saturating_add(RESERVED);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(mut limit) = current else {
        return clients;
    };
    if limit < wanted {
        let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
        let raise = Rlimit {
            current: Some(raised),
            maximum,
        };
        if setrlimit(Resource::Nofile, raise).is_ok() {
            limit = raised;
        }
    }
    if limit >= wanted {
        return clients;
    }
    let possible = limit.saturating_sub(RESERVED).max(limit / 2);
    tracing::warn!(
        "this process may have {limit} open files, so the Sentinel API serves at most {possible} \
         clients; raise the limit (ulimit -n, LimitNOFILE) or lower max_clients"
    );
    usize::try_from(possible).unwrap_or(clients)
}

/// Serves everybody who comes, up to the limit.
pub(super) async fn accept(
    socket: TcpListener,
    house: Arc<House>,
    news: broadcast::Sender<Arc<Message>>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(socket)?;
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                told = false;
                welcome(stream, peer, &house, &news);
            }
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("the Sentinel API cannot accept clients: {error}");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// The client went away before it was served.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    house: &Arc<House>,
    news: &broadcast::Sender<Arc<Message>>,
) {
    Counters::count(&house.counters.connections);
    if house.clients.count() >= house.settings.max_clients {
        Counters::count(&house.counters.rejected);
        // A courtesy: who does not hear it is closed all the same.
        stream.try_write(TOO_MANY).ok();
        return;
    }
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Both only make it better: without them it is served too.
    stream.set_nodelay(true).ok();
    SockRef::from(&stream)
        .set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
        .ok();
    let session = house.session(peer, local);
    tokio::spawn(connection::serve(
        stream,
        session,
        Arc::clone(house),
        news.clone(),
    ));
}
