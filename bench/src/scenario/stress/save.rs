//! A large data set is saved again and again while it changes, so that pages are copied.

use std::time::{Duration, Instant};

use redis_cluster_monitor::local::Client;

use super::Stage;
use crate::scenario::stage::VALUE;
use crate::stop;

const CLIENT_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn apply(stage: &Stage, heap: usize, window: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + window;
    let mut client = Client::connect(stage.watch.addresses()[0], CLIENT_TIMEOUT)?;
    let value = vec![b'y'; VALUE];
    let mut number = 0;
    while Instant::now() < end {
        stop::check()?;
        // An error means that a child saves already.
        client.command(&["BGSAVE"])?;
        for _ in 0..16 {
            number = (number + 1) % (heap / VALUE).max(1);
            client.command(&[b"SET", format!("fill:{number}").as_bytes(), &value])?;
        }
    }
    Ok(())
}
