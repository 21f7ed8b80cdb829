//! A group of three under a writer, with a contender that is ready for what comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};

use anyhow::Context;
use redis_cluster_monitor::local::{Builder, Group, Server};

use super::Bed;
use crate::contender::{Contender, DOWN, Running, Watched};
use crate::island::Island;
use crate::measure::{Asking, Role, Watch, Writer};
use crate::raw::{Figure, Line, Versions};
use crate::stop;

pub(super) const REPLICAS: usize = 2;

const GROUP: &str = "mymaster";

/// A large primary takes seconds to be sent to its replicas.
const IN_STEP_DEADLINE: Duration = Duration::from_secs(60);

/// Contenders and servers do many things once a second.
const PERIOD: Duration = Duration::from_secs(1);

/// How long everything runs undisturbed at least.
const WARM_UP: Duration = Duration::from_millis(300);

/// A Sentinel that missed its first chance waits for twice its failover timeout.
const TAKEOVER_DEADLINE: Duration = Duration::from_secs(60);

/// So many writes are more than were on their way.
const UNDISTURBED: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Values of this size fill a heap quickly.
pub(super) const VALUE: usize = 64 * 1024;

/// What a scenario needs besides a group and a writer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setup {
    /// How many bytes of data there are.
    pub(super) heap: usize,
    /// A second client, which stays with the first primary whatever becomes of it.
    pub(super) has_loyal_client: bool,
    /// The first primary is on a host of its own, which can be cut off.
    pub(super) has_island: bool,
    /// The writer knows that its server may be slow.
    pub(super) is_patient: bool,
}

/// Ends in the order of its fields: first those who would react to the end of the others.
pub(super) struct Stage {
    pub(super) contender: Box<dyn Running>,
    log: Option<PathBuf>,
    writer: Option<Writer>,
    loyal: Option<Writer>,
    asking: Option<Asking>,
    pub(super) watch: Arc<Watch>,
    pub(super) group: Group,
    pub(super) island: Option<Island>,
}

impl Stage {
    /// Starts all, and waits until the moment of the fault has come.
    pub(super) fn set(
        bed: &Bed,
        contender: &Contender,
        setup: Setup,
        line: &mut Line,
    ) -> anyhow::Result<Self> {
        stop::check()?;
        let island = setup.has_island.then(Island::new).transpose()?;
        let group = start(bed, setup, island.as_ref())?;
        line.versions = Versions::here(&group.nodes()[0].info("server")?);
        line.set("replicas", REPLICAS);
        if setup.heap > 0 {
            line.set("heap-bytes", setup.heap);
        }
        fill(&group, setup.heap)?;
        // After the first sync a primary sends nothing until the replica's first sign, up to a second
        // later. That has no part in what is measured.
        group.nodes()[0].text(&["SET", "begin", "now"])?;
        group.wait_until_in_step(0, IN_STEP_DEADLINE)?;

        let watched = Watched {
            name: GROUP.into(),
            nodes: group.addresses(),
        };
        let running = contender.start(&bed.tools, &[watched])?;
        line.tell_of(running.as_ref());
        let watch = Arc::new(Watch::start(group.addresses()));
        wait_until_in_place(&watch)?;

        let mut route = contender.route(running.as_ref(), GROUP, &watch)?;
        if setup.is_patient {
            route = route.patient();
        }
        let ferry = island.as_ref().map(Island::ferry);
        let first = watch.addresses()[0];
        let stage = Self {
            log: bed.log(line),
            writer: Some(Writer::start(route)),
            loyal: setup.has_loyal_client.then(|| Writer::loyal(first, ferry)),
            asking: Some(Asking::start(&running.sentinels()?, GROUP)),
            contender: running,
            watch,
            group,
            island,
        };
        stop::sleep(WARM_UP + phase(line.repetition))?;
        Ok(stage)
    }

