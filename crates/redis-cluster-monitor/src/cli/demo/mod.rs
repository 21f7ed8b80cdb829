//! A failover to be watched: a real primary with two replicas, a monitor, a writer, and three kills.

mod show;
mod stage;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcm_core::fencing::Owner;
use rcm_core::id::Address;
use rcm_core::policy::{Nodes, Policy};
use tokio::signal::unix::{SignalKind, signal};

use self::stage::Stage;
use super::{Exit, say};
use crate::clock::Clock;
use crate::driver::{Handle, Setup, Shared};
use crate::redis::{Commands, Settings};
use crate::store::Store;
use crate::store::file::File;
use crate::telemetry::{self, Log, LogFormat, LogLevel};

/// Shows three failovers; fails when one of them fails.
pub(super) fn run() -> Exit {
    telemetry::init(Log {
        format: LogFormat::Text,
        level: LogLevel::Info,
    });
    let shown = super::runtime()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(show()));
    match shown {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Failed,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            Exit::Failed
        }
    }
}

async fn show() -> anyhow::Result<bool> {
    show::introduce();
    let stage = tokio::task::spawn_blocking(Stage::build).await??;
    show::cast(&stage);
    let folder = tempfile::tempdir()?;
    let store = Store::File(File::open(folder.path(), 1)?);
    let shared = Shared::start(Clock::start(), store);
    let group = watch(&stage, &shared)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (status, stopped) = (group.status(), Arc::clone(&stop));
    let mut play = tokio::task::spawn_blocking(move || stage.play(&status, &stopped));
    tokio::select! {
        played = &mut play => {
            let (stage, acts) = played??;
            // The monitor leaves first: it must not mistake the end of the play for a failure.
            drop(group);
            drop(stage);
            show::curtain(&acts);
            Ok(acts.iter().all(|act| act.heir != act.killed))
        }
        _ = interrupt.recv() => end_early(&stop, play).await,
        _ = terminate.recv() => end_early(&stop, play).await,
    }
}

/// The servers belong to the play: it is over when they are gone.
async fn end_early(
    stop: &AtomicBool,
    play: tokio::task::JoinHandle<anyhow::Result<(Stage, Vec<stage::Act>)>>,
) -> anyhow::Result<bool> {
    stop.store(true, Ordering::Relaxed);
    drop(play.await);
    anyhow::bail!("stopped before the end; nothing is left running")
}

fn watch(stage: &Stage, shared: &Shared) -> anyhow::Result<Handle> {
    let addresses = stage.addresses().into_iter();
    let nodes = addresses.map(|address| Address::new(address.ip().to_string(), address.port()));
    let name: rcm_core::id::GroupName = "demo".parse()?;
    let owner = Owner {
        deployment: shared.store.deployment().clone(),
        group: name.clone(),
        monitor: shared.store.monitor().clone(),
    };
    let policy = Policy::default();
    let commands = Commands::default();
    let settings = Settings {
        credentials: None,
        commands,
        owner,
        replication: None,
        policy: tokio::sync::watch::channel(policy.clone()).1,
    };
    let nodes = Nodes::new(nodes.collect())?;
    let setup = Setup {
        name,
        nodes,
        policy,
        settings: Arc::new(settings),
        seed: 0,
    };
    Ok(Handle::spawn(setup, shared))
}
