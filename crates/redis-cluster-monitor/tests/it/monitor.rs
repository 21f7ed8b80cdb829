//! The program as a user runs it, and what it tells.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use redis_cluster_monitor::local::{
    Binary, Builder, Client, Error, Group, Server, Version, wait_for,
};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

/// Longer than anything takes on a machine with many tests at once.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// So often a switchover is asked for at most, until it goes as planned: a primary that is silent for
/// a moment, as on a busy machine, is a reason to give up.
pub(crate) const ATTEMPTS: usize = 20;

/// A running monitor; it ends with the value.
pub(crate) struct Monitor {
    process: Child,
    log: PathBuf,
}

/// The state folder of a monitor, kept over its restarts.
pub(crate) struct State {
    folder: TempDir,
    starts: std::cell::Cell<u32>,
    environment: Vec<(&'static str, PathBuf)>,
}

impl State {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            starts: 0.into(),
            environment: Vec::new(),
        }
    }

    /// Sets a variable for every start.
    pub(crate) fn with_variable(mut self, name: &'static str, value: PathBuf) -> Self {
        self.environment.push((name, value));
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts the program with the nodes' addresses and these options.
    pub(crate) fn monitor(&self, nodes: &[SocketAddr], options: &[&str]) -> Monitor {
        let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        let mut words: Vec<&str> = options.to_vec();
        words.extend(nodes.iter().map(String::as_str));
        self.program(&words)
    }

    /// Starts the program with these words after its usual options.
    pub(crate) fn program(&self, words: &[&str]) -> Monitor {
        self.start(&[], &self.usual(), words)
    }

    /// Starts the program with a subcommand and its words.
    pub(crate) fn subcommand(&self, words: &[&str]) -> Monitor {
        self.start(&words[..1], &self.usual(), &words[1..])
    }

    /// Starts a proxy beside an application.
    pub(crate) fn proxy(&self, words: &[&str]) -> Monitor {
        self.start(&["proxy"], &[], words)
    }

    /// What every monitor needs.
    fn usual(&self) -> [String; 2] {
        ["--state-dir".to_owned(), self.path().display().to_string()]
    }

    fn start(&self, subcommand: &[&str], usual: &[String], words: &[&str]) -> Monitor {
        let start = self.starts.replace(self.starts.get() + 1);
        let log = self.folder.path().join(format!("log.{start}"));
        let process = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"))
            .args(subcommand)
            .args(usual)
            .args(["--log-format", "json"])
            .args(words)
            .env_remove("RCM_PASSWORD")
            // Monitors run side by side; a test that wants a door gives the option.
            .env("RCM_SENTINEL", "off")
            .env("RCM_HTTP", "off")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Monitor { process, log }
    }
}

