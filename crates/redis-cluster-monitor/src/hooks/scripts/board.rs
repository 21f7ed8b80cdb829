//! Which scripts wait, which run and which are given up.
//!
//! Decided here: order, bounds and repetitions. Not here: processes and clocks; time is an
//! argument.
//!
//! Always holds: no more scripts run, and no more wait, than the limits allow.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use rcm_core::id::GroupName;
use rcm_core::time::Instant;

use super::process::End;

/// The bounds of scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many run at once.
    pub running: usize,
    /// How many of these places only client-reconfig scripts may take.
    pub kept_for_switches: usize,
    /// How many may wait for a place or for their repetition.
    pub waiting: usize,
    /// How long one may run before it is killed.
    pub run_time: Duration,
    /// The pause before the first repetition; each further one is twice as long.
    pub first_retry: Duration,
    /// How often one is run at most.
    pub runs: u32,
}

impl Default for Limits {
    /// Sentinel's numbers; it keeps no places.
    fn default() -> Self {
        Self {
            running: 16,
            kept_for_switches: 4,
            waiting: 256,
            run_time: Duration::from_secs(60),
            first_retry: Duration::from_secs(30),
            runs: 10,
        }
    }
}

/// What a script is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To tell of an event.
    Notification,
    /// To send clients to another primary.
    Switch,
}

/// A script with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub purpose: Purpose,
    pub group: GroupName,
    pub path: PathBuf,
    pub arguments: Vec<String>,
}

/// A script that runs or waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its path and its arguments.
    pub argv: Vec<String>,
    /// Whether it runs.
    pub progress: Progress,
    /// How often it has been started.
    pub runs: u32,
}

/// Whether a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It runs.
    Running {
        /// Its process; `None` while it is being started.
        pid: Option<u32>,
        /// For how long.
        time: Duration,
    },
    /// It waits.
    Scheduled {
        /// For how long at least; zero when it only waits for a place.
        delay: Duration,
    },
}

/// Names a job on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JobId(u64);

#[derive(Debug)]
struct Job {
    id: JobId,
    task: Task,
    runs: u32,
    state: State,
    /// A later switch of its group is on the board: it is not repeated.
    overtaken: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting { due: Instant },
    Running { since: Instant, pid: Option<u32> },
}

/// What follows the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequel {
    /// It did its work.
    Done,
    /// It is run again.
    Again { after: Duration },
    /// It failed for good.
    GivenUp,
}

/// Why a waiting script will not be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// It would send clients to a primary that is none any more.
    Overtaken,
    /// Too many wait.
    TooMany,
}

/// All scripts that run or wait, in the order in which they came.
#[derive(Debug)]
pub(super) struct Board {
    limits: Limits,
    jobs: VecDeque<Job>,
    last: u64,
    closed: bool,
}

impl Board {
    pub(super) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            jobs: VecDeque::new(),
            last: 0,
            closed: false,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Puts a script on the board, and tells what it displaced.
    pub(super) fn schedule(&mut self, task: Task, now: Instant) -> Vec<(Task, Dropped)> {
        if self.closed {
            return Vec::new();
        }
        let mut dropped = Vec::new();
        if task.purpose == Purpose::Switch {
            let overtaken = self.overtake(&task.group).into_iter();
            dropped.extend(overtaken.map(|task| (task, Dropped::Overtaken)));
        }
        self.last += 1;
        self.jobs.push_back(Job {
            id: JobId(self.last),
            task,
            runs: 0,
            state: State::Waiting { due: now },
            overtaken: false,
        });
        if self.waiting().count() > self.limits.waiting {
            dropped.extend(self.drop_oldest().map(|task| (task, Dropped::TooMany)));
        }
        dropped
    }

