//! A program of a client library while it writes, and what its writes went through.

use std::fs;
use std::io::{BufRead, BufReader};
use std::mem;
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Deserialize;
use tempfile::NamedTempFile;

use super::{Error, Library, wait_for};

/// A library may be in the middle of its tries when it is to end.
const END_DEADLINE: Duration = Duration::from_secs(30);

/// A program that increments a counter at a steady pace; it ends with the value.
#[derive(Debug)]
pub struct Writing {
    library: Library,
    child: Child,
    /// The program ends when this does.
    input: Option<ChildStdin>,
    told: Arc<Mutex<Told>>,
    /// Ends when the program does.
    listener: Option<JoinHandle<()>>,
    complaints: NamedTempFile,
}

/// All that a program told so far.
#[derive(Debug, Default)]
struct Told {
    version: Option<String>,
    writes: Vec<Write>,
    /// A line that is none.
    nonsense: Option<String>,
}

/// A line of a program.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Write(Write),
    Library { version: String },
}

/// One write, tries inside of the library included.
#[derive(Clone, Debug, Deserialize)]
pub struct Write {
    /// When it was acknowledged, or failed: milliseconds since the program started.
    pub at_ms: f64,
    /// How long the library took for it.
    pub ms: f64,
    /// What the counter was after it, if it was acknowledged.
    #[serde(default)]
    pub counter: Option<u64>,
    #[serde(default)]
    pub error: Option<String>,
}

/// What all writes of a program went through.
#[derive(Clone, Debug)]
pub struct Account {
    pub version: String,
    pub writes: Vec<Write>,
}

impl Writing {
    /// Starts a library's program with the addresses of Sentinels.
    pub fn start(
        library: Library,
        sentinels: &[SocketAddr],
        group: &str,
        every: Duration,
    ) -> Result<Self, Error> {
        Self::run(library, library.command(sentinels, group, every)?)
    }

    /// Starts a library's program that knows one address and sets no option.
    pub fn through(library: Library, address: SocketAddr, every: Duration) -> Result<Self, Error> {
        Self::run(library, library.plain_command(address, every)?)
    }

    /// Starts another program that is written for a library and knows one address.
    pub fn with(
        library: Library,
        program: &str,
        address: SocketAddr,
        every: Duration,
    ) -> Result<Self, Error> {
        let mut command = library.run(program)?;
        command.args([&address.to_string(), "", &every.as_millis().to_string()]);
        Self::run(library, command)
    }

