//! Writes at a steady pace, and tells one line of JSON for every write.
//!
//! Used as `PROGRAM ADDRESSES GROUP EVERY_MS`. The addresses are those of Sentinels, or the one of a
//! proxy. Ends when standard input does, and after two minutes.

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

/// What the program was told to do.
pub struct Pace {
    pub addresses: Vec<String>,
    pub group: String,
    every: Duration,
}

impl Pace {
    /// Reads the arguments, and tells which version of the library this is.
    pub fn begin() -> Self {
        let mut arguments = env::args().skip(1);
        let mut argument = || arguments.next().expect("ADDRESSES GROUP EVERY_MS");
        let (addresses, group, every) = (argument(), argument(), argument());
        let version = MANIFEST
            .split("\"=")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        tell(&json!({ "library": "redis-rs", "version": version }));
        Self {
            addresses: addresses.split(',').map(str::to_owned).collect(),
            group,
            every: Duration::from_millis(every.parse().expect("EVERY_MS is a number")),
        }
    }

    /// Awaits `write` until the end.
    pub async fn run(self, mut write: impl AsyncFnMut() -> RedisResult<isize>) {
        let mut ended = end_of_input();
        let start = Instant::now();
        let mut next = start;
        for n in 1_u64.. {
            let begun = Instant::now();
            let written = write().await;
            let now = Instant::now();
            let milliseconds = |since: Instant| (now - since).as_secs_f64() * 1000.0;
            let mut line =
                json!({ "n": n, "at_ms": milliseconds(start), "ms": milliseconds(begun) });
            line["ok"] = written.is_ok().into();
            match written {
                Ok(counter) => line["counter"] = counter.into(),
                Err(error) => line["error"] = error.to_string().into(),
            }
            tell(&line);
            next = now.max(next + self.every);
            let is_over = timeout(next - now, ended.recv()).await.is_ok();
            if is_over || start.elapsed() > LONGEST_RUN {
                break;
            }
        }
    }
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
