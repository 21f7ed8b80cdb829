use std::rc::Rc;

use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_local;

use crate::config::Proxy as Settings;
use crate::proxy::alone::{alone, expect, listen, pair, room};
use crate::proxy::client::Client;
use crate::proxy::route::{Gate, Route};

#[test]
fn what_was_said_before_the_office_was_handed_over_is_heard() {
    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    const INCR: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n";
    alone(async {
        let listener = listen().await?;
        let first = Route {
            primary: Some(listener.local_addr()?),
            tenure: 1,
            gate: Gate::Open,
            ..Route::default()
        };
        let (room, route) = room(Settings::default(), first);
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
