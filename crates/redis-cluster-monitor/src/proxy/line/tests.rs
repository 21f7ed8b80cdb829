use std::future::Future;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::config::Proxy as Settings;
use crate::proxy::client::Client;
use crate::proxy::counters::Counters;
use crate::proxy::room::Room;
use crate::proxy::route::{Gate, Route};

/// On a thread as the proxy has it, so that nothing else happens between two awaits.
fn alone(test: impl Future<Output = std::io::Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    let limited = async { timeout(Duration::from_secs(20), test).await };
    runtime.block_on(limited).unwrap().unwrap();
}

/// Two ends of a connection.
async fn pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

async fn expect(stream: &mut TcpStream, expected: &[u8]) -> std::io::Result<()> {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await?;
    assert_eq!(
        bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    Ok(())
}

#[test]
fn what_was_said_before_the_office_was_handed_over_is_heard() {
    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    const INCR: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n";
    alone(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let first = Route {
            primary: Some(listener.local_addr()?),
            tenure: 1,
            gate: Gate::Open,
            ..Route::default()
        };
        let (route, published) = watch::channel(first);
        let counters = Arc::new(Counters::default());
        let settings = Settings::default();
        let room = Rc::new(Room::new(settings, Clock::start(), counters, published));
        let (mut client, down) = pair().await?;
        let peer = down.peer_addr()?;
        spawn_local(Client::new(down, Rc::clone(&room)).serve(peer));
        client.write_all(INCR).await?;
        let mut server = listener.accept().await?.0;
        expect(&mut server, PING).await?;
        server.write_all(b"+PONG\r\n").await?;
        expect(&mut server, INCR).await?;

        // Nobody looks at sockets between the reply and the next tenure.
        assert_eq!(server.try_write(b":7\r\n")?, 4);
        drop(server);
        route.send_replace(Route {
            tenure: 2,
            handed_over: true,
            ..first
        });
        expect(&mut client, b":7\r\n").await
    });
}
