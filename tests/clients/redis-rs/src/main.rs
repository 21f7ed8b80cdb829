//! Writes at a steady pace, and tells one line of JSON for every write.
//!
//! Used as `PROGRAM SENTINELS GROUP EVERY_MS`. Ends when standard input does, and after two minutes.

use std::env;
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use redis::RedisResult;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::timeout;

/// Names the library with its version.
const MANIFEST: &str = include_str!("../Cargo.toml");
const LONGEST_RUN: Duration = Duration::from_secs(120);

// docs: begin
use redis::AsyncTypedCommands;
use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};

struct Primary {
    client: SentinelClient,
    connection: Option<MultiplexedConnection>,
}

impl Primary {
    /// Sentinels are URLs as `redis://127.0.0.1:26379`.
    fn new(sentinels: Vec<String>, group: String) -> RedisResult<Self> {
        let role = SentinelServerType::Master;
        let client = SentinelClient::build(sentinels, group, None, role)?;
        Ok(Self {
            client,
            connection: None,
        })
    }

    async fn increment(&mut self, key: &str) -> RedisResult<isize> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.client.get_async_connection().await?,
        };
        let counter = connection.incr(key, 1).await?;
        // A connection keeps the address that it was made with: after an error another one is needed.
        self.connection = Some(connection);
        Ok(counter)
    }
}
// docs: end

#[tokio::main(flavor = "current_thread")]
async fn main() -> RedisResult<()> {
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().expect("SENTINELS GROUP EVERY_MS");
    let (sentinels, group, every) = (argument(), argument(), argument());
    let sentinels = sentinels
        .split(',')
        .map(|address| format!("redis://{address}"));
    let every = Duration::from_millis(every.parse().expect("EVERY_MS is a number"));
    let version = MANIFEST
        .split("\"=")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    tell(&json!({ "library": "redis-rs", "version": version }));

    let mut primary = Primary::new(sentinels.collect(), group)?;
    let mut ended = end_of_input();
    let start = Instant::now();
    let mut next = start;
    for n in 1_u64.. {
        let begun = Instant::now();
        let written = primary.increment("counter").await;
        let now = Instant::now();
        let milliseconds = |since: Instant| (now - since).as_secs_f64() * 1000.0;
        let mut line = json!({ "n": n, "at_ms": milliseconds(start), "ms": milliseconds(begun) });
        line["ok"] = written.is_ok().into();
        match written {
            Ok(counter) => line["counter"] = counter.into(),
            Err(error) => line["error"] = error.to_string().into(),
        }
        tell(&line);
        next = now.max(next + every);
        let is_over = timeout(next - now, ended.recv()).await.is_ok();
        if is_over || start.elapsed() > LONGEST_RUN {
            break;
        }
    }
    Ok(())
}

/// Is closed when standard input ends.
fn end_of_input() -> Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        // An error is an end as well.
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        drop(sender);
    });
    receiver
}

fn tell(line: &Value) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: there is nothing left to do.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
