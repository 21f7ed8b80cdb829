//! The program itself as a process, as a user starts it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::{Client, Error, Reply, port};

const TIMEOUT: Duration = Duration::from_secs(1);

/// What is done with each line that it logs.
pub type Hear = Arc<dyn Fn(&str) + Send + Sync>;

/// A monitor of one group. It may have been killed since; its state folder stays until the value is
/// dropped.
pub struct Monitor {
    command: Command,
    group: String,
    sentinel: SocketAddr,
    hear: Hear,
    process: Option<Process>,
    _folder: TempDir,
}

/// What a monitor says of the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Office {
    pub primary: SocketAddr,
    pub epoch: u64,
}

#[derive(Debug)]
struct Process {
    child: Child,
    hearing: JoinHandle<()>,
}

impl Monitor {
    /// Starts `program` for the group of these nodes. The records are in `store`, or else in its
    /// own folder; `hear` is given its log, as JSON, on a thread of its own.
    pub fn start(
        program: PathBuf,
        group: &str,
        nodes: &[SocketAddr],
        store: Option<&str>,
        hear: Hear,
    ) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("rcm-monitor-").tempdir();
        let folder = folder.map_err(|source| Error::Io {
            action: "create a folder in",
            path: std::env::temp_dir(),
            source,
        })?;
        let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let sentinel = SocketAddr::new(home, port::free(home));
        let mut command = Command::new(program);
        command
            .args(["--name", group, "--sentinel", &sentinel.to_string()])
            .args(["--http", "off", "--log-format", "json"])
            .args(store.into_iter().flat_map(|store| ["--store", store]))
            .arg("--state-dir")
            .arg(folder.path().join("state"))
            .args(nodes.iter().map(ToString::to_string))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut monitor = Self {
            command,
            group: group.to_owned(),
            sentinel,
            hear,
            process: None,
            _folder: folder,
        };
        monitor.restart()?;
        Ok(monitor)
    }

    /// Where its Sentinel API is.
    pub fn sentinel(&self) -> SocketAddr {
        self.sentinel
    }

    /// SIGKILL. Returns when all that it logged was heard.
    pub fn kill(&mut self) {
        if let Some(Process { mut child, hearing }) = self.process.take() {
            // Both fail only for a process that is gone already.
            child.kill().ok();
            child.wait().ok();
            // It ends with the log, and what it could say was heard.
            drop(hearing.join());
        }
    }

    /// Starts it again, with what it had stored.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.kill();
        let mut child = self.command.spawn().map_err(|source| Error::Io {
            action: "start",
            path: self.command.get_program().into(),
            source,
        })?;
        let hear = Arc::clone(&self.hear);
        let log = child.stderr.take();
        let hearing = thread::spawn(move || {
            if let Some(log) = log {
                listen(log, hear.as_ref());
            }
        });
        self.process = Some(Process { child, hearing });
        Ok(())
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        let child = self.process.as_mut().map(|process| &mut process.child);
        child.is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Whom it calls the primary; an error while it knows of none.
    pub fn office(&self) -> Result<Office, Error> {
        let said = map(self.ask("MASTER")?);
        let field = |name: &str| said.get(name).map(String::as_str).unwrap_or_default();
        let primary = format!("{}:{}", field("ip"), field("port"));
        match (primary.parse(), field("config-epoch").parse()) {
            (Ok(primary), Ok(epoch)) => Ok(Office { primary, epoch }),
            _ => Err(Error::Unexpected {
                command: "SENTINEL MASTER".to_owned(),
                reply: format!("{said:?}"),
            }),
        }
    }

    /// Whether it sees a primary, so many replicas in its stream, and so many monitors.
    pub fn sees_all(&self, replicas: usize, monitors: usize) -> Result<bool, Error> {
        let primary = map(self.ask("MASTER")?);
        let Reply::Array(seen) = self.ask("REPLICAS")? else {
            return Ok(false);
        };
        let in_stream = seen.into_iter().map(map).filter(|replica| {
            let is = |field: &str, value: &str| replica.get(field).is_some_and(|it| it == value);
            is("flags", "slave")
                && is("master-link-status", "ok")
                && replica.get("master-port") == primary.get("port")
        });
        let usable = format!("OK {monitors} usable ");
        Ok(primary.get("flags").is_some_and(|flags| flags == "master")
            && in_stream.count() == replicas
            && self.ask("CKQUORUM")?.to_string().starts_with(&usable))
    }

    fn ask(&self, question: &str) -> Result<Reply, Error> {
        let mut client = Client::connect(self.sentinel, TIMEOUT)?;
        client.command(&["SENTINEL", question, &self.group])
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Monitor");
        out.field("sentinel", &self.sentinel);
        out.field("process", &self.process).finish_non_exhaustive()
    }
}

/// Whom a Sentinel API calls the primary of a group.
pub fn primary_of(sentinel: SocketAddr, group: &str, timeout: Duration) -> Option<SocketAddr> {
    let mut client = Client::connect(sentinel, timeout).ok()?;
    let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", group];
    let Reply::Array(answer) = client.command(&question).ok()? else {
        return None;
    };
    let [ip, port] = answer.as_slice() else {
        return None;
    };
    format!("{ip}:{port}").parse().ok()
}

fn listen(log: ChildStderr, hear: &(dyn Fn(&str) + Send + Sync)) {
    let lines = BufReader::new(log).lines();
    lines.map_while(Result::ok).for_each(|line| hear(&line));
}

/// Names and values in turn.
fn map(reply: Reply) -> BTreeMap<String, String> {
    let Reply::Array(words) = reply else {
        return BTreeMap::new();
    };
    let words: Vec<_> = words.iter().map(ToString::to_string).collect();
    let pairs = words.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}
