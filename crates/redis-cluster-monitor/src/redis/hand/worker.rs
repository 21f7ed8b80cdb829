//! One node's acting connection.
//!
//! Decided here: the order of what is sent, and what becomes of actions whose connection ends or
//! whose time is over. Commands are sent as soon as they come, also to a node that does not answer:
//! a stopped process executes them when it wakes, and that is wanted.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use rcm_core::action::{Done, Outcome};
use rcm_core::fencing::{Purpose, older_hands};
use rcm_core::id::{Address, Epoch};
use rcm_core::observation::Failure;
use rcm_core::time::Instant;
use rcm_resp::Frame;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep_until;

use super::Pending;
use super::line::{Line, Waiting, What};
use super::reach::reach;
use super::script::Script;
use crate::clock::Clock;
use crate::redis::{Replicate, Settings};

/// So often are older hands looked for.
const FENCE_ROUNDS: u32 = 3;

/// What to do on the node.
#[derive(Debug)]
pub(super) enum Task {
    /// Blind: whatever follows is sent before the node has taken our name.
    Open {
        blind: bool,
    },
    Close,
    Fence,
    Run(Script),
}

/// An action as its worker gets it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) epoch: Epoch,
    pub(super) address: Address,
    pub(super) outcome: Pending,
}

pub(super) struct Worker {
    settings: Arc<Settings>,
    clock: Clock,
    /// What the node's command for following is called, as far as it has said.
    which: Replicate,
    opening: Option<Opening>,
    line: Option<Line>,
    /// What has to wait for the connection, or for the fence.
    held: VecDeque<Job>,
}

struct Opening {
    epoch: Epoch,
    blind: bool,
    outcome: Pending,
    attempt: Pin<Box<dyn Future<Output = Result<TcpStream, Failure>> + Send>>,
}

