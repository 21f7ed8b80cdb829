//! What happens to a group. A new scenario is a variant here and a file beside this one.

pub(crate) mod cast;
mod client;
mod fault;
mod fleet;
mod idle;
mod proxy;
mod scale;
mod stage;
mod stress;

use std::cell::{RefCell, RefMut};
use std::path::PathBuf;
use std::time::Duration;

use redis_cluster_monitor::local::{Binary, Library};

pub(crate) use client::Fault;
pub(crate) use proxy::Load;
pub(crate) use scale::Victims;
pub(crate) use stress::Strain;

use crate::contender::{Contender, Tools};
use crate::island::Island;
use crate::raw::Line;
use fleet::Fleet;

/// One of the things that happen to every group one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum Scenario {
    /// A small primary is killed (kill -9) while a client writes.
    Crash,
    /// As crash, with a gigabyte of data, which the operating system takes its time to free.
    #[command(name = "crash-1g")]
    Crash1g,
    /// A primary is told to end (SIGTERM) while a client writes.
    Term,
    /// A primary stops answering (SIGSTOP) while a client writes, and later goes on.
    Hang,
    /// A primary's host is cut off, with a client beside it, and comes back. Linux only, needs root.
    Cut,
    /// A primary is killed, replaced, and started again: how long does it stay a primary?
    Return,
    /// A primary is killed and is back at once, without its data.
    Empty,
    /// A primary is killed while a child of it saves its data and keeps its connections open.
    Fork,
    /// A primary is killed, and the new one too as soon as it is one.
    Second,
    /// A primary is killed, and so is the process that replaces it, while it does.
    Monitor,
    /// A primary is killed together with the process that would replace it, and both stay away.
    Holder,
    /// A primary that is well is handed over because somebody asks for it.
    Switchover,
    /// A primary that is well has a hard time: who replaces it?
    #[command(skip)]
    False(Strain),
    /// Nothing happens to so many groups: what does the watching cost?
    #[command(skip)]
    Idle(usize),
    /// Of so many groups, so many primaries are killed at once.
    #[command(skip)]
    Scale(usize, Victims),
    /// What a proxy before one server costs.
    #[command(skip)]
    Proxy(Load),
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
    /// How long is looked at what does not end by itself.
    pub(crate) window: Duration,
    /// How many bytes a data set has that takes long to save.
    pub(crate) large_heap: usize,
    /// Many servers take long to start, and idle ones can be used again.
    pub(crate) fleet: RefCell<Option<Fleet>>,
}

impl Bed {
    /// So many groups, as the last one left them if that was as large.
    fn fleet(&self, groups: usize) -> anyhow::Result<RefMut<'_, Fleet>> {
        let mut fleet = self.fleet.borrow_mut();
        if fleet.as_ref().is_none_or(|fleet| fleet.len() != groups) {
            // The old one first: two are too many.
            *fleet = None;
            *fleet = Some(Fleet::start(self, groups)?);
        }
        Ok(RefMut::map(fleet, |fleet| {
            fleet.as_mut().expect("it was started above")
        }))
    }

    fn log(&self, line: &Line) -> Option<PathBuf> {
        let file = format!(
            "{}-{}-{}.log",
            line.scenario, line.repetition, line.contender
        );
        self.logs.as_ref().map(|folder| folder.join(file))
    }
}

impl Scenario {
    /// Those with one group.
    pub(crate) const FAULTS: [Self; 12] = [
        Self::Crash,
        Self::Crash1g,
        Self::Term,
        Self::Hang,
        Self::Cut,
        Self::Return,
        Self::Empty,
        Self::Fork,
        Self::Second,
        Self::Monitor,
        Self::Holder,
        Self::Switchover,
    ];

    /// Why it is left out of everything, if it is.
    pub(crate) fn left_out(self, is_quick: bool) -> Option<&'static str> {
        if self == Self::Cut && !Island::is_allowed() {
            return Some("it needs root");
        }
        // In a hang an old primary returns too.
        let is_long = matches!(
            self,
            Self::Crash1g | Self::Return | Self::False(Strain::Quiet | Strain::Save)
        );
        (is_quick && is_long).then_some("it takes long")
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Crash1g => "crash-1g",
            Self::Term => "term",
            Self::Hang => "hang",
            Self::Cut => "cut",
            Self::Return => "return",
            Self::Empty => "empty",
            Self::Fork => "fork",
            Self::Second => "second",
            Self::Monitor => "monitor",
            Self::Holder => "holder",
            Self::Switchover => "switchover",
            Self::False(strain) => strain.name(),
            Self::Idle(_) => "idle",
            Self::Scale(..) => "scale",
            Self::Proxy(load) => load.name(),
            Self::Client(fault, _) => fault.name(),
        }
    }

    /// How often those take part who do it often, unless told otherwise.
    pub(crate) fn runs(self, is_quick: bool) -> u32 {
        if is_quick {
            return if self == Self::Crash { 2 } else { 1 };
        }
        match self {
            Self::Crash => 30,
            Self::Holder => 12,
            Self::Crash1g
            | Self::Term
            | Self::Return
            | Self::Empty
            | Self::Fork
            | Self::Monitor => 5,
            // Sentinel needs a quarter of a minute and more for one.
            Self::Hang | Self::Cut | Self::Switchover => 4,
            Self::Second | Self::Client(..) => 3,
            Self::Idle(_) | Self::Scale(..) | Self::Proxy(_) => 2,
            Self::False(_) => 1,
        }
    }

    /// One repetition, into its line. Whatever it started has ended when it returns, but for an idle
    /// fleet.
    pub(crate) fn run(
        self,
        bed: &Bed,
        contender: &Contender,
        line: &mut Line,
    ) -> anyhow::Result<()> {
        match self {
            Self::Crash => fault::crash(bed, contender, line),
            Self::Crash1g => fault::crash_large(bed, contender, line),
            Self::Term => fault::term(bed, contender, line),
            Self::Hang => fault::hang(bed, contender, line),
            Self::Cut => fault::cut(bed, contender, line),
            Self::Return => fault::return_(bed, contender, line),
            Self::Empty => fault::empty(bed, contender, line),
            Self::Fork => fault::fork(bed, contender, line),
            Self::Second => fault::second(bed, contender, line),
            Self::Monitor => fault::monitor(bed, contender, line),
            Self::Holder => fault::holder(bed, contender, line),
            Self::Switchover => fault::switchover(bed, contender, line),
            Self::False(strain) => stress::run(bed, contender, strain, line),
            Self::Idle(groups) => idle::idle(bed, contender, groups, line),
            Self::Scale(groups, victims) => {
                let done = scale::scale(bed, contender, (groups, victims), line);
                // Nobody knows what is left of it.
                done.inspect_err(|_| bed.fleet.replace(None).into_iter().for_each(drop))
            }
            Self::Proxy(load) => proxy::run(bed, contender, load, line),
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

/// All of these sizes, with all of these losses that fit.
pub(crate) fn of_scale(sizes: &[usize], victims: &[Victims]) -> Vec<Scenario> {
    let with = |&groups: &usize| {
        let fits = move |victims: &&Victims| match victims {
            Victims::Some(count) => *count < groups,
            Victims::All => true,
        };
        let victims = victims.iter().filter(fits);
        victims.map(move |&victims| Scenario::Scale(groups, victims))
    };
    sizes.iter().flat_map(with).collect()
}