    /// Takes the next script that may start, if there is one.
    pub(super) fn start_next(&mut self, now: Instant) -> Option<(JobId, Task)> {
        let running = |job: &&Job| matches!(job.state, State::Running { .. });
        let total = self.jobs.iter().filter(running).count();
        let notifications = self
            .jobs
            .iter()
            .filter(running)
            .filter(|job| job.task.purpose == Purpose::Notification)
            .count();
        let kept = self.limits.kept_for_switches;
        let may_start = |purpose| {
            total < self.limits.running
                && (purpose == Purpose::Switch || notifications + kept < self.limits.running)
        };
        let is_due = |job: &Job| matches!(job.state, State::Waiting { due } if due <= now);
        // A client that looks for its primary does not wait behind news.
        let position = [Purpose::Switch, Purpose::Notification]
            .into_iter()
            .filter(|&purpose| may_start(purpose))
            .find_map(|purpose| {
                self.jobs
                    .iter()
                    .position(|job| job.task.purpose == purpose && is_due(job))
            })?;
        let job = self.jobs.get_mut(position)?;
        job.runs += 1;
        job.state = State::Running {
            since: now,
            pid: None,
        };
        Some((job.id, job.task.clone()))
    }

    /// The process of a script is known.
    pub(super) fn started(&mut self, id: JobId, process: u32) {
        if let Some(job) = self.jobs.iter_mut().find(|job| job.id == id)
            && let State::Running { pid, .. } = &mut job.state
        {
            *pid = Some(process);
        }
    }

    /// A run ended.
    pub(super) fn ended(&mut self, id: JobId, end: &End, now: Instant) -> Sequel {
        let Some(position) = self.jobs.iter().position(|job| job.id == id) else {
            return Sequel::Done;
        };
        let limits = self.limits;
        let job = &mut self.jobs[position];
        if !end.is_success()
            && end.is_worth_another()
            && job.runs < limits.runs
            && !job.overtaken
            && !self.closed
        {
            let doublings = job.runs.saturating_sub(1);
            let after = limits
                .first_retry
                .saturating_mul(2_u32.saturating_pow(doublings));
            job.state = State::Waiting { due: now + after };
            return Sequel::Again { after };
        }
        self.jobs.remove(position);
        if end.is_success() {
            Sequel::Done
        } else {
            Sequel::GivenUp
        }
    }

    /// When the next repetition is due that is not due yet. What is due already waits for a place.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        self.waiting().filter(|due| *due > now).min()
    }

    /// Takes no more scripts, and drops those that wait; how many these are.
    pub(super) fn close(&mut self) -> usize {
        self.closed = true;
        let before = self.jobs.len();
        self.jobs
            .retain(|job| matches!(job.state, State::Running { .. }));
        before - self.jobs.len()
    }

    /// Whether it takes no more scripts and the last one has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.closed && self.jobs.is_empty()
    }

    /// Everything that runs or waits, the oldest first.
    pub(super) fn pending(&self, now: Instant) -> Vec<Pending> {
        self.jobs.iter().map(|job| job.pending(now)).collect()
    }

    fn waiting(&self) -> impl Iterator<Item = Instant> {
        self.jobs.iter().filter_map(|job| match job.state {
            State::Waiting { due } => Some(due),
            State::Running { .. } => None,
        })
    }

    /// What waits to send the group's clients elsewhere is outdated, and so are repetitions.
    fn overtake(&mut self, group: &GroupName) -> Vec<Task> {
        let mut dropped = Vec::new();
        self.jobs.retain_mut(|job| {
            if job.task.purpose != Purpose::Switch || job.task.group != *group {
                return true;
            }
            job.overtaken = true;
            let runs = matches!(job.state, State::Running { .. });
            if !runs {
                dropped.push(job.task.clone());
            }
            runs
        });
        dropped
    }

    /// News are dropped before switches.
    fn drop_oldest(&mut self) -> Option<Task> {
        let waits = |job: &Job| matches!(job.state, State::Waiting { .. });
        let is_news = |job: &Job| job.task.purpose == Purpose::Notification;
        let position = self
            .jobs
            .iter()
            .position(|job| waits(job) && is_news(job))
            .or_else(|| self.jobs.iter().position(waits))?;
        self.jobs.remove(position).map(|job| job.task)
    }
}

impl Job {
    fn pending(&self, now: Instant) -> Pending {
        let path = self.task.path.to_string_lossy().into_owned();
        let arguments = self.task.arguments.iter().cloned();
        Pending {
            argv: std::iter::once(path).chain(arguments).collect(),
            progress: match self.state {
                State::Running { since, pid } => Progress::Running {
                    pid,
                    time: now.since(since),
                },
                State::Waiting { due } => Progress::Scheduled {
                    delay: due.since(now),
                },
            },
            runs: self.runs,
        }
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
