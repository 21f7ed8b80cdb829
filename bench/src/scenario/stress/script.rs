//! A script that holds the server: three seconds in which it does nothing else, below the five after
//! which it would say that it is busy.

use std::time::{Duration, Instant};

use redis_cluster_monitor::local::{self, Client};

use super::Stage;
use crate::stop;

const SCRIPT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_secs(1);

/// Longer than any script.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs for as many microseconds as its argument says, by the server's clock.
const BUSY: &str = "\
    local function now() \
        local time = redis.call('TIME') \
        return time[1] * 1000000 + time[2] \
    end \
    local stop = now() + ARGV[1] \
    while now() < stop do end \
    return 1";

pub(super) fn apply(stage: &Stage, window: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + window;
    while Instant::now() < end {
        let mut client = Client::connect(stage.watch.addresses()[0], CLIENT_TIMEOUT)?;
        // Who was replaced meanwhile ends the connection without an answer; that is counted elsewhere.
        if let Err(local::Error::Refused { text, .. }) = busy(&mut client, SCRIPT) {
            anyhow::bail!("the script failed: {text}");
        }
        stop::sleep(PAUSE)?;
    }
    Ok(())
}

/// Keeps the server busy.
pub(super) fn busy(client: &mut Client, time: Duration) -> Result<(), local::Error> {
    let microseconds = time.as_micros().to_string();
    client.text(&["EVAL", BUSY, "0", &microseconds]).map(drop)
}