impl Monitor {
    /// Every line it has logged.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// The lines with this code.
    pub(crate) fn told(&self, code: &str) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line["code"] == code)
            .collect()
    }

    /// Where its Sentinel API listens.
    pub(crate) fn sentinel(&self) -> Result<SocketAddr> {
        self.listens("the Sentinel API listens")
    }

    /// Where it serves HTTP.
    pub(crate) fn http(&self) -> Result<SocketAddr> {
        self.listens("HTTP listens")
    }

    /// The address that it logged with this message.
    fn listens(&self, message: &str) -> Result<SocketAddr> {
        self.find(message, |line| {
            let address = line["address"].as_str()?.parse().ok();
            address.filter(|_| line["message"] == message)
        })
    }

    /// Where its proxy listens.
    pub(crate) fn proxy(&self) -> Result<SocketAddr> {
        self.find("the address of the proxy", |line| {
            let message = line["message"].as_str()?;
            message.strip_prefix("proxy: listening on ")?.parse().ok()
        })
    }

    /// Where its proxy to replicas listens.
    pub(crate) fn proxy_to_replicas(&self) -> Result<SocketAddr> {
        self.find("the address for readers", |line| {
            let message = line["message"].as_str()?;
            let address = message.strip_prefix("proxy to replicas: listening on ")?;
            address.parse().ok()
        })
    }

    /// What is found in a line of the log, as soon as there is such a line.
    pub(crate) fn find<T>(&self, what: &str, seek: impl Fn(&Value) -> Option<T>) -> Result<T> {
        let mut found = None;
        let told = wait_for(SOON, what, || {
            found = self.lines().iter().find_map(&seek);
            found.is_some()
        });
        self.explain(told)?;
        Ok(found.unwrap())
    }

    /// Waits until it has told something.
    pub(crate) fn wait_for(&self, code: &str) -> Result<Value> {
        self.wait_for_nth(code, 1)
    }

    pub(crate) fn wait_for_nth(&self, code: &str, nth: usize) -> Result<Value> {
        let reached = wait_for(SOON, code, || self.told(code).len() >= nth);
        self.explain(reached)?;
        Ok(self.told(code).swap_remove(nth - 1))
    }

    /// Shows the log with what went wrong.
    pub(crate) fn explain<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            eprintln!("{}", fs::read_to_string(&self.log).unwrap());
        }
        result
    }

    /// The most memory that it has used, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    pub(crate) fn kill(mut self) {
        self.stop();
    }

    /// Kills it; what it logged is still there.
    pub(crate) fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.process.wait().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut status = None;
        let ended = wait_for(SOON, "the end of the monitor", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        self.explain(ended).unwrap();
        (
            status.unwrap().code(),
            fs::read_to_string(&self.log).unwrap(),
        )
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A group that is watched.
pub(crate) struct Watched {
    pub(crate) group: Group,
    pub(crate) state: State,
    pub(crate) monitor: Monitor,
}

impl Watched {
    pub(crate) fn start(version: Version) -> Result<Self> {
        Self::with(&builder(version)?, &[])
    }

    pub(crate) fn with(settings: &Builder, options: &[&str]) -> Result<Self> {
        let group = Group::start(settings, 2)?;
        let state = State::new();
        let monitor = state.monitor(&group.addresses(), options);
        let watched = Self {
            group,
            state,
            monitor,
        };
        watched.monitor.wait_for("primary-adopted")?;
        watched.wait_until_whole(0)?;
        Ok(watched)
    }

    pub(crate) fn node(&mut self, number: usize) -> &mut Server {
        &mut self.group.nodes_mut()[number]
    }

    /// Which node says that it is a primary, if it is exactly one.
    pub(crate) fn primary(&self) -> Option<usize> {
        let primaries: Vec<usize> = (0..self.group.nodes().len())
            .filter(|&number| role(&self.group.nodes()[number]).as_deref() == Some("master"))
            .collect();
        match primaries.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Waits until a node other than `old` is the primary, and gives its number.
    pub(crate) fn wait_for_heir(&self, old: usize) -> Result<usize> {
        let others = (0..self.group.nodes().len()).filter(|&number| number != old);
        let mut heir = None;
        let found = wait_for(SOON, "a new primary", || {
            heir = others
                .clone()
                .find(|&number| role(&self.group.nodes()[number]).as_deref() == Some("master"));
            heir.is_some()
        });
        self.monitor.explain(found)?;
        Ok(heir.unwrap())
    }

    /// Asks the Sentinel API for another primary, and gives its number when it is in office. A server
    /// that is late makes the monitor give up, or go on otherwise than planned: then it is asked again.
    pub(crate) fn switch_over(&self) -> Result<usize> {
        let mut client = Client::connect(self.monitor.sentinel()?, SOON)?;
        let ends = || {
            let mut lines = self.monitor.lines();
            let codes = ["primary-switched", "switchover-aborted"];
            lines.retain(|line| codes.iter().any(|code| line["code"] == *code));
            lines
        };
        for _ in 0..ATTEMPTS {
            let before = ends().len();
            // Facts about the members may be on their way into the record.
            let begun = wait_for(SOON, "a failover on request", || {
                client.text(&["SENTINEL", "FAILOVER", "mymaster"]).is_ok()
            });
            self.monitor.explain(begun)?;
            let ended = wait_for(SOON, "the end of the switchover", || ends().len() > before);
            self.monitor.explain(ended)?;
            let end = ends().swap_remove(before);
            if end["planned"] == true {
                let mut addresses = self.group.addresses().into_iter();
                let heir = addresses.position(|it| end["to"] == it.to_string());
                return Ok(heir.unwrap());
            }
            let is_aborted = end["code"] == "switchover-aborted";
            let is_announced = is_aborted || !self.monitor.told("switchover-derailed").is_empty();
            assert!(is_announced, "{end}");
        }
        panic!("given up {ATTEMPTS} times")
    }

    /// Waits until every running node follows node number `primary`.
    pub(crate) fn wait_until_whole(&self, primary: usize) -> Result {
        self.monitor
            .explain(self.group.wait_until_in_step(primary, SOON))
    }

    /// Waits until every other node receives the stream of node number `primary`. Under a stream of
    /// writes they are hardly ever in step with it.
    pub(crate) fn wait_until_followed(&self, primary: usize) -> Result {
        let (primary, nodes) = (&self.group.nodes()[primary], self.group.nodes());
        let port = primary.port().to_string();
        let follows = |node: &Server| {
            let told = node.info("replication");
            told.is_ok_and(|it| {
                it.get("master_port") == Some(&port)
                    && it.get("master_link_status").is_some_and(|it| it == "up")
            })
        };
        let followed = wait_for(SOON, "replicas that follow", || {
            let mut others = nodes.iter().filter(|it| it.port() != primary.port());
            others.all(follows)
        });
        self.monitor.explain(followed)
    }

    pub(crate) fn set(&self, node: usize, key: &str, value: &str) -> Result {
        self.group.nodes()[node]
            .text(&["SET", key, value])
            .map(drop)
    }

    pub(crate) fn get(&self, node: usize, key: &str) -> Result<String> {
        self.group.nodes()[node].text(&["GET", key])
    }
}

pub(crate) fn builder(version: Version) -> Result<Builder> {
    Ok(Server::builder(&Binary::of(version)?))
}

fn role(server: &Server) -> Option<String> {
    server.pid()?;
    server.info("replication").ok()?.get("role").cloned()
}

/// Runs a test and shows the error as a person reads it.
pub(crate) fn check(result: Result) {
    if let Err(error) = result {
        panic!("{error}");
    }
}