impl Worker {
    pub(super) fn new(settings: Arc<Settings>, clock: Clock) -> Self {
        Self {
            settings,
            clock,
            which: Replicate::default(),
            opening: None,
            line: None,
            held: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self, mut jobs: UnboundedReceiver<Job>) {
        loop {
            let deadline = self.next_deadline();
            let clock = self.clock;
            let time_is_over = async {
                match deadline {
                    Some(deadline) => sleep_until(clock.until(deadline)).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                reply = next_reply(self.line.as_mut()) => match reply {
                    Ok(reply) => self.take(reply),
                    Err(_) => self.drop_line(),
                },
                reached = finished(self.opening.as_mut()) => self.opened(reached),
                job = jobs.recv() => match job {
                    Some(job) => self.begin(job),
                    None => return,
                },
                () = time_is_over => self.expire(),
            }
        }
    }

    fn begin(&mut self, job: Job) {
        let is_late = job.outcome.deadline <= self.clock.now();
        match job.task {
            Task::Close => self.close(),
            _ if is_late => job.outcome.not_reached(),
            Task::Open { blind } => {
                self.close();
                let settings = Arc::clone(&self.settings);
                self.opening = Some(Opening {
                    epoch: job.epoch,
                    blind,
                    outcome: job.outcome,
                    attempt: Box::pin(reach(settings, self.clock, job.address)),
                });
            }
            Task::Fence | Task::Run(_) if self.holds() => self.held.push_back(job),
            Task::Fence | Task::Run(_) => self.send(job),
        }
    }

    fn holds(&self) -> bool {
        self.opening.is_some() || self.line.as_ref().is_some_and(Line::is_fencing)
    }

    /// Sends what was held, up to the next fence.
    fn release(&mut self) {
        while !self.holds() {
            let Some(job) = self.held.pop_front() else {
                return;
            };
            self.send(job);
        }
    }

    fn send(&mut self, job: Job) {
        let Some(line) = &mut self.line else {
            return job.outcome.not_reached();
        };
        if let Some(text) = &line.refused {
            return job.outcome.refused(text.as_str());
        }
        match job.task {
            Task::Run(script) => {
                if let Some(obstacle) = script.obstacle(&self.settings) {
                    return job.outcome.refused(obstacle);
                }
                line.run(script, job.outcome, &self.settings, self.which);
            }
            Task::Fence => {
                let client = self.settings.commands.name("CLIENT");
                line.connection.push([client, "LIST"]);
                let epoch = job.epoch;
                line.wait_for(Some(job.outcome), What::Fence { epoch, round: 1 }, 1);
            }
            Task::Open { .. } | Task::Close => job.outcome.not_reached(),
        }
    }

    fn opened(&mut self, reached: Result<TcpStream, Failure>) {
        let Some(opening) = self.opening.take() else {
            return;
        };
        let Opening {
            epoch,
            blind,
            outcome,
            ..
        } = opening;
        match reached {
            Ok(stream) => {
                let mut line = Line::new(stream);
                let words = usize::from(line.connection.push_auth(&self.settings));
                line.connection
                    .push_name(&self.settings, Purpose::Act(epoch));
                line.connection
                    .push(self.settings.commands.which_replicate());
                // Whoever fences later finds only a connection whose name is listed.
                let named = if blind {
                    outcome.end(Outcome::Done(Done::Opened));
                    None
                } else {
                    Some(outcome)
                };
                line.wait_for(named, What::Greeting, words + 1);
                line.wait_for(None, What::Which, 1);
                self.line = Some(line);
            }
            Err(_) => outcome.not_reached(),
        }
        self.release();
    }

    fn take(&mut self, reply: Frame) {
        let Some(line) = &mut self.line else { return };
        let Some(waiting) = line.waiting.front_mut() else {
            // Nobody asked for anything.
            return self.drop_line();
        };
        let is_greeting = matches!(waiting.what, What::Greeting);
        if is_greeting && let Some(text) = reply.as_error() {
            line.refused.get_or_insert(text.into_owned());
        }
        waiting.replies.push(reply);
        waiting.missing = waiting.missing.saturating_sub(1);
        if waiting.missing == 0
            && let Some(waiting) = line.waiting.pop_front()
        {
            self.finish(waiting);
        }
    }

    fn finish(&mut self, mut waiting: Waiting) {
        match waiting.what {
            What::Greeting => {
                if let Some(outcome) = waiting.outcome {
                    outcome.end(Outcome::Done(Done::Opened));
                }
            }
            What::Which => {
                let known = waiting.replies.pop().and_then(Replicate::known_to);
                self.which = known.unwrap_or_default();
            }
            What::Fence { epoch, round } => {
                self.fence(waiting.outcome, epoch, round, waiting.replies.last());
                self.release();
            }
            What::Run { script, which } => {
                let Some(outcome) = waiting.outcome else {
                    return;
                };
                let unknown = is_unknown_command(&waiting.replies);
                if unknown && script.replicates() && which != self.which {
                    // Meanwhile the node has said what it is called there.
                    return self.rerun(script, outcome);
                }
                outcome.end(script.judge(waiting.replies));
            }
        }
    }

    fn rerun(&mut self, script: Script, outcome: Pending) {
        let Some(line) = &mut self.line else {
            return outcome.not_reached();
        };
        line.run(script, outcome, &self.settings, self.which);
    }

    /// Looks at the list of clients, ends older hands, and asks for the list again.
    fn fence(&mut self, outcome: Option<Pending>, epoch: Epoch, round: u32, list: Option<&Frame>) {
        let (Some(outcome), Some(line), Some(list)) = (outcome, &mut self.line, list) else {
            return;
        };
        if let Some(text) = list.as_error() {
            return outcome.refused(text);
        }
        let Some(list) = list.as_bytes().map(|list| String::from_utf8_lossy(list)) else {
            return outcome.refused("CLIENT LIST makes no sense");
        };
        let client = self.settings.commands.name("CLIENT");
        let mut replies = 1;
        for id in older_hands(&self.settings.owner, epoch, &list) {
            line.connection
                .push([client, "KILL", "ID", &id.to_string()]);
            replies += 1;
        }
        if replies == 1 {
            return outcome.end(Outcome::Done(Done::Fenced));
        }
        if round == FENCE_ROUNDS {
            return outcome.refused("older connections come back");
        }
        line.connection.push([client, "LIST"]);
        let round = round + 1;
        line.wait_for(Some(outcome), What::Fence { epoch, round }, replies);
    }

    /// Closes everything; what was sent may still be done.
    fn close(&mut self) {
        if let Some(opening) = self.opening.take() {
            opening.outcome.not_reached();
        }
        self.drop_line();
    }

    fn drop_line(&mut self) {
        if let Some(line) = self.line.take() {
            line.end();
        }
        for job in self.held.drain(..) {
            job.outcome.not_reached();
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let opening = self.opening.as_ref().map(|opening| &opening.outcome);
        let held = self.held.iter().map(|job| &job.outcome);
        let waiting = self.line.iter().flat_map(|line| &line.waiting);
        let waiting = waiting.filter_map(|waiting| waiting.outcome.as_ref());
        let all = opening.into_iter().chain(held).chain(waiting);
        all.map(|outcome| outcome.deadline).min()
    }

    fn expire(&mut self) {
        let now = self.clock.now();
        if let Some(opening) = self.opening.take_if(|it| it.outcome.deadline <= now) {
            opening.outcome.not_reached();
            self.release();
        }
        for job in std::mem::take(&mut self.held) {
            if job.outcome.deadline <= now {
                job.outcome.not_reached();
            } else {
                self.held.push_back(job);
            }
        }
        let waiting = self.line.iter_mut().flat_map(|line| &mut line.waiting);
        for waiting in waiting {
            if let Some(outcome) = waiting.outcome.take_if(|it| it.deadline <= now) {
                waiting.what.unanswered(outcome);
            }
        }
    }
}

async fn next_reply(line: Option<&mut Line>) -> Result<Frame, Failure> {
    match line {
        Some(line) => line.connection.next().await,
        None => pending().await,
    }
}

async fn finished(opening: Option<&mut Opening>) -> Result<TcpStream, Failure> {
    match opening {
        Some(opening) => opening.attempt.as_mut().await,
        None => pending().await,
    }
}

/// Whether a transaction was refused because of a command that the node does not have.
fn is_unknown_command(replies: &[Frame]) -> bool {
    let mut errors = replies.iter().filter_map(Frame::as_error);
    errors.any(|text| text.starts_with("ERR unknown command"))
}
