//! A thread of a proxy as tests need it: nothing happens between two awaits, and what is said on
//! each socket is seen.

use std::future::Future;
use std::io::Result;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::time::timeout;

use super::counters::Counters;
use super::room::Room;
use super::route::Route;
use crate::clock::Clock;
use crate::config::Proxy as Settings;

/// Runs a test on a thread as the proxy has it.
pub(super) fn alone(test: impl Future<Output = Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    let limited = async { timeout(Duration::from_secs(20), test).await };
    runtime.block_on(limited).unwrap().unwrap();
}

/// A room whose route the test says.
pub(super) fn room(settings: Settings, route: Route) -> (Rc<Room>, watch::Sender<Route>) {
    let (route, published) = watch::channel(route);
    let counters = Arc::new(Counters::default());
    let room = Room::new(settings, Clock::start(), counters, published);
    (Rc::new(room), route)
}

/// A server that the test is.
pub(super) async fn listen() -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Two ends of a connection.
pub(super) async fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = listen().await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

pub(super) async fn expect(stream: &mut TcpStream, expected: &[u8]) -> Result<()> {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await?;
    assert_eq!(
        bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    Ok(())
}