    /// Waits for the new primary, and for the others to follow it.
    pub(super) fn takeover(&self, fault: Instant, line: &mut Line) -> anyhow::Result<()> {
        let promoted = self.wait(fault, "a replica answering as a primary", is_taken_over)?;
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
    pub(super) fn rejoin(&self, back: Instant, line: &mut Line) -> anyhow::Result<()> {
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
        Ok(())
    }

    /// Waits until there is a primary, whoever it is, and all others follow it.
    pub(super) fn wait_until_in_line(&self, since: Instant) -> anyhow::Result<()> {
        self.wait(since, "everybody following one primary", |roles| {
            let follow = |primary: usize| {
                let mut others = (0..roles.len()).filter(|node| *node != primary);
                others.all(|node| self.follows(roles[node], primary))
            };
            (0..roles.len()).any(|node| roles[node] == Role::Primary && follow(node))
        })
        .map(drop)
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

    /// What the clients went through since the fault. They are stopped.
    pub(super) fn account(&mut self, fault: Instant, line: &mut Line) -> anyhow::Result<()> {
        self.wait_until_writing()?;
        let taken = "the clients were stopped before";
        let account = self.writer.take().context(taken)?.stop()?;
        let loyal = self.loyal.take().map(Writer::stop).transpose()?;
        let answers = self.asking.take().context(taken)?.stop()?;

        let figures = &mut line.figures;
        let longest = account.longest_wait(fault);
        let longest = longest.context("no write was acknowledged any more")?;
        figures.put_duration(Figure::OutageMs, longest);
        figures.put_count(Figure::FailedWrites, account.failures())?;
        let promotions = self.watch.promotions(fault);
        figures.put_count(Figure::Promotions, promotions as u64)?;

        let primary = self.watch.primary();
        let primary = primary.context("there is no primary any more")?;
        let (old, primary) = (self.watch.addresses()[0], self.watch.addresses()[primary]);
        let promoted = self.watch.seen(fault, is_taken_over);
        // Where nobody took over, whatever was acknowledged was acknowledged by the old one.
        let boundary = promoted.unwrap_or_else(Instant::now);
        let lost = account.lost(primary, old, boundary)?;
        figures.put_count(Figure::LostWrites, lost.all().into())?;
        figures.put_count(Figure::LostOldWrites, lost.by_old.into())?;
        figures.put_count(Figure::LostNewWrites, lost.by_new.into())?;
        if let Some(loyal) = loyal {
            let stale = [&account, &loyal].map(|its| its.acknowledged_by(old, boundary));
            figures.put_count(Figure::StaleWrites, stale.iter().sum::<usize>() as u64)?;
            let lost = loyal.lost(primary, old, boundary)?;
            figures.put_count(Figure::LostLoyalWrites, lost.all().into())?;
        }
        for (figure, at) in [
            (Figure::AnsweredMs, answers.first(primary, fault)),
            (Figure::AllAnsweredMs, answers.last(primary, fault)),
        ] {
            if let (Some(at), Some(_)) = (at, promoted) {
                figures.put_duration(figure, at - fault);
            }
        }
        self.tell_phases(fault, line);
        Ok(())
    }

    /// Until the writer has found somebody who takes its writes, and all that waited is written. Who
    /// looks for a primary by itself may be later than everybody else.
    fn wait_until_writing(&self) -> anyhow::Result<()> {
        let writer = self.writer.as_ref().context("the writer was stopped")?;
        let enough = writer.acknowledged() + UNDISTURBED;
        let what = "the writer's writes being acknowledged";
        stop::wait_for(TAKEOVER_DEADLINE, LOOK_EVERY, what, || {
            Ok(writer.acknowledged() >= enough)
        })?;
        Ok(stop::sleep(WARM_UP)?)
    }

    /// What the contender says of it, by the clock of its log.
    fn tell_phases(&self, fault: Instant, line: &mut Line) {
        let Some(fault) = SystemTime::now().checked_sub(fault.elapsed()) else {
            return;
        };
        let phases = self.contender.phases(GROUP, fault);
        if let Some(down) = phases.iter().find(|phase| phase.name == DOWN) {
            line.figures.put(Figure::DetectedMs, down.after_ms);
        }
        let phases = phases.into_iter();
        line.phases = phases
            .map(|phase| (phase.name.to_owned(), phase.after_ms))
            .collect();
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
        let written = self.log.as_ref().map_or(Ok(()), |path| {
            fs::write(path, self.contender.log())
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
        });
        if let Err(error) = written {
            eprintln!("cannot write {error}");
        }
    }
}

/// Whether a replica is a primary.
pub(super) fn is_taken_over(roles: &[Role]) -> bool {
    roles[1..].contains(&Role::Primary)
}

/// Moments that are spread evenly over a period, the same ones for every contender.
pub(super) fn phase(repetition: u32) -> Duration {
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    PERIOD.mul_f64((f64::from(repetition) * golden).fract())
}

/// A group, its primary on the island if there is one.
fn start(bed: &Bed, setup: Setup, island: Option<&Island>) -> anyhow::Result<Group> {
    let settings = |builder: Builder| {
        let builder = builder.with_config_file();
        if setup.heap == 0 {
            return builder;
        }
        // Filled faster than it is replicated; nobody shall start again from the beginning.
        builder.set("client-output-buffer-limit", &["replica", "0", "0", "0"])
    };
    let here = settings(Server::builder(&bed.server));
    let Some(island) = island else {
        return Ok(Group::start(&here, REPLICAS)?);
    };
    // Nobody else is there, so every port is free.
    let there = settings(Server::builder(&island.program(&bed.server)?));
    let primary = there.bind(island.there()).port(6379).start()?;
    let here = here.bind(island.here()).replica_of(primary.address());
    let mut nodes = vec![primary];
    for _ in 0..REPLICAS {
        nodes.push(here.clone().start()?);
    }
    Ok(Group::of(nodes)?)
}

fn wait_until_in_place(watch: &Watch) -> anyhow::Result<()> {
    let what = "everybody in place";
    let is_replica = |role: &Role| matches!(role, Role::Replica { .. });
    let waited = watch.wait(Instant::now(), TAKEOVER_DEADLINE, what, |roles| {
        roles[0] == Role::Primary && roles[1..].iter().all(is_replica)
    });
    waited.map(drop)
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
