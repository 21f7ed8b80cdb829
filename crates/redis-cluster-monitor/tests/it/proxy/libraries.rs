//! Client libraries that know nothing but the address of the proxy, as they are without any option.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rcm_core::rule::Stage;
use redis_cluster_monitor::config::{Indeterminate, Proxy as Settings};
use redis_cluster_monitor::local::{Library, Version, Writing, wait_for};
use rustix::process::Signal;

use super::Wire;
use super::late::{Round, until_played};
use super::two::Two;
use crate::eyes;
use crate::monitor::{Monitor, Result, SOON, Watched, builder, check};

const WRITE_EVERY: Duration = Duration::from_millis(10);
/// Between two faults everything is in order.
const UNDISTURBED: usize = 10;
const ROUNDS: usize = 10;

/// The least patient library waits for a reply for half a second, and the way there is part of it.
const PATIENCE_MS: f64 = 300.0;

/// Whether writes may have had to wait for longer than every library does.
fn kept_writes_waiting(monitor: &Monitor) -> bool {
    let switched = monitor.told("primary-switched");
    let mut waited = switched.iter().filter_map(|it| it["after_ms"].as_f64());
    let is_given_up = !monitor.told("switchover-aborted").is_empty();
    is_given_up || waited.any(|waited| waited > PATIENCE_MS)
}

/// Those that know one address.
fn plain() -> impl Iterator<Item = Library> {
    let all = Library::ALL.into_iter();
    all.filter(|library| library.plain_program().is_some())
}

/// A group behind the program's own proxy, and every library writing through it.
struct Crowd {
    watched: Watched,
    proxy: SocketAddr,
    writing: Vec<(Library, Writing)>,
    primary: usize,
    /// The proxy, if it is a process of its own.
    beside: Option<Monitor>,
}

/// A proxy of its own that has notices.
fn notifying(watched: &Watched, address: &str) -> Result<Monitor> {
    let sentinel = watched.monitor.sentinel()?.to_string();
    let words = [
        "--monitors",
        &sentinel,
        "--listen",
        address,
        "--notifications",
        // Whoever moves does so in the middle of it, and needs time for that.
        "--drain-within",
        "12s",
    ];
    Ok(watched.state.proxy(&words))
}

impl Crowd {
    fn start() -> Result<Self> {
        let options = ["--proxy", "127.0.0.1:0", "--sentinel", "127.0.0.1:0"];
        let watched = Watched::with(&builder(Version::System)?, &options)?;
        let proxy = watched.monitor.proxy()?;
        let start = |library| Ok((library, Writing::through(library, proxy, WRITE_EVERY)?));
        let writing = plain().map(start).collect::<Result<_>>()?;
        let mut crowd = Self {
            watched,
            proxy,
            writing,
            primary: 0,
            beside: None,
        };
        crowd.writes_on()?;
        Ok(crowd)
    }

    /// Those that ask for notices, behind a proxy of its own that has them.
    fn notified() -> Result<Self> {
        let options = ["--sentinel", "127.0.0.1:0"];
        let watched = Watched::with(&builder(Version::System)?, &options)?;
        let beside = notifying(&watched, "127.0.0.1:0")?;
        let proxy = beside.proxy()?;
        let start = |(library, program)| {
            let writing = Writing::with(library, program, proxy, WRITE_EVERY)?;
            Ok((library, writing))
        };
        let programs = [
            (Library::NodeRedis, "node-redis/notified.mjs"),
            (Library::RedisPy, "redis-py/moving.py"),
        ];
        let mut crowd = Self {
            watched,
            proxy,
            writing: programs.map(start).into_iter().collect::<Result<_>>()?,
            primary: 0,
            beside: Some(beside),
        };
        crowd.writes_on()?;
        Ok(crowd)
    }

    fn writes_on(&mut self) -> Result {
        for (_, writing) in &mut self.writing {
            let written = writing.wait_for_acknowledged(UNDISTURBED, SOON);
            self.watched.monitor.explain(written)?;
        }
        Ok(())
    }