    fn run(library: Library, mut command: Command) -> Result<Self, Error> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error| failure(library, &format!("{what}: {error}"))
        };
        let files = NamedTempFile::new().and_then(|file| Ok((file.reopen()?, file)));
        let (stderr, complaints) = files.map_err(failed("no file for its complaints"))?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(failed("it cannot be run"))?;
        let input = child.stdin.take();
        let told = Arc::new(Mutex::new(Told::default()));
        let listener = child.stdout.take().map(|output| {
            let told = Arc::clone(&told);
            thread::spawn(move || listen(output, &told))
        });
        Ok(Self {
            library,
            child,
            input,
            told,
            listener,
            complaints,
        })
    }

    /// Which version of the library it is.
    pub fn version(&self, deadline: Duration) -> Result<String, Error> {
        // Past the deadline there is none, which is all that matters here.
        wait_for(deadline, "its version", || self.told().version.is_some()).ok();
        let version = self.told().version.clone();
        version.ok_or_else(|| self.failure("its version"))
    }

    /// How many writes were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        let told = self.told();
        told.writes
            .iter()
            .filter(|write| write.is_acknowledged())
            .count()
    }

    /// Waits until `more` writes have been acknowledged from now on.
    pub fn wait_for_acknowledged(&mut self, more: usize, deadline: Duration) -> Result<(), Error> {
        let wanted = self.acknowledged() + more;
        let what = format!("{more} more writes with {}", self.library.name());
        let mut is_over = false;
        let reached = wait_for(deadline, &what, || {
            is_over = !matches!(self.child.try_wait(), Ok(None)) || self.told().nonsense.is_some();
            is_over || self.acknowledged() >= wanted
        });
        if reached.is_err() || self.acknowledged() < wanted {
            return Err(self.failure(&what));
        }
        Ok(())
    }

    /// Lets the program end, and gives what it went through.
    pub fn finish(mut self) -> Result<Account, Error> {
        drop(self.input.take());
        let ended = wait_for(END_DEADLINE, "", || {
            matches!(self.child.try_wait(), Ok(Some(_)))
        });
        if ended.is_err() {
            return Err(self.failure("an end of the program"));
        }
        if let Some(listener) = self.listener.take()
            && listener.join().is_err()
        {
            return Err(self.failure("a listener that does not panic"));
        }
        if self.told().nonsense.is_some() {
            return Err(self.failure("lines of JSON"));
        }
        let version = self.version(END_DEADLINE)?;
        let writes = mem::take(&mut self.told().writes);
        Ok(Account { version, writes })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it did not do, with all that may explain it.
    fn failure(&self, wanted: &str) -> Error {
        let told = self.told();
        let last = told
            .writes
            .iter()
            .rev()
            .find_map(|write| write.error.clone());
        let complaints = fs::read_to_string(self.complaints.path()).unwrap_or_default();
        let what = format!(
            "{wanted} wanted; {} writes, last error {last:?}, {:?} is no write; it complains:\n{complaints}",
            told.writes.len(),
            told.nonsense,
        );
        failure(self.library, &what)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Write {
    pub fn is_acknowledged(&self) -> bool {
        self.counter.is_some()
    }
}

impl Account {
    /// The longest time between two acknowledged writes, one after the other. The first of them is at
    /// least the one that was number `since`: programs are slow when they start.
    pub fn outage_ms(&self, since: usize) -> f64 {
        let from = since.saturating_sub(1);
        let pairs = self.acknowledged().zip(self.acknowledged().skip(1));
        let gaps = pairs.skip(from).map(|(one, next)| next.at_ms - one.at_ms);
        gaps.fold(0.0, f64::max)
    }

    /// How many acknowledged writes are missing in a later reply of the counter.
    pub fn lost(&self) -> u64 {
        let counters = || self.acknowledged().filter_map(|write| write.counter);
        let pairs = counters().zip(counters().skip(1));
        pairs
            .map(|(one, next)| (one + 1).saturating_sub(next))
            .sum()
    }

    /// How many writes the library gave up on.
    pub fn failed(&self) -> usize {
        self.writes.len() - self.acknowledged().count()
    }

    fn acknowledged(&self) -> impl Iterator<Item = &Write> {
        self.writes.iter().filter(|write| write.is_acknowledged())
    }
}

fn listen(output: ChildStdout, told: &Mutex<Told>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        match serde_json::from_str(&line) {
            Ok(Line::Write(write)) => told.writes.push(write),
            Ok(Line::Library { version }) => told.version = Some(version),
            Err(_) => told.nonsense = Some(line),
        }
    }
}

fn failure(library: Library, what: &str) -> Error {
    Error::Client {
        library: library.name(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(lines: &[&str]) -> Account {
        let write = |line: &&str| match serde_json::from_str(line).unwrap() {
            Line::Write(write) => write,
            line @ Line::Library { .. } => panic!("{line:?}"),
        };
        Account {
            version: String::new(),
            writes: lines.iter().map(write).collect(),
        }
    }

    #[test]
    fn an_outage_is_what_passes_between_acknowledgements() {
        let account = account(&[
            r#"{"n": 1, "at_ms": 5.0, "ms": 1.0, "ok": true, "counter": 1}"#,
            r#"{"n": 2, "at_ms": 10.5, "ms": 1.0, "ok": true, "counter": 2}"#,
            r#"{"n": 3, "at_ms": 15.0, "ms": 0.5, "ok": false, "error": "refused"}"#,
            r#"{"n": 4, "at_ms": 80.5, "ms": 60.0, "ok": true, "counter": 3}"#,
        ]);
        assert!((account.outage_ms(1) - 70.0).abs() < 1e-6);
        assert!((account.outage_ms(3) - 0.0).abs() < 1e-6);
        assert_eq!((account.failed(), account.lost()), (1, 0));
    }

    #[test]
    fn a_counter_that_goes_back_has_lost_writes() {
        let account = account(&[
            r#"{"at_ms": 1, "ms": 1, "counter": 9}"#,
            r#"{"at_ms": 2, "ms": 1, "counter": 10}"#,
            r#"{"at_ms": 3, "ms": 1, "counter": 8}"#,
        ]);
        assert_eq!(account.lost(), 3);
    }
}
