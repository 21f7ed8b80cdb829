//! A process that is not a server: started, logged into a file, killed when it is dropped.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::Context;
use tempfile::TempDir;

const LOG: &str = "program.log";

#[derive(Debug)]
pub(super) struct Program {
    command: Command,
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Starts it in `folder`, which stays as long as it runs. What it says goes to its log.
    pub(super) fn start(mut command: Command, folder: TempDir) -> anyhow::Result<Self> {
        let log = File::create(folder.path().join(LOG)).context("cannot write its log")?;
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot write its log")?)
            .stderr(log);
        let child = spawn(&mut command)?;
        Ok(Self {
            command,
            child,
            folder,
        })
    }

    /// SIGKILL. Nothing happens if it has ended.
    pub(super) fn kill(&mut self) {
        // Both fail only for a process that is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// As it was started first, if it has ended. Its log goes on.
    pub(super) fn start_again(&mut self) -> anyhow::Result<()> {
        if self.ended().is_some() {
            self.child = spawn(&mut self.command)?;
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(super) fn log(&self) -> String {
        let log = fs::read(self.folder.path().join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub(super) fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<_> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command
        .spawn()
        .with_context(|| format!("cannot run {}", Path::new(command.get_program()).display()))
}
