//! Watches groups until a signal: what the program is for.

mod doors;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use rcm_core::fencing::Owner;
use rcm_core::id::GroupName;
use rcm_core::status::Status;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch::{self, Receiver};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::doors::{Doors, Plan};
use super::Exit;
use crate::clock::Clock;
use crate::config::{Config, Group};
use crate::driver::{Handle, Setup, Shared};
use crate::redis::{Commands, Settings};
use crate::store::Store;
use crate::store::etcd::{Etcd, OpenError};
use crate::store::file::File;
use crate::store::memory::Memory;
use crate::telemetry;

/// Watches the groups of `config` on this thread until SIGINT or SIGTERM.
pub(super) fn run(config: Config) -> Exit {
    telemetry::init(config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match super::runtime() {
        Ok(runtime) => runtime.block_on(async {
            let clock = Clock::start();
            match open_store(&config, clock).await {
                Ok(store) => until_a_signal(config, Shared::start(clock, store)).await,
                Err(error) => {
                    tracing::error!("{error}");
                    Exit::Store
                }
            }
        }),
        Err(error) => {
            tracing::error!("cannot start: {error}");
            Exit::Failed
        }
    }
}

/// Who only observes agrees with nobody, and leaves nothing behind.
async fn open_store(config: &Config, clock: Clock) -> Result<Store, OpenError> {
    if config.groups.iter().all(|group| group.policy.observe) {
        return Ok(Store::Memory(Memory::anonymous()));
    }
    match &config.etcd {
        Some(settings) => Etcd::open(settings, &config.state_folder, clock)
            .await
            .map(Store::Etcd),
        None => File::open(&config.state_folder, config.groups.len())
            .map(Store::File)
            .map_err(OpenError::Folder),
    }
}

async fn until_a_signal(config: Config, shared: Shared) -> Exit {
    let place = place(&config);
    let plans: Vec<Plan> = config.groups.iter().map(Plan::of).collect();
    let groups: Vec<Handle> = config
        .groups
        .into_iter()
        .map(|group| Handle::spawn(setup(group, &shared), &shared))
        .collect();
    let settings = doors::Settings {
        sentinel: config.sentinel,
        http: config.http,
        proxy: config.proxy,
        webhooks: config.webhooks,
    };
    let watched: Vec<_> = groups.iter().zip(plans).collect();
    let mut doors = match Doors::open(&watched, settings, &shared) {
        Ok(doors) => doors,
        Err(error) => {
            tracing::error!("{error}");
            return Exit::Failed;
        }
    };
    let mut halts = JoinSet::new();
    for group in &groups {
        halts.spawn(halted(group.name().clone(), group.status(), place.clone()));
    }
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("cannot listen for signals");
        return Exit::Failed;
    };
    let mut report = interval(reporting_period(config.report_every));
    report.set_missed_tick_behavior(MissedTickBehavior::Delay);
    report.tick().await;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = report.tick(), if !config.report_every.is_zero() => {
                for group in &groups {
                    let clients = doors.clients_of(group.name());
                    telemetry::summary(&group.status().borrow(), clients);
                }
            }
            Some(_) = halts.join_next() => {
                if halts.is_empty() {
                    return Exit::Halted;
                }
            }
        }
    }
    tracing::info!("stopping: the nodes are left as they are");
    // The groups are watched on while their clients get what is due.
    doors.close_to_clients().await;
    // What happens from here on is nobody's news.
    drop(groups);
    drop(doors);
    shared.store.leave().await;
    Exit::Done
}

/// Where the records are, and what can be done about one that is not the right one.
fn place(config: &Config) -> String {
    match &config.etcd {
        Some(etcd) => format!(
            "in etcd below {}/groups. If the nodes given are the right ones, the record is that of \
             others: delete its key, or choose another prefix",
            etcd.prefix
        ),
        None => format!(
            "in {}. If the nodes given are the right ones, the record is that of others: move the \
             folder away, or choose another --state-dir",
            config.state_folder.display()
        ),
    }
}

fn setup(group: Group, shared: &Shared) -> Setup {
    let Group {
        name,
        nodes,
        policy,
        credentials,
        rename_commands,
        scripts: _,
        proxy: _,
        proxy_replicas: _,
    } = group;
    let owner = Owner {
        deployment: shared.store.deployment().clone(),
        group: name.clone(),
        monitor: shared.store.monitor().clone(),
    };
    let commands = rename_commands
        .iter()
        .fold(Commands::default(), |commands, (old, new)| {
            commands.with_rename(old, new)
        });
    let settings = Settings {
        credentials,
        commands,
        owner,
        replication: None,
        policy: watch::channel(policy.clone()).1,
    };
    Setup {
        name,
        nodes,
        policy,
        settings: Arc::new(settings),
        seed: seed(),
    }
}

/// A different number in every process; it only spreads retries.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A period that a timer accepts, also when nothing is to be reported.
fn reporting_period(report_every: Duration) -> Duration {
    report_every.max(Duration::from_millis(1))
}

/// Waits until the group cannot be served, and says what can be done about it.
async fn halted(name: GroupName, mut status: Receiver<Arc<Status>>, place: String) {
    if status.wait_for(|status| status.halted).await.is_err() {
        // Its task ends only with the program.
        return std::future::pending().await;
    }
    tracing::error!(
        group = name.as_str(),
        "not served. Its record is {place} or another name for the group; the roles are then found \
         out by asking"
    );
}
