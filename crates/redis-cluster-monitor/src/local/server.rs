//! One server process, from its settings to its end.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;

use super::{Binary, Builder, Client, Error, Reply, try_for};

const START_DEADLINE: Duration = Duration::from_secs(10);
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

const LOG: &str = "server.log";
const CONFIG: &str = "redis.conf";

/// A server that was started here. It may have been killed since; its port, its settings and its
/// folder stay until it is dropped, and then nothing of it is left.
#[derive(Debug)]
pub struct Server {
    settings: Builder,
    address: SocketAddr,
    folder: TempDir,
    child: Option<Child>,
}

impl Server {
    pub fn builder(binary: &Binary) -> Builder {
        Builder::new(binary)
    }

    /// A server with the default settings.
    pub fn start(binary: &Binary) -> Result<Self, Error> {
        Self::builder(binary).start()
    }

    pub(super) fn launch(settings: Builder, address: SocketAddr) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("rcm-")
            .tempdir()
            .map_err(cannot("create a folder in", &env::temp_dir()))?;
        let mut server = Self {
            settings,
            address,
            folder,
            child: None,
        };
        server.run()?;
        Ok(server)
    }

    /// Where clients reach it: loopback if it listens everywhere.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The process, unless it was stopped from here.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The working folder; it stays over restarts.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the configuration file is if there is one.
    pub fn config_file(&self) -> PathBuf {
        self.folder().join(CONFIG)
    }

    /// A paused process is running.
    pub fn is_running(&mut self) -> bool {
        if let Some(child) = &mut self.child
            && let Ok(None) = child.try_wait()
        {
            return true;
        }
        self.child = None;
        false
    }

    /// The last `lines` of its log, over all restarts.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = fs::read(self.folder().join(LOG)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let all: Vec<_> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// A new connection, authenticated if there is a password.
    pub fn client(&self) -> Result<Client, Error> {
        let mut client = Client::connect(self.address, CLIENT_TIMEOUT)?;
        if let Some(password) = &self.settings.password {
            client.text(&["AUTH", password])?;
        }
        Ok(client)
    }

    /// One command over a new connection; see [`Client::text`].
    pub fn text(&self, words: &[impl AsRef<[u8]>]) -> Result<String, Error> {
        self.client()?.text(words)
    }

    /// The fields of one section of INFO.
    pub fn info(&self, section: &str) -> Result<BTreeMap<String, String>, Error> {
        let info = self.text(&["INFO", section])?;
        let fields = info.lines().filter_map(|line| line.split_once(':'));
        Ok(fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }

    /// SIGKILL: no goodbye. Nothing happens if it is not running.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only for a process that is gone already.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// SIGTERM: the server saves what it was told to save, says goodbye and exits.
    pub fn terminate(&mut self) -> Result<(), Error> {
        self.signal(Signal::TERM)?;
        let what = format!("server {} exiting after SIGTERM", self.address);
        try_for(STOP_DEADLINE, &what, || Ok(!self.is_running()))
    }

    /// SIGSTOP: connections stay open and are accepted by the kernel, but nobody answers. Returns
    /// when all its threads have stopped.
    pub fn pause(&mut self) -> Result<(), Error> {
        let pid = self.signal(Signal::STOP)?;
        let what = format!("server {} stopping after SIGSTOP", self.address);
        try_for(STOP_DEADLINE, &what, || {
            let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            match waitid(WaitId::Pid(pid), stopped) {
                Ok(status) => Ok(status.is_some()),
                Err(_) => Err(Error::NotRunning {
                    address: self.address,
                }),
            }
        })
    }

    /// SIGCONT: the opposite of [`Self::pause`].
    pub fn resume(&mut self) -> Result<(), Error> {
        self.signal(Signal::CONT)?;
        Ok(())
    }

    /// Kills it if it runs, and starts it again: same port, settings, folder, configuration file.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.kill();
        self.run()
    }

    /// As [`Self::restart`], but as an empty primary: without its data and its `replica_of`, and
    /// with its configuration file as it was first, less that.
    pub fn restart_empty(&mut self) -> Result<(), Error> {
        self.kill();
        self.settings.replica_of = None;
        let folder = self.folder.path();
        let entries = fs::read_dir(folder).map_err(cannot("list", folder))?;
        for entry in entries.flatten().filter(|entry| entry.file_name() != LOG) {
            let path = entry.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            // A child that outlives its parent removes its own temporary files.
            match removed {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(cannot("remove", &path))?,
            }
        }
        self.run()
    }

    fn run(&mut self) -> Result<(), Error> {
        let folder = self.folder.path();
        let (config_file, log_file) = (self.config_file(), folder.join(LOG));
        let arguments = self.settings.arguments(self.port(), &config_file);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log_file)
            .and_then(|log| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = log.map_err(cannot("open", &log_file))?;

        let program = self.settings.binary.path();
        let mut command = Command::new(program);
        command
            .args(arguments.map_err(cannot("write", &config_file))?)
            .current_dir(folder);
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        self.child = Some(command.spawn().map_err(cannot("run", program))?);
        self.wait_until_answering()
    }

    fn wait_until_answering(&mut self) -> Result<(), Error> {
        let address = self.address;
        try_for(
            START_DEADLINE,
            &format!("server {address} answering PING"),
            || {
                let ended = self.child.as_mut().map(Child::try_wait);
                if let Some(Ok(Some(status))) = ended {
                    self.child = None;
                    return Err(Error::Died {
                        address,
                        status,
                        log: self.log_tail(20),
                    });
                }
                Ok(self.is_answering().unwrap_or(false))
            },
        )
    }

    /// Whether it is this very process that answers: the port may have gone to another one.
    fn is_answering(&self) -> Result<bool, Error> {
        match Client::connect(self.address, CLIENT_TIMEOUT)?.command(&["PING"])? {
            // A password that we were not told of, or a dataset that is still being read.
            Reply::Error(text)
                if text.starts_with("NOAUTH") && self.settings.password.is_none() =>
            {
                return Ok(true);
            }
            Reply::Error(text) if text.starts_with("NOAUTH") || text.starts_with("LOADING") => {}
            Reply::Error(_) | Reply::Array(_) | Reply::Null | Reply::Integer(_) => {
                return Ok(false);
            }
            Reply::Simple(_) | Reply::Bulk(_) => {}
        }
        let its_pid = self
            .info("server")?
            .get("process_id")
            .and_then(|pid| pid.parse().ok());
        Ok(its_pid == self.pid())
    }

    fn signal(&mut self, signal: Signal) -> Result<Pid, Error> {
        let address = self.address;
        // Asked first, so that no signal goes to a stranger who has inherited the number.
        if !self.is_running() {
            return Err(Error::NotRunning { address });
        }
        let pid = self
            .child
            .as_ref()
            .map(Pid::from_child)
            .ok_or(Error::NotRunning { address })?;
        kill_process(pid, signal).map_err(|_| Error::NotRunning { address })?;
        Ok(pid)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL also ends a paused process.
        self.kill();
    }
}

fn cannot(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}
