//! What happens to a group. A new scenario is a variant here and a file beside this one.

mod client;
mod idle;
mod stage;
mod takeover;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

use redis_cluster_monitor::local::{Binary, Library};

pub(crate) use client::Fault;

use crate::contender::{Contender, Tools};
use crate::raw::Line;

/// One of the things that happen to every group one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum Scenario {
    /// A small primary is killed (kill -9) while a client writes.
    Crash,
    /// A primary stops answering (SIGSTOP) while a client writes, and later goes on.
    Hang,
    /// A primary is killed, replaced, and started again: how long does it stay a primary?
    Return,
    /// As crash, with a gigabyte of data, which the operating system takes its time to free.
    #[command(name = "crash-1g")]
    Crash1g,
    /// Nothing happens to many groups: what does the watching cost? Linux only.
    Idle,
    /// What a client library makes of it.
    #[command(skip)]
    Client(Fault, Library),
}

/// What all repetitions have in common.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) server: Binary,
    pub(crate) tools: Tools,
    /// Where the contenders' logs are kept, if they are.
    pub(crate) logs: Option<PathBuf>,
    /// Of the idle scenario.
    pub(crate) groups: usize,
    /// How long the idle scenario looks.
    pub(crate) window: Duration,
    /// Many servers take long to start, and idle ones can be used again.
    pub(crate) fleet: OnceCell<idle::Fleet>,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] = [
        Self::Crash,
        Self::Hang,
        Self::Return,
        Self::Crash1g,
        Self::Idle,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Return => "return",
            Self::Crash1g => "crash-1g",
            Self::Idle => "idle",
            Self::Client(fault, _) => fault.name(),
        }
    }

    /// Who takes part unless told otherwise. A contender that could be tuned is tuned, within what
    /// its users dare.
    pub(crate) fn contenders(self, is_quick: bool) -> &'static [&'static str] {
        match self {
            Self::Crash | Self::Crash1g | Self::Idle if is_quick => &["ours", "redis-sentinel"],
            Self::Crash | Self::Crash1g => {
                &["ours", "redis-sentinel", "redis-sentinel:down-after=500ms"]
            }
            Self::Hang => &["ours:hang-after=1s", "redis-sentinel"],
            Self::Return => &["ours", "redis-sentinel"],
            Self::Idle => &["ours", "redis-sentinel", "redis-sentinel:count=1,quorum=1"],
            Self::Client(fault, _) => fault.contenders(),
        }
    }

    /// How often unless told otherwise.
    pub(crate) fn runs(self, is_quick: bool) -> u32 {
        match self {
            Self::Crash => [50, 5][usize::from(is_quick)],
            Self::Hang | Self::Return => [20, 2][usize::from(is_quick)],
            Self::Crash1g => [10, 2][usize::from(is_quick)],
            Self::Idle | Self::Client(..) => [3, 1][usize::from(is_quick)],
        }
    }

    /// One repetition, into its line. Whatever it started has ended when it returns.
    pub(crate) fn run(
        self,
        bed: &Bed,
        contender: &Contender,
        line: &mut Line,
    ) -> anyhow::Result<()> {
        match self {
            Self::Crash => takeover::crash(bed, contender, line),
            Self::Hang => takeover::hang(bed, contender, line),
            Self::Return => takeover::return_(bed, contender, line),
            Self::Crash1g => takeover::crash_large(bed, contender, line),
            Self::Idle => idle::idle(bed, contender, line),
            Self::Client(fault, library) => client::run(bed, contender, fault, library, line),
        }
    }
}

/// These faults with these libraries; of what is not named, all.
pub(crate) fn of_clients(faults: &[Fault], libraries: &[Library]) -> Vec<Scenario> {
    let faults = if faults.is_empty() {
        &Fault::ALL
    } else {
        faults
    };
    let libraries = if libraries.is_empty() {
        &Library::ALL
    } else {
        libraries
    };
    let with = |&fault| {
        libraries
            .iter()
            .map(move |&library| Scenario::Client(fault, library))
    };
    faults.iter().flat_map(with).collect()
}
