//! The servers of the demo, and what is done to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rcm_core::id::Address;
use rcm_core::status::Status;
use rcm_core::verdict::Verdict;
use tokio::sync::watch;

use super::show;
use super::writer::{Outage, Writer};
use crate::local::{self, Binary, Group, Server};

/// The servers of the demo.
#[derive(Debug)]
pub(super) struct Stage {
    group: Group,
    binary: Binary,
}

/// One kill and what came of it.
#[derive(Debug)]
pub(super) struct Act {
    /// Who was killed.
    pub(super) killed: SocketAddr,
    /// Who took over.
    pub(super) heir: SocketAddr,
    /// What the writer felt.
    pub(super) outage: Outage,
    /// Writes that were acknowledged and are gone.
    pub(super) lost: usize,
}

const KILLS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);
/// Time for the reader to read.
const BREATH: Duration = Duration::from_millis(1_500);

impl Stage {
    pub(super) fn build() -> anyhow::Result<Self> {
        let binary = Binary::find()?;
        // With a configuration file, so that the roles survive a restart as they do in production.
        let settings = Server::builder(&binary).with_config_file();
        let group = Group::start(&settings, 2).context("the three servers did not start")?;
        Ok(Self { group, binary })
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.group.addresses()
    }

    pub(super) fn program(&self) -> String {
        self.binary.path().display().to_string()
    }

    /// Kills the primary three times, and hands the servers back. Returns early, with an error, when
    /// `stop` is set.
    pub(super) fn play(
        mut self,
        status: &watch::Receiver<Arc<Status>>,
        stop: &AtomicBool,
    ) -> anyhow::Result<(Self, Vec<Act>)> {
        wait(stop, "a healthy group", || is_whole(&status.borrow()))?;
        let writer = Writer::start(status.clone());
        breathe(stop)?;
        let mut acts = Vec::new();
        for round in 1..=KILLS {
            acts.push(self.act(round, status, &writer, stop)?);
            breathe(stop)?;
        }
        Ok((self, acts))
    }

    fn act(
        &mut self,
        round: usize,
        status: &watch::Receiver<Arc<Status>>,
        writer: &Writer,
        stop: &AtomicBool,
    ) -> anyhow::Result<Act> {
        let epoch = status.borrow().epoch;
        let primary = status.borrow().primary.clone();
        let killed = self.number_of(primary.as_ref())?;
        let victim = &mut self.group.nodes_mut()[killed];
        let address = victim.address();
        show::kill(round, KILLS, address, victim.pid());
        writer.mark();
        victim.kill();
        wait(stop, "a new primary", || status.borrow().epoch > epoch)?;
        wait(stop, "a write to the new primary", || writer.is_over_it())?;
        let heir = self.number_of(status.borrow().primary.as_ref())?;
        let heir = self.group.nodes()[heir].address();
        let outage = writer.outage();
        breathe(stop)?;
        show::restart(address);
        self.group.nodes_mut()[killed].restart()?;
        wait(stop, "the killed node back as a replica", || {
            is_whole(&status.borrow())
        })?;
        let lost = writer.lost(heir)?;
        let act = Act {
            killed: address,
            heir,
            outage,
            lost,
        };
        show::act(&act);
        Ok(act)
    }

    fn number_of(&self, address: Option<&Address>) -> anyhow::Result<usize> {
        let Some(address) = address else {
            bail!("the group has no primary")
        };
        let found = self
            .group
            .addresses()
            .iter()
            .position(|node| node.port() == address.port());
        found.with_context(|| format!("{address} is none of the demo's servers"))
    }
}

/// One primary, two replicas that receive its stream.
fn is_whole(status: &Status) -> bool {
    status.verdict == Verdict::Healthy && status.replicas() == 2
}

fn wait(stop: &AtomicBool, what: &str, condition: impl Fn() -> bool) -> anyhow::Result<()> {
    let stopped = || stop.load(Ordering::Relaxed);
    local::wait_for(PATIENCE, what, || stopped() || condition())?;
    if stopped() {
        bail!("stopped");
    }
    Ok(())
}

fn breathe(stop: &AtomicBool) -> anyhow::Result<()> {
    // Nothing is waited for here: a person reads.
    match local::wait_for(BREATH, "", || stop.load(Ordering::Relaxed)) {
        Ok(()) => bail!("stopped"),
        Err(_) => Ok(()),
    }
}
