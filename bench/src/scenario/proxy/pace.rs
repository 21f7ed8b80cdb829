//! Latency at a rate that leaves everybody time: a few clients, each with a request every so often.
//!
//! A wait counts from when its request was to be sent if the reply before it was late, and else from
//! when it was sent: a timer that is late is not the proxy's.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use redis_cluster_monitor::local::{Client, Reply};

use super::{Ground, put_cpu};
use crate::raw::{Figure, Line};
use crate::sample::Sample;
use crate::stop;

const CLIENTS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(5);
const VALUE: [u8; 64] = [b'v'; 64];

pub(super) fn measure(
    ground: &Ground,
    per_second: u32,
    window: Duration,
    line: &mut Line,
) -> anyhow::Result<()> {
    line.set("per-second", per_second);
    line.set("connections", CLIENTS);
    line.set("window", humantime::format_duration(window));
    let every = Duration::from_secs(1) * CLIENTS / per_second;
    let address = ground.address;
    let before = ground.usage()?;
    let waits = thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|number| {
                // They do not all send at once.
                let first = every * number / CLIENTS;
                scope.spawn(move || ask(address, first, every, window))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| {
            let joined = thread.join().ok().context("a client of the load panicked");
            joined.and_then(|waits| waits)
        });
        joined.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let waits = waits.concat();
    put_cpu(line, before, ground.usage()?, u32::try_from(waits.len())?);
    let waits = Sample::new(waits).context("nothing was asked")?;
    for (figure, permille) in [
        (Figure::LatencyP50Ms, 500),
        (Figure::LatencyP99Ms, 990),
        (Figure::LatencyP999Ms, 999),
    ] {
        line.figures.put(figure, waits.permille(permille));
    }
    Ok(())
}

/// The waits of one client, in milliseconds.
fn ask(
    address: SocketAddr,
    first: Duration,
    every: Duration,
    window: Duration,
) -> anyhow::Result<Vec<f64>> {
    let mut client = Client::connect(address, PATIENCE)?;
    client.command(&["GET", "key"])?;
    let end = Instant::now() + window;
    let mut due = Instant::now() + first;
    let mut waits = Vec::new();
    while due < end {
        stop::check()?;
        let left = due.saturating_duration_since(Instant::now());
        let from = if left.is_zero() {
            due
        } else {
            thread::sleep(left);
            Instant::now()
        };
        let reply = client.command(&[&b"SET"[..], b"key", &VALUE])?;
        ensure!(reply == Reply::Simple("OK".into()), "SET: {reply}");
        waits.push(from.elapsed().as_secs_f64() * 1000.0);
        due += every;
    }
    Ok(waits)
}