    /// Takes the office from the primary, and waits until its heir has two replicas.
    fn switch_over(&mut self) -> Result {
        self.primary = self.watched.switch_over()?;
        self.watched.wait_until_followed(self.primary)
    }

    fn crash(&mut self) -> Result {
        let lost = self.primary;
        self.watched.node(lost).kill();
        self.primary = self.watched.wait_for_heir(lost)?;
        self.writes_on()?;
        self.watched.node(lost).restart()?;
        self.watched.wait_until_followed(self.primary)
    }
}

#[test]
fn libraries_see_no_error_in_ten_switchovers() {
    eyes::check(until_played(async || ten_switchovers()));
}

fn ten_switchovers() -> Result<Round> {
    let mut crowd = Crowd::start()?;
    for _ in 0..ROUNDS {
        crowd.switch_over()?;
        crowd.writes_on()?;
    }
    let monitor = &crowd.watched.monitor;
    if monitor.found_replies_late() || kept_writes_waiting(monitor) {
        return Ok(Round::Void);
    }
    let mut acknowledged = 0;
    for (library, writing) in crowd.writing {
        let account = writing.finish()?;
        let errors: Vec<_> = account
            .writes
            .iter()
            .filter_map(|it| it.error.as_ref())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", library.name());
        acknowledged += account.writes.len();
    }
    // Each of them was executed once.
    let counter = crowd.watched.get(crowd.primary, "counter")?;
    assert_eq!(counter, acknowledged.to_string());
    Ok(Round::Played)
}

#[test]
fn libraries_write_on_through_ten_crashes() {
    check((|| {
        let mut crowd = Crowd::start()?;
        let mut idle = Wire::connect(crowd.proxy);
        assert_eq!(idle.ask("CLIENT SETNAME idle"), "OK");
        for _ in 0..ROUNDS {
            crowd.crash()?;
        }
        assert_eq!(idle.ask("CLIENT GETNAME"), "idle");
        for (library, writing) in crowd.writing {
            // A crash catches one write of each at the most.
            let failed = writing.finish()?.failed();
            assert!(failed <= ROUNDS, "{}: {failed} failed", library.name());
        }
        Ok(())
    })());
}

#[test]
fn libraries_with_notices_write_on_through_ten_switchovers_and_ten_crashes() {
    check((|| {
        let mut crowd = Crowd::notified()?;
        for _ in 0..ROUNDS {
            crowd.switch_over()?;
            crowd.writes_on()?;
        }
        for _ in 0..ROUNDS {
            crowd.crash()?;
        }
        for (library, writing) in crowd.writing {
            // A switchover catches none, and a crash one at the most.
            let failed = writing.finish()?.failed();
            assert!(failed <= ROUNDS, "{}: {failed} failed", library.name());
        }
        Ok(())
    })());
}

#[test]
fn libraries_with_notices_move_to_the_next_proxy_without_an_error() {
    check((|| {
        let mut crowd = Crowd::notified()?;
        let first = crowd.beside.take().expect("it was started");
        let address = crowd.proxy.to_string();
        first.signal(Signal::TERM);
        wait_for(SOON, "the address", || {
            TcpStream::connect(&address).is_err()
        })?;
        let next = notifying(&crowd.watched, &address)?;
        next.proxy()?;
        let (code, log) = first.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("cut off"), "{log}");
        crowd.writes_on()?;
        let mut acknowledged = 0;
        for (library, writing) in crowd.writing {
            let account = writing.finish()?;
            assert_eq!(account.failed(), 0, "{}", library.name());
            acknowledged += account.writes.len();
        }
        let counter = crowd.watched.get(crowd.primary, "counter")?;
        assert_eq!(counter, acknowledged.to_string());
        Ok(())
    })());
}

/// A generator that ends at the first error; it ends with the value.
struct Load(Child);

