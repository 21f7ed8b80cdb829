//! When Sentinels, and whoever speaks their language, name the new primary.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use redis_cluster_monitor::local::Client;

use super::Worker;
use super::route::primary_by;

/// Bounds the error of what is measured here. Not shorter: being asked is work.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Who is mute so long is asked on a new connection.
const MUTE_AFTER: Duration = Duration::from_millis(500);

/// Asks all of them until it is stopped, one thread each.
#[derive(Debug)]
pub(crate) struct Asking(Vec<Worker<Vec<Answer>>>);

/// Every change of what each of them answered.
#[derive(Debug)]
pub(crate) struct Answers(Vec<Vec<Answer>>);

/// None where there was no answer.
type Answer = (Instant, Option<SocketAddr>);

impl Asking {
    pub(crate) fn start(sentinels: &[SocketAddr], group: &str) -> Self {
        let ask = |&sentinel: &SocketAddr| {
            let group = group.to_owned();
            Worker::start(move |stopping| follow(sentinel, &group, stopping))
        };
        Self(sentinels.iter().map(ask).collect())
    }

    pub(crate) fn stop(self) -> anyhow::Result<Answers> {
        let answers = self.0.into_iter().map(Worker::stop);
        let answers: Option<_> = answers.collect();
        Ok(Answers(answers.context("who asks Sentinels panicked")?))
    }
}

impl Answers {
    /// When the first of them named `primary`, not before `since`.
    pub(crate) fn first(&self, primary: SocketAddr, since: Instant) -> Option<Instant> {
        self.times(primary, since).flatten().min()
    }

    /// When the last of them did, if all did.
    pub(crate) fn last(&self, primary: SocketAddr, since: Instant) -> Option<Instant> {
        let times: Option<Vec<_>> = self.times(primary, since).collect();
        times?.into_iter().max()
    }

    fn times(
        &self,
        primary: SocketAddr,
        since: Instant,
    ) -> impl Iterator<Item = Option<Instant>> + '_ {
        self.0.iter().map(move |answers| {
            let mut its = answers.iter();
            its.find(|(at, told)| *at >= since && *told == Some(primary))
                .map(|(at, _)| *at)
        })
    }
}

fn follow(sentinel: SocketAddr, group: &str, stopping: &AtomicBool) -> Vec<Answer> {
    let mut connection = None;
    let mut answers: Vec<Answer> = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        if connection.is_none() {
            connection = Client::connect(sentinel, MUTE_AFTER).ok();
        }
        let told = connection
            .as_mut()
            .and_then(|client| primary_by(client, group));
        if told.is_none() {
            connection = None;
        }
        if answers.last().is_none_or(|(_, last)| *last != told) {
            answers.push((Instant::now(), told));
        }
        thread::sleep(ASK_EVERY);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_counts_only_if_all_answered() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let [old, new] = [1, 2].map(|port| Some(SocketAddr::from(([127, 0, 0, 1], port))));
        let mut answers = Answers(vec![
            vec![(at(0), old), (at(5), None), (at(9), new)],
            vec![(at(0), old)],
        ]);
        assert_eq!(answers.first(new.unwrap(), start), Some(at(9)));
        assert_eq!(answers.last(new.unwrap(), start), None);
        answers.0[1].push((at(20), new));
        assert_eq!(answers.last(new.unwrap(), start), Some(at(20)));
    }
}
