//! What a client library makes of the loss of a primary, with nothing but a Sentinel address.

use std::time::Duration;

use anyhow::Context;
use redis_cluster_monitor::local::{Client, Group, Library, Server, Writing};

use super::Bed;
use super::stage::{REPLICAS, phase};
use crate::contender::{Contender, Running, Watched};
use crate::raw::{Figure, Line, Versions};
use crate::stop;

const GROUP: &str = "mymaster";

/// How often a library is asked to write.
const WRITE_EVERY: Duration = Duration::from_millis(1);

/// How many writes pass undisturbed before the fault, and after it.
const UNDISTURBED: usize = 100;

const START_DEADLINE: Duration = Duration::from_secs(20);

/// Sentinel leaves a primary that was handed over writable for ten seconds and more.
const DEADLINE: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a primary is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    Crash,
    Switchover,
    Hang,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Crash, Self::Switchover, Self::Hang];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crash => "client-crash",
            Self::Switchover => "client-switchover",
            Self::Hang => "client-hang",
        }
    }

    pub(super) fn contenders(self) -> &'static [&'static str] {
        match self {
            Self::Crash | Self::Switchover => &["ours:sentinel=127.0.0.1:0", "redis-sentinel"],
            // The same second as Sentinel.
            Self::Hang => &["ours:hang-after=1s,sentinel=127.0.0.1:0", "redis-sentinel"],
        }
    }
}

/// A library writes, the primary is lost, and the library finds the next one.
pub(super) fn run(
    bed: &Bed,
    contender: &Contender,
    fault: Fault,
    library: Library,
    line: &mut Line,
) -> anyhow::Result<()> {
    line.set("library", library.name());
    line.set("write-every", humantime::format_duration(WRITE_EVERY));

    let settings = Server::builder(&bed.server).with_config_file();
    let mut group = Group::start(&settings, REPLICAS)?;
    line.versions = Versions::here(&group.nodes()[0].info("server")?);
    let watched = Watched {
        name: GROUP.into(),
        nodes: group.addresses(),
    };
    let contender = contender.start(&bed.tools, &[watched])?;
    line.tell_of(contender.as_ref());

    let sentinels = contender.sentinels()?;
    let mut writing = Writing::start(library, &sentinels, GROUP, WRITE_EVERY)?;
    writing.wait_for_acknowledged(UNDISTURBED, START_DEADLINE)?;
    stop::sleep(phase(line.repetition))?;

    let before = writing.acknowledged();
    match fault {
        Fault::Crash => group.nodes_mut()[0].kill(),
        Fault::Hang => group.nodes_mut()[0].pause()?,
        Fault::Switchover => {
            let mut client = Client::connect(sentinels[0], DEADLINE)?;
            client.text(&["SENTINEL", "FAILOVER", GROUP])?;
        }
    }
    let found = wait_until_found(&group);
    let found = found.and_then(|()| Ok(writing.wait_for_acknowledged(UNDISTURBED, DEADLINE)?));
    found.with_context(|| said(contender.as_ref()))?;

    let account = writing.finish()?;
    line.set("library-version", &account.version);
    line.figures
        .put(Figure::ClientOutageMs, account.outage_ms(before));
    let figures = &mut line.figures;
    figures.put_count(Figure::ClientErrors, account.failed() as u64)?;
    figures.put_count(Figure::LostWrites, account.lost())
}

/// Waits until the library writes to another node than the first.
fn wait_until_found(group: &Group) -> anyhow::Result<()> {
    let others = &group.nodes()[1..];
    let mut first = None;
    stop::wait_for(
        DEADLINE,
        LOOK_EVERY,
        "the library writing to the new primary",
        || {
            for node in others {
                if is_primary(node)? {
                    let counter: u64 = node.text(&["GET", "counter"])?.parse()?;
                    return Ok(counter > *first.get_or_insert(counter));
                }
            }
            Ok(false)
        },
    )
}

fn is_primary(node: &Server) -> anyhow::Result<bool> {
    let replication = node.info("replication")?;
    Ok(replication.get("role").is_some_and(|role| role == "master"))
}

fn said(contender: &dyn Running) -> String {
    format!("the contender's log ends with:\n{}", contender.log_tail())
}
