//! A group of three under a writer, with a contender that is ready for what comes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use redis_cluster_monitor::local::{Group, Server};

use super::Bed;
use crate::contender::{Contender, Running, Watched};
use crate::measure::{Role, Watch, Writer};
use crate::raw::{Figure, Line, Versions};
use crate::stop;

pub(super) const REPLICAS: usize = 2;

/// A large primary takes seconds to be sent to its replicas.
const IN_STEP_DEADLINE: Duration = Duration::from_secs(60);

/// Contenders and servers do many things once a second.
const PERIOD: Duration = Duration::from_secs(1);

/// How long everything runs undisturbed at least.
const WARM_UP: Duration = Duration::from_millis(300);

/// A Sentinel that missed its first chance waits for twice its failover timeout.
const TAKEOVER_DEADLINE: Duration = Duration::from_secs(60);

/// Values of this size fill a heap quickly.
const VALUE: usize = 64 * 1024;

/// Ends in the order of its fields: first those who would react to the end of the others.
pub(super) struct Stage {
    contender: Box<dyn Running>,
    log: Option<PathBuf>,
    writer: Option<Writer>,
    pub(super) watch: Arc<Watch>,
    pub(super) group: Group,
}

impl Stage {
    /// Starts all, with `heap` bytes of data, and waits until the moment of the fault has come.
    pub(super) fn set(
        bed: &Bed,
        contender: &Contender,
        heap: usize,
        line: &mut Line,
    ) -> anyhow::Result<Self> {
        stop::check()?;
        let mut settings = Server::builder(&bed.server).with_config_file();
        if heap > 0 {
            // Filled faster than it is replicated; nobody shall start again from the beginning.
            settings = settings.set("client-output-buffer-limit", &["replica", "0", "0", "0"]);
        }
        let group = Group::start(&settings, REPLICAS)?;
        line.versions = Versions::here(&group.nodes()[0].info("server")?);
        line.parameters
            .insert("replicas".into(), REPLICAS.to_string());
        fill(&group, heap)?;
        // After the first sync a primary sends nothing until the replica's first sign, up to a second
        // later. That has no part in what is measured.
        group.nodes()[0].text(&["SET", "begin", "now"])?;
        group.wait_until_in_step(0, IN_STEP_DEADLINE)?;

        let watched = Watched {
            name: "mymaster".into(),
            nodes: group.addresses(),
        };
        let contender = contender.start(&bed.tools, &[watched])?;
        line.versions.contender = contender.version();
        for (name, value) in contender.parameters() {
            line.parameters.insert(format!("contender.{name}"), value);
        }

        let file = format!(
            "{}-{}-{}.log",
            line.scenario, line.repetition, line.contender
        );
        let log = bed.logs.as_ref().map(|folder| folder.join(file));
        let watch = Arc::new(Watch::start(group.addresses()));
        let begun = Instant::now();
        watch.wait(begun, TAKEOVER_DEADLINE, "everybody in place", |roles| {
            roles[0] == Role::Primary
                && roles[1..]
                    .iter()
                    .all(|role| *role != Role::Unknown && *role != Role::Primary)
        })?;
        let stage = Self {
            contender,
            log,
            writer: Some(Writer::start(Arc::clone(&watch))),
            watch,
            group,
        };
        stop::sleep(WARM_UP + phase(line.repetition))?;
        Ok(stage)
    }

    /// Waits for the new primary, and for the others to follow it.
    pub(super) fn takeover(&self, fault: Instant, line: &mut Line) -> anyhow::Result<()> {
        let promoted = self.wait(fault, "a replica answering as a primary", |roles| {
            roles[1..].contains(&Role::Primary)
        })?;
        line.figures
            .put_duration(Figure::PromotedMs, promoted - fault);
        let primary = self
            .watch
            .primary()
            .context("the new primary is gone again")?;

        let following = self.wait(fault, "the survivors following the new primary", |roles| {
            let mut survivors = (1..roles.len()).filter(|node| *node != primary);
            roles[primary] == Role::Primary
                && survivors.all(|node| self.follows(roles[node], primary))
        })?;
        line.figures
            .put_duration(Figure::FollowingMs, following - fault);
        Ok(())
    }

    /// Waits until the first primary is back in line. It has been there since `back`.
    pub(super) fn rejoin(
        &self,
        fault: Instant,
        back: Instant,
        line: &mut Line,
    ) -> anyhow::Result<()> {
        let demoted = self.wait(back, "the old primary becoming a replica", |roles| {
            matches!(roles[0], Role::Replica { .. })
        })?;
        line.figures
            .put_duration(Figure::StalePrimaryMs, demoted - back);
        let rejoined = self.wait(back, "the old primary following a new one", |roles| {
            // Whoever that is by now.
            (1..roles.len())
                .any(|node| roles[node] == Role::Primary && self.follows(roles[0], node))
        })?;
        line.figures
            .put_duration(Figure::RejoinedMs, rejoined - back);
        self.count_promotions(fault, line)
    }

    pub(super) fn wait(
        &self,
        since: Instant,
        what: &str,
        condition: impl Fn(&[Role]) -> bool,
    ) -> anyhow::Result<Instant> {
        let waited = self.watch.wait(since, TAKEOVER_DEADLINE, what, condition);
        waited.with_context(|| {
            format!(
                "the contender's log ends with:\n{}",
                self.contender.log_tail()
            )
        })
    }

    /// What the writer went through since the fault. It is stopped.
    pub(super) fn account(&mut self, fault: Instant, line: &mut Line) -> anyhow::Result<()> {
        // Until all that waited has been written.
        stop::sleep(WARM_UP)?;
        let writer = self
            .writer
            .take()
            .context("the writer was stopped before")?;
        let account = writer.stop()?;
        let longest = account
            .longest_wait(fault)
            .context("no write was acknowledged any more")?;
        line.figures.put_duration(Figure::OutageMs, longest);
        self.count_promotions(fault, line)?;
        let primary = self
            .watch
            .primary()
            .context("there is no primary any more")?;
        let missing = account.missing(self.watch.addresses()[primary])?;
        line.figures
            .put(Figure::LostWrites, f64::from(u32::try_from(missing)?));
        Ok(())
    }

    fn count_promotions(&self, fault: Instant, line: &mut Line) -> anyhow::Result<()> {
        let promotions = u32::try_from(self.watch.promotions(fault))?;
        line.figures.put(Figure::Promotions, f64::from(promotions));
        Ok(())
    }

    fn follows(&self, role: Role, primary: usize) -> bool {
        let of = self.watch.addresses()[primary];
        role == Role::Replica {
            of,
            is_attached: true,
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(path) = &self.log
            && let Err(error) = fs::write(path, self.contender.log())
        {
            eprintln!("cannot write {}: {error}", path.display());
        }
    }
}

/// Moments that are spread evenly over a period, the same ones for every contender.
pub(super) fn phase(repetition: u32) -> Duration {
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    PERIOD.mul_f64((f64::from(repetition) * golden).fract())
}

fn fill(group: &Group, heap: usize) -> anyhow::Result<()> {
    if heap == 0 {
        return Ok(());
    }
    let value = vec![b'x'; VALUE];
    let mut client = group.nodes()[0].client()?;
    for number in 0..heap / VALUE {
        stop::check()?;
        client.text(&[b"SET", format!("fill:{number}").as_bytes(), &value])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_over_the_period() {
        let mut moments: Vec<_> = (1..=50).map(phase).collect();
        moments.sort();
        let widest = moments
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .max()
            .unwrap();
        assert!(widest < PERIOD / 25, "{widest:?}");
    }
}
