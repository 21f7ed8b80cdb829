//! The servers and monitors of the demo, and what is done to them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::monitors::Monitors;
use super::show;
use super::writer::{Outage, Writer};
use crate::local::{self, Binary, Group, Office, Server};

/// They end in this order: a monitor must not mistake the end of the play for a failure.
#[derive(Debug)]
pub(super) struct Stage {
    monitors: Monitors,
    group: Group,
}

/// One kill and what came of it.
#[derive(Debug)]
pub(super) struct Act {
    /// Who was killed.
    pub(super) killed: SocketAddr,
    /// The monitor that was killed with it.
    pub(super) also_killed: Option<String>,
    /// Who took over.
    pub(super) heir: SocketAddr,
    /// The monitor that saw to it; of one nobody needs the name.
    pub(super) actor: String,
    /// What the writer felt.
    pub(super) outage: Outage,
    /// Writes that were acknowledged and are gone.
    pub(super) lost: usize,
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victims {
    Primary,
    PrimaryAndActor,
}

const REPLICAS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(20);
/// Time for the reader to read.
const BREATH: Duration = Duration::from_millis(1_500);

const WITH_ONE: &[Victims] = &[Victims::Primary; 3];
const WITH_SEVERAL: &[Victims] = &[Victims::Primary, Victims::PrimaryAndActor];

impl Stage {
    pub(super) fn build(monitors: usize) -> anyhow::Result<Self> {
        let binary = Binary::find()?;
        let etcd = Monitors::prepare(monitors)?;
        // With a configuration file, so that the roles survive a restart as they do in production.
        let settings = Server::builder(&binary).with_config_file();
        let group = Group::start(&settings, REPLICAS);
        let group = group.context("the three servers did not start")?;
        show::servers(&binary, &group.addresses());
        let monitors = Monitors::start(monitors, etcd, &group.addresses())?;
        show::monitors(&monitors);
        Ok(Self { monitors, group })
    }

    /// Kills again and again. Returns early, with an error, when `stop` is set; nothing is left
    /// running in any case.
    pub(super) fn play(mut self, stop: &AtomicBool) -> anyhow::Result<Vec<Act>> {
        self.wait_until_whole(stop)?;
        let writer = Writer::start(self.monitors.sentinels());
        breathe(stop)?;
        let kills = if self.monitors.are_several() {
            WITH_SEVERAL
        } else {
            WITH_ONE
        };
        let mut acts = Vec::new();
        for (number, victims) in kills.iter().enumerate() {
            show::act_begins(number + 1, kills.len());
            let act = self.act(*victims, &writer, stop)?;
            show::act_ends(&act);
            acts.push(act);
            breathe(stop)?;
        }
        Ok(acts)
    }

    fn act(&mut self, victims: Victims, writer: &Writer, stop: &AtomicBool) -> anyhow::Result<Act> {
        let Office { primary, epoch } = self.office()?;
        let failovers = self.monitors.failovers();
        let victim = self.number_of(primary)?;
        let actor = (victims == Victims::PrimaryAndActor).then(|| self.monitors.actor());
        let count = self.monitors.sentinels().len();

        writer.mark();
        if let Some(actor) = actor {
            show::kill_of_monitor(&show::name(actor, count), self.monitors.pid(actor));
            self.monitors.kill(actor);
        }
        let node = &mut self.group.nodes_mut()[victim];
        show::kill(primary, node.pid());
        node.kill();
        self.wait(stop, "a new primary", |stage| {
            let office = stage.monitors.office();
            office.is_some_and(|office| office.epoch > epoch)
        })?;
        self.wait(stop, "a write to the new primary", |_| writer.is_over_it())?;
        self.wait(stop, "a monitor telling what it did", |stage| {
            stage.monitors.failovers() > failovers
        })?;
        let heir = self.office()?.primary;
        let outage = writer.outage();
        let by = show::name(self.monitors.actor(), count);
        breathe(stop)?;

        show::restart(primary);
        self.group.nodes_mut()[victim].restart()?;
        if let Some(actor) = actor {
            show::restart_of_monitor(&show::name(actor, count));
            self.monitors.restart(actor)?;
        }
        self.wait_until_whole(stop)?;
        Ok(Act {
            killed: primary,
            also_killed: actor.map(|actor| show::name(actor, count)),
            heir,
            actor: by,
            outage,
            lost: writer.lost(heir)?,
        })
    }

    fn office(&self) -> anyhow::Result<Office> {
        let office = self.monitors.office();
        office.context("the group has no primary")
    }

    fn number_of(&self, address: SocketAddr) -> anyhow::Result<usize> {
        let mut nodes = self.group.addresses().into_iter();
        let found = nodes.position(|node| node == address);
        found.with_context(|| format!("{address} is none of the demo's servers"))
    }

    fn wait_until_whole(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        self.wait(stop, "everybody in place", |stage| {
            stage.monitors.see_all(REPLICAS)
        })
    }

    fn wait(
        &mut self,
        stop: &AtomicBool,
        what: &str,
        condition: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let mut is_over = false;
        local::wait_for(PATIENCE, what, || {
            is_over = stop.load(Ordering::Relaxed) || self.monitors.miss_one();
            is_over || condition(self)
        })?;
        if is_over {
            bail!("stopped, or a monitor ended");
        }
        Ok(())
    }
}

fn breathe(stop: &AtomicBool) -> anyhow::Result<()> {
    // Nothing is waited for here: a person reads.
    match local::wait_for(BREATH, "", || stop.load(Ordering::Relaxed)) {
        Ok(()) => bail!("stopped"),
        Err(_) => Ok(()),
    }
}
