//! As many requests as clients can send that wait for nothing but their replies.
//!
//! The load is that of the benchmark that comes with servers: one thread, a known number of `SET`
//! and then of `GET`.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Demand, Ground, put_cpu};
use crate::raw::{Figure, Line};
use crate::stop;

const PROGRAMS: [&str; 2] = ["redis-benchmark", "valkey-benchmark"];
const DEADLINE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The commands that are measured.
const COMMANDS: [&str; 2] = ["SET", "GET"];

/// It ends with the value.
struct Generator(Child);

pub(super) fn measure(ground: &Ground, demand: Demand, line: &mut Line) -> anyhow::Result<()> {
    let requests = demand.requests();
    line.set("connections", demand.connections);
    line.set("pipeline", demand.pipeline);
    line.set("bytes", demand.bytes);
    line.set("requests", requests);
    let folder = tempfile::Builder::new().prefix("rcm-load-").tempdir()?;
    let path = folder.path().join("load.csv");
    let before = ground.usage()?;
    let mut generator = Generator::start(ground, demand, &File::create(&path)?)?;
    stop::wait_for(DEADLINE, LOOK_EVERY, "the end of the load", || {
        let ended = generator.0.try_wait()?;
        if let Some(status) = ended {
            ensure!(status.success(), "the load ended ({status})");
        }
        Ok(ended.is_some())
    })?;
    let all = 2 * requests;
    put_cpu(line, before, ground.usage()?, all);
    let text = std::fs::read_to_string(&path)?;
    let told = COMMANDS.map(|command| told(&text, command));
    let mut seconds = 0.0;
    let mut latencies = (0.0_f64, 0.0_f64);
    for (command, told) in COMMANDS.iter().zip(told) {
        let Told {
            per_second,
            p50,
            p99,
        } = told.with_context(|| format!("the load tells nothing of {command}:\n{text}"))?;
        seconds += f64::from(requests) / per_second;
        latencies = (latencies.0.max(p50), latencies.1.max(p99));
    }
    for (figure, value) in [
        (Figure::RequestsPerS, f64::from(all) / seconds),
        (Figure::LatencyP50Ms, latencies.0),
        (Figure::LatencyP99Ms, latencies.1),
    ] {
        line.figures.put(figure, value);
    }
    Ok(())
}

impl Demand {
    /// Of each command, enough for a second or so.
    fn requests(self) -> u32 {
        let once = if self.connections == 1 {
            10_000
        } else {
            40_000
        };
        let small = if self.bytes > 1024 { 1 } else { 4 };
        once * if self.pipeline > 1 { small } else { 1 }
    }
}

impl Generator {
    fn start(ground: &Ground, demand: Demand, out: &File) -> anyhow::Result<Self> {
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.args(["-h", &ground.address.ip().to_string()]);
            command.args(["-p", &ground.address.port().to_string()]);
            command.args(["-c", &demand.connections.to_string()]);
            command.args(["-P", &demand.pipeline.to_string()]);
            command.args(["-d", &demand.bytes.to_string()]);
            command.args(["-n", &demand.requests().to_string()]);
            command.args(["-r", "1000", "-t", "set,get", "--csv"]);
            let out = out.try_clone().ok()?;
            command
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(Stdio::null());
            command.spawn().ok()
        };
        let child = PROGRAMS.into_iter().find_map(start);
        let child = child.context("cannot run redis-benchmark; it comes with the server")?;
        Ok(Self(child))
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What is told of a command.
#[derive(Debug, PartialEq)]
struct Told {
    per_second: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
}

/// Reads `"SET","56818.18","0.447","0.088","0.431","0.711","0.967","3.551"`: requests per second,
/// then latencies: average, least, p50, p95, p99, longest.
fn told(text: &str, command: &str) -> Option<Told> {
    let mut rows = text
        .lines()
        .map(|row| row.split(',').map(|cell| cell.trim_matches('"')));
    let mut row = rows.find_map(|mut row| (row.next()? == command).then_some(row))?;
    let mut cell = |skipped| row.nth(skipped)?.parse().ok();
    Some(Told {
        per_second: cell(0)?,
        p50: cell(2)?,
        p99: cell(1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_load_is_read() {
        let text = "\"test\",\"rps\",\"avg_latency_ms\"\n\
                    \"SET\",\"100.5\",\"0.4\",\"0.1\",\"0.3\",\"0.7\",\"0.9\",\"3.5\"\n";
        let expected = Told {
            per_second: 100.5,
            p50: 0.3,
            p99: 0.9,
        };
        assert_eq!(told(text, "SET"), Some(expected));
        assert_eq!(told(text, "GET"), None);
    }
}
