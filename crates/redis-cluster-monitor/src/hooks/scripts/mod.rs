//! Scripts as Sentinel runs them: a path and arguments, no shell, and a hung one harms nothing.
//!
//! [`Board`] knows what waits and what runs, [`Process`] is one run.

mod board;
mod process;

use std::sync::{Mutex, MutexGuard, PoisonError};

use rcm_core::id::{Address, GroupName};
use rcm_core::time::Human;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;

use super::{Level, Notice, Stage};
use crate::clock::Clock;
use crate::config;
pub use board::{Limits, Pending, Progress};

use board::{Board, Dropped, JobId, Purpose, Sequel, Task};
use process::{End, Process};

/// A change of a group's primary that clients must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Switch {
    /// Who was it.
    pub from: Address,
    /// Who is it.
    pub to: Address,
    /// Whether this monitor made it, or another decider did.
    pub own: bool,
}

/// All scripts of this process.
#[derive(Debug)]
pub(super) struct Scripts {
    board: Mutex<Board>,
    changed: Notify,
    clock: Clock,
    results: broadcast::Sender<Notice>,
}

/// What came of scripts, until somebody who is slow misses some.
const RESULTS_KEPT: usize = 256;

impl Scripts {
    pub(super) fn new(limits: Limits, clock: Clock) -> Self {
        Self {
            board: Mutex::new(Board::new(limits)),
            changed: Notify::new(),
            clock,
            results: broadcast::Sender::new(RESULTS_KEPT),
        }
    }

    /// Runs the notification script: the name of the event, its payload.
    pub(super) fn notify(&self, group: &GroupName, scripts: &config::Scripts, notice: &Notice) {
        if let Some(path) = &scripts.notification {
            self.schedule(Task {
                purpose: Purpose::Notification,
                group: group.clone(),
                path: path.clone(),
                arguments: vec![notice.channel.to_owned(), notice.payload.clone()],
            });
        }
    }

    /// Runs the client-reconfig script: the group, whose decision it was, `start`, and the
    /// addresses.
    pub(super) fn switch(&self, group: &GroupName, scripts: &config::Scripts, switch: &Switch) {
        if let Some(path) = &scripts.client_reconfig {
            let Switch { from, to, own } = switch;
            self.schedule(Task {
                purpose: Purpose::Switch,
                group: group.clone(),
                path: path.clone(),
                arguments: vec![
                    group.to_string(),
                    if *own { "leader" } else { "observer" }.to_owned(),
                    "start".to_owned(),
                    from.host().to_owned(),
                    from.port().to_string(),
                    to.host().to_owned(),
                    to.port().to_string(),
                ],
            });
        }
    }

    pub(super) fn pending(&self) -> Vec<Pending> {
        self.board().pending(self.clock.now())
    }

    pub(super) fn results(&self) -> broadcast::Receiver<Notice> {
        self.results.subscribe()
    }

    /// Runs what is scheduled, until it is closed and the last script has ended.
    pub(super) async fn serve(&self, stage: watch::Receiver<Stage>) {
        let mut runs = JoinSet::new();
        loop {
            while let Some((id, task)) = self.start_next() {
                self.start(id, task, &mut runs, &stage);
            }
            let due = {
                let board = self.board();
                if board.is_finished() {
                    return;
                }
                board.next_due(self.clock.now())
            };
            let timer = async {
                match due {
                    Some(due) => tokio::time::sleep_until(self.clock.until(due)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = timer => {}
                Some(run) = runs.join_next() => {
                    let (id, task, end, said) = run.expect("a run neither panics nor is cancelled");
                    self.ended(id, &task, &end, &said);
                }
            }
        }
    }

    /// Takes no more scripts; what waits is dropped, what runs goes on.
    pub(super) fn close(&self) {
        let dropped = self.board().close();
        if dropped > 0 {
            tracing::warn!("stopping: scripts that waited and are not run: {dropped}");
        }
        self.changed.notify_one();
    }

    fn schedule(&self, task: Task) {
        let dropped = self.board().schedule(task, self.clock.now());
        self.changed.notify_one();
        for (task, why) in dropped {
            let why = match why {
                Dropped::Overtaken => "the primary changed again",
                Dropped::TooMany => "too many scripts wait",
            };
            let arguments = task.arguments.join(" ");
            let group = task.group.as_str();
            let path = task.path.display();
            tracing::warn!(group, "script {path} is not run, {why}: {arguments}");
        }
    }

    fn start_next(&self) -> Option<(JobId, Task)> {
        self.board().start_next(self.clock.now())
    }

    fn start(
        &self,
        id: JobId,
        task: Task,
        runs: &mut JoinSet<(JobId, Task, End, String)>,
        stage: &watch::Receiver<Stage>,
    ) {
        let process = match Process::start(&task.path, &task.arguments) {
            Ok(process) => process,
            Err(end) => return self.ended(id, &task, &end, ""),
        };
        if let Some(pid) = process.id() {
            self.board().started(id, pid);
        }
        let run_time = self.board().limits().run_time;
        let mut stage = stage.clone();
        let pid = process.id();
        let results = self.results.clone();
        runs.spawn(async move {
            let stop = stage.wait_for(|stage| *stage >= Stage::Killing);
            let (end, said) = process.end(run_time, stop).await;
            if end == End::TooLong {
                timed_out(&task, pid, &results);
            }
            (id, task, end, said)
        });
    }

    fn ended(&self, id: JobId, task: &Task, end: &End, said: &str) {
        let sequel = self.board().ended(id, end, self.clock.now());
        let group = task.group.as_str();
        let path = task.path.display();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!("; it said: {said}")
        };
        match sequel {
            Sequel::Done => tracing::debug!(group, "script {path} is done"),
            Sequel::Again { after } => {
                let after = Human(after);
                tracing::warn!(group, "script {path} failed: {end}; again in {after}{said}");
            }
            Sequel::GivenUp => {
                tracing::warn!(group, "script {path} failed for good: {end}{said}");
                let (signal, code) = end.signal_and_code();
                tell(
                    &self.results,
                    "-script-error",
                    format!("{path} {signal} {code}"),
                );
            }
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Nothing that holds the lock can leave the board half changed.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn timed_out(task: &Task, pid: Option<u32>, results: &broadcast::Sender<Notice>) {
    let path = task.path.display();
    let pid = pid.unwrap_or_default();
    let text = format!("{path} {pid}");
    tracing::warn!(
        group = task.group.as_str(),
        "script {path} ran for too long: killed process {pid}"
    );
    tell(results, "-script-timeout", text);
}

/// It belongs to no group: a script that fails must not run a script.
fn tell(results: &broadcast::Sender<Notice>, channel: &'static str, payload: String) {
    let notice = Notice {
        group: None,
        level: Level::Warning,
        channel,
        payload,
    };
    // Nobody needs to listen.
    results.send(notice).ok();
}
