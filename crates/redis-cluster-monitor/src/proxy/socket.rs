//! Sockets as the proxy wants them: nothing waits to be sent, and a peer that vanished is noticed.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpSocket, TcpStream};

/// Clients and servers that are idle are probed this often.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// What an idle buffer may keep.
const SPARE: usize = 1024;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Listens at `address`. With `shared`, several sockets may, and each gets a part of the clients.
pub(super) fn listen(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connects to a server.
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    let stream = socket.connect(address).await?;
    adjust(&stream)?;
    Ok(stream)
}

/// Makes a connection as it has to be.
pub(super) fn adjust(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Writes as much as the socket takes; gives how much.
pub(super) fn write(stream: &TcpStream, bytes: &mut BytesMut) -> io::Result<usize> {
    let mut total = 0;
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(count) if count == bytes.len() => {
                total += count;
                bytes.clear();
            }
            Ok(count) => {
                total += count;
                bytes.advance(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

/// What is idle holds no memory.
pub(super) fn release(bytes: &mut BytesMut) {
    if bytes.is_empty() && bytes.capacity() > SPARE {
        *bytes = BytesMut::new();
    }
}