impl Load {
    fn start(proxy: SocketAddr) -> Self {
        // Far more than there is time for, and yet a bound.
        let words = "-q -c 8 -P 4 -n 1000000000 INCR counted";
        let start = |program: &&str| {
            let mut load = Command::new(program);
            load.args(["-h", &proxy.ip().to_string()])
                .args(["-p", &proxy.port().to_string()])
                .args(words.split(' '))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            load.spawn().ok()
        };
        let load = ["redis-benchmark", "valkey-benchmark"]
            .iter()
            .find_map(start);
        Self(load.expect("one of them comes with the system's server"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_load_of_pipelines_sees_no_error_in_ten_switchovers() {
    eyes::check(until_played(async || ten_switchovers_under_load()));
}

fn ten_switchovers_under_load() -> Result<Round> {
    let mut crowd = Crowd::start()?;
    let mut load = Load::start(crowd.proxy);
    let counted = |crowd: &Crowd| {
        let counted = crowd.watched.get(crowd.primary, "counted").ok()?;
        counted.parse::<u64>().ok()
    };
    for _ in 0..ROUNDS {
        let before = counted(&crowd).unwrap_or(0);
        let counting = wait_for(SOON, "a load", || counted(&crowd) > Some(before + 1000));
        crowd.watched.monitor.explain(counting)?;
        crowd.switch_over()?;
        if crowd.watched.monitor.found_replies_late() {
            return Ok(Round::Void);
        }
    }
    assert!(load.0.try_wait().unwrap().is_none(), "it met an error");
    Ok(Round::Played)
}

#[test]
fn an_unanswered_write_becomes_what_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/proxy.md");
    let page = fs::read_to_string(page).unwrap();
    for library in plain() {
        check((|| {
            let disconnected = unanswered(library, Indeterminate::Disconnect)?;
            let habit = if disconnected.errors.is_empty() {
                "repeats it"
            } else {
                "gives an error"
            };
            let row = format!("| {} | {habit} |", library.name());
            assert!(page.contains(&row), "no row {row}: {disconnected:?}");
            let told = unanswered(library, Indeterminate::Error)?;
            let is_told = |error: &String| error.contains("UNKNOWNOUTCOME");
            let all_told = !told.errors.is_empty() && told.errors.iter().all(is_told);
            assert!(all_told, "{}: {told:?}", library.name());
            assert_eq!(told.connections, 1, "{}", library.name());
            Ok(())
        })());
    }
}

#[test]
fn a_library_that_is_told_of_a_failover_has_more_patience() {
    check((|| {
        let settings = Settings {
            notifications: true,
            ..Settings::default()
        };
        let two = Two::start(&settings)?;
        let mut program = Library::RedisPy.run("redis-py/notified.py")?;
        program.arg(two.proxy().address().to_string());
        let mut program = Talk::with(program);
        assert_eq!(program.line(), "connected");
        two.plan(Stage::Sealing);
        program.say("go on");
        assert_eq!(program.line(), "without notices: gave up");
        two.switch();
        assert_eq!(program.line(), "with notices: 1");
        Ok(())
    })());
}

/// A program that is spoken with, line by line; it ends with the value.
struct Talk {
    child: Child,
    out: std::io::Lines<BufReader<ChildStdout>>,
}

impl Talk {
    fn with(mut program: Command) -> Self {
        let program = program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, out }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn line(&mut self) -> String {
        self.out.next().expect("it has ended").unwrap()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What came of unanswered writes.
#[derive(Debug)]
struct Outcome {
    /// The application's.
    errors: Vec<String>,
    connections: u64,
}

fn unanswered(library: Library, indeterminate: Indeterminate) -> Result<Outcome> {
    let settings = Settings {
        indeterminate,
        ..Settings::default()
    };
    let mut two = Two::start(&settings)?;
    // One write after the other, so that one is always on its way.
    let mut writing = Writing::through(library, two.proxy().address(), Duration::ZERO)?;
    writing.wait_for_acknowledged(UNDISTURBED, SOON)?;
    two.catch_one()?;
    writing.wait_for_acknowledged(UNDISTURBED, SOON)?;
    let writes = writing.finish()?.writes;
    Ok(Outcome {
        errors: writes.into_iter().filter_map(|it| it.error).collect(),
        connections: two.proxy().counters().accepted.get(),
    })
}
