use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_local;

use super::{Client, Up};
use crate::config::Proxy as Settings;
use crate::proxy::alone::{alone, expect, listen, pair, room};
use crate::proxy::route::{Gate, Route};

#[test]
fn another_primary_is_tried_at_once_however_long_the_last_one_was_tried() {
    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    const NEVER: Duration = Duration::from_secs(24 * 60 * 60);
    alone(async {
        let (past, next) = (listen().await?, listen().await?);
        let lost = Route {
            primary: Some(past.local_addr()?),
            tenure: 1,
            gate: Gate::Open,
            ..Route::default()
        };
        let settings = Settings {
            share: false,
            ..Settings::default()
        };
        let (room, route) = room(settings, lost);
        spawn_local(Rc::clone(&room).follow());
        let (mut near, down) = pair().await?;
        let peer = down.peer_addr()?;
        let mut client = Client::new(down, Rc::clone(&room));
        client.up = Up::Pausing {
            tenure: lost.tenure,
            until: room.clock.now() + NEVER,
            next: NEVER,
        };
        spawn_local(client.serve(peer));
        near.write_all(PING).await?;
        route.send_replace(Route {
            primary: Some(next.local_addr()?),
            tenure: 2,
            ..lost
        });
        let mut server = next.accept().await?.0;
        expect(&mut server, PING).await
    });
}
