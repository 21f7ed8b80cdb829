//! One run of a script: a process group of its own, with an end at its deadline at the latest.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{sleep, timeout};

use crate::config::PASSWORDS;

/// How much of what a script says is kept, in bytes.
const KEPT: usize = 1024;
/// How long the end of what an ended script said is waited for; something that it left running may
/// hold its standard error open forever.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It was killed because it ran for too long.
    TooLong,
    /// It was killed because the monitor stops.
    Stopped,
    /// There was no process, and another try may find the system in a better state.
    NotStarted(String),
    /// There is no such program.
    NotRunnable(String),
}

impl End {
    pub(super) const fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// Exit code 1 asks to be run again; from 2 on it is meant.
    pub(super) const fn is_worth_another(&self) -> bool {
        match self {
            Self::Exited(code) => *code == 1,
            Self::Signalled(_) | Self::TooLong | Self::NotStarted(_) => true,
            Self::Stopped | Self::NotRunnable(_) => false,
        }
    }

    /// The signal and the exit code as Sentinel tells them.
    pub(super) const fn signal_and_code(&self) -> (i32, i32) {
        match self {
            Self::Exited(code) => (0, *code),
            Self::Signalled(signal) => (*signal, 0),
            Self::TooLong | Self::Stopped => (Signal::KILL.as_raw(), 0),
            // It has no signal of this number: that is how it tells of a fork that failed.
            Self::NotStarted(_) => (99, 0),
            Self::NotRunnable(_) => (0, 2),
        }
    }

    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Signalled(signal),
            (None, None) => Self::Exited(status.into_raw()),
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        let passes = matches!(
            error.kind(),
            io::ErrorKind::WouldBlock
                | io::ErrorKind::OutOfMemory
                | io::ErrorKind::ExecutableFileBusy
                | io::ErrorKind::Interrupted
        );
        if passes {
            Self::NotStarted(error.to_string())
        } else {
            Self::NotRunnable(error.to_string())
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "signal {signal}"),
            Self::TooLong => f.write_str("killed because it ran for too long"),
            Self::Stopped => f.write_str("killed because the monitor stops"),
            Self::NotStarted(error) | Self::NotRunnable(error) => {
                write!(f, "could not be started: {error}")
            }
        }
    }
}

/// A script that runs. Dropping it kills its process group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    errors: Option<ChildStderr>,
}

impl Process {
    /// Starts a script; no shell reads its arguments.
    pub(super) fn start(path: &Path, arguments: &[String]) -> Result<Self, End> {
        let mut command = Command::new(path);
        // Passwords are not the scripts' business.
        for variable in PASSWORDS {
            command.env_remove(variable);
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let errors = child.stderr.take();
        Ok(Self { child, errors })
    }

    /// Its process, which leads its process group.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for its end, which comes after `within`, or when `stop` is done, at the latest. The
    /// second part is the beginning of what it wrote to standard error.
    pub(super) async fn end(mut self, within: Duration, stop: impl Future) -> (End, String) {
        let mut said = Vec::new();
        let errors = self.errors.take();
        let end = {
            let mut listening = pin!(keep_first(errors, &mut said));
            let mut ending = pin!(self.ending(within, stop));
            let mut heard_all = false;
            let end = loop {
                tokio::select! {
                    end = &mut ending => break end,
                    () = &mut listening, if !heard_all => heard_all = true,
                }
            };
            if !heard_all {
                // Without an end in time it is cut off there.
                timeout(LAST_WORDS, listening).await.ok();
            }
            end
        };
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        (end, said)
    }

    async fn ending(&mut self, within: Duration, stop: impl Future) -> End {
        let why = tokio::select! {
            status = self.child.wait() => return status.map_or_else(End::from, End::of),
            () = sleep(within) => End::TooLong,
            _ = stop => End::Stopped,
        };
        self.kill();
        // Nobody survives this signal; the process is gone as soon as the system lets go of it.
        self.child.wait().await.map_or_else(End::from, |_| why)
    }

    /// Kills it with everything that it started and did not part from its group.
    fn kill(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // It is not waited for yet, so the number is still its own; a group that is gone already
            // is what is wanted.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads to the end, and keeps the beginning: a script never waits for who reads it.
async fn keep_first(from: Option<ChildStderr>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; KEPT];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let room = KEPT - kept.len();
        kept.extend(&buffer[..length.min(room)]);
    }
}
