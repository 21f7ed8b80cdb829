//! The monitors of the demo, and what they say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use serde_json::Value;

use super::show;
use crate::local::{Etcd, Monitor, Office};

pub(super) const GROUP: &str = "demo";

/// As many as survive the loss of one.
const MEMBERS: usize = 3;

/// Of what several monitors log, what a reader wants to know.
const TELLING: [&str; 7] = [
    "primary-adopted",
    "failover-started",
    "failover-resumed",
    "candidate-chosen",
    "node-promoted",
    "primary-switched",
    "primary-learned",
];

/// They end before what they agree in.
#[derive(Debug)]
pub(super) struct Monitors {
    all: Vec<Monitor>,
    deeds: Arc<Deeds>,
    etcd: Option<Etcd>,
}

/// What was done, as the logs tell.
#[derive(Debug, Default)]
struct Deeds {
    failovers: AtomicUsize,
    /// Who did the last thing that needs the right to act.
    actor: AtomicUsize,
}

impl Monitors {
    /// An etcd, if there are several.
    pub(super) fn prepare(count: usize) -> anyhow::Result<Option<Etcd>> {
        let etcd = (count > 1).then(|| Etcd::with(MEMBERS, &[]));
        let etcd = etcd.transpose();
        etcd.context("several monitors need an etcd")
    }

    pub(super) fn start(
        count: usize,
        etcd: Option<Etcd>,
        nodes: &[SocketAddr],
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program does not find itself")?;
        let store = etcd.as_ref().map(Etcd::store);
        let deeds = Arc::new(Deeds::default());
        let start = |number| {
            let deeds = Arc::clone(&deeds);
            let hear = move |line: &str| deeds.hear(number, count, line);
            let (program, store) = (program.clone(), store.as_deref());
            Monitor::start(program, GROUP, nodes, store, Arc::new(hear))
        };
        let all = (0..count).map(start).collect::<Result<_, _>>()?;
        Ok(Self { all, deeds, etcd })
    }

    pub(super) fn are_several(&self) -> bool {
        self.etcd.is_some()
    }

    /// Where clients ask for the primary.
    pub(super) fn sentinels(&self) -> Vec<SocketAddr> {
        self.all.iter().map(Monitor::sentinel).collect()
    }

    /// Where the etcd is, if there is one.
    pub(super) fn etcd(&self) -> Vec<SocketAddr> {
        self.etcd.as_ref().map(Etcd::endpoints).unwrap_or_default()
    }

    /// What the first one says that can be asked and knows.
    pub(super) fn office(&self) -> Option<Office> {
        let mut running = self.all.iter().filter(|it| it.pid().is_some());
        running.find_map(|it| it.office().ok())
    }

    /// Whether all of them see all of them, and a primary with so many replicas.
    pub(super) fn see_all(&self, replicas: usize) -> bool {
        let monitors = self.all.len();
        self.all
            .iter()
            .all(|it| it.sees_all(replicas, monitors).unwrap_or(false))
    }

    /// How many failovers they have told of.
    pub(super) fn failovers(&self) -> usize {
        self.deeds.failovers.load(Ordering::Acquire)
    }

    /// The number of the one that acts.
    pub(super) fn actor(&self) -> usize {
        self.deeds.actor.load(Ordering::Acquire)
    }

    pub(super) fn pid(&self, number: usize) -> Option<u32> {
        self.all[number].pid()
    }

    pub(super) fn kill(&mut self, number: usize) {
        self.all[number].kill();
    }

    pub(super) fn restart(&mut self, number: usize) -> anyhow::Result<()> {
        Ok(self.all[number].restart()?)
    }

    /// Whether one of them ended without being killed.
    pub(super) fn miss_one(&mut self) -> bool {
        self.all.iter_mut().any(Monitor::has_ended)
    }
}

impl Deeds {
    fn hear(&self, number: usize, monitors: usize, line: &str) {
        let Ok(told) = serde_json::from_str::<Value>(line) else {
            // It is about to end.
            show::log(&show::name(number, monitors), line);
            return;
        };
        let code = told["code"].as_str().unwrap_or_default();
        if monitors == 1 || TELLING.contains(&code) || told["level"] == "error" {
            let text = |field: &str| told[field].as_str().unwrap_or_default();
            let (_, time) = text("ts").split_once('T').unwrap_or_default();
            let time = time.trim_end_matches('Z');
            let who = show::name(number, monitors);
            show::log(&format!("{time}  {who}"), text("message"));
        }
        if ["primary-adopted", "primary-switched"].contains(&code) {
            self.actor.store(number, Ordering::Release);
        }
        if code == "primary-switched" {
            self.failovers.fetch_add(1, Ordering::Release);
        }
    }
}
