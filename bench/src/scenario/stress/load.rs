//! Many clients whose commands take long: whoever asks the server waits for all of them.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use redis_cluster_monitor::local::Client;

use super::Stage;
use super::script::busy;
use crate::stop;

/// A question waits for one command of each of them: half a second.
const CLIENTS: usize = 20;
const COMMAND: Duration = Duration::from_millis(25);

const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn apply(stage: &Stage, window: Duration) -> anyhow::Result<()> {
    let address = stage.watch.addresses()[0];
    let end = Instant::now() + window;
    let load = || -> anyhow::Result<()> {
        while Instant::now() < end && stop::check().is_ok() {
            let mut client = Client::connect(address, CLIENT_TIMEOUT)?;
            // A primary that was replaced ends its connections, and the load goes on all the same.
            while Instant::now() < end && busy(&mut client, COMMAND).is_ok() {
                stop::check()?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(load)).collect();
        for client in clients {
            client.join().ok().context("a client panicked")??;
        }
        Ok(())
    })
}
