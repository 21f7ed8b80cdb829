//! Programs and addresses of the operator that are told what happens: Sentinel's scripts, and
//! webhooks.
//!
//! All of it runs on a thread of its own, because starting a process and resolving a name may take
//! long: whatever a script or a receiver does, the engines are not delayed. Nothing here waits for
//! room either; what is too much is dropped, the oldest first, and named in the log.

mod follow;
mod notice;
mod scripts;
mod webhooks;

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcm_core::event::Event;
use rcm_core::id::GroupName;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::config::{self, Webhook};
pub use notice::{Level, Notice};
pub use scripts::{Limits as ScriptLimits, Pending, Progress};
pub use webhooks::{Limits as WebhookLimits, TlsError};

use scripts::Scripts;
use webhooks::Webhooks;

/// The bounds of all hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of scripts.
    pub scripts: ScriptLimits,
    /// Of webhooks.
    pub webhooks: WebhookLimits,
    /// How long what runs may go on when the monitor stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            scripts: ScriptLimits::default(),
            webhooks: WebhookLimits::default(),
            grace: Duration::from_secs(3),
        }
    }
}

/// A group whose events are passed on.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// Its scripts.
    pub scripts: config::Scripts,
    /// Whether the operator wants nothing to be done: then clients are not moved either.
    pub observes: bool,
    /// What happens to it from now on.
    pub events: broadcast::Receiver<Arc<Event>>,
}

/// Why there are no hooks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system has no thread for them.
    #[error("cannot start the thread of scripts and webhooks: {0}")]
    Thread(#[from] io::Error),
    /// A webhook needs https.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// How far the hooks are from their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// Nothing is begun any more.
    Stopping,
    /// What still runs is ended.
    Killing,
}

/// All hooks of this process. Dropping it stops them, which takes as long as the grace at most,
/// and no time if none runs.
#[derive(Debug)]
pub struct Hooks {
    handle: Handle,
    stage: watch::Sender<Stage>,
    thread: Option<JoinHandle<()>>,
}

/// How others in the program reach the hooks. Nothing here ever waits for a script.
#[derive(Clone, Debug)]
pub struct Handle {
    scripts: Arc<Scripts>,
    of_group: Arc<BTreeMap<GroupName, config::Scripts>>,
}

/// At most this many host names are resolved at once, each on a thread.
const RESOLVERS: usize = 8;
/// How long processes that were killed are waited for.
const BURIAL: Duration = Duration::from_secs(1);

impl Hooks {
    /// Starts the thread, which follows the groups from now on.
    pub fn start(
        groups: Vec<Group>,
        webhooks: Vec<Webhook>,
        limits: Limits,
        clock: Clock,
    ) -> Result<Self, Error> {
        let of_group = groups
            .iter()
            .map(|group| (group.name.clone(), group.scripts.clone()))
            .collect();
        let scripts = Arc::new(Scripts::new(limits.scripts, clock));
        let process = RandomState::new().build_hasher().finish();
        let webhooks = Arc::new(Webhooks::new(webhooks, limits.webhooks, process)?);
        let handle = Handle {
            scripts: Arc::clone(&scripts),
            of_group: Arc::new(of_group),
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(RESOLVERS)
            .build()?;
        let stage = watch::Sender::new(Stage::Serving);
        let service = Service {
            groups,
            scripts,
            webhooks,
            stage: stage.clone(),
            grace: limits.grace,
            seed: process,
        };
        let thread = thread::Builder::new()
            .name("hooks".to_owned())
            .spawn(move || service.run(runtime))?;
        Ok(Self {
            handle,
            stage,
            thread: Some(thread),
        })
    }

    /// A handle for others.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.stage.send_replace(Stage::Stopping);
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the thread of scripts and webhooks ended after a defect");
        }
    }
}

impl Handle {
    /// Runs the notification script of the group that a warning belongs to.
    pub fn notice(&self, notice: &Notice) {
        if notice.level < Level::Warning {
            return;
        }
        let Some(group) = &notice.group else { return };
        if let Some(scripts) = self.of_group.get(group) {
            self.scripts.notify(group, scripts, notice);
        }
    }

    /// Every script that runs or waits, the oldest first.
    pub fn pending_scripts(&self) -> Vec<Pending> {
        self.scripts.pending()
    }

    /// Scripts that failed for good or ran for too long, from now on. They belong to no group.
    pub fn results(&self) -> broadcast::Receiver<Notice> {
        self.scripts.results()
    }
}

/// What the thread does.
struct Service {
    groups: Vec<Group>,
    scripts: Arc<Scripts>,
    webhooks: Arc<Webhooks>,
    stage: watch::Sender<Stage>,
    grace: Duration,
    seed: u64,
}

impl Service {
    fn run(self, runtime: Runtime) {
        runtime.block_on(self.serve());
        // A name may be being resolved, which cannot be interrupted.
        runtime.shutdown_background();
    }

    async fn serve(self) {
        let Self {
            groups,
            scripts,
            webhooks,
            stage,
            grace,
            seed,
        } = self;
        let mut sources = JoinSet::new();
        for group in groups {
            let (scripts, webhooks) = (Arc::clone(&scripts), Arc::clone(&webhooks));
            sources.spawn(follow::follow(group, scripts, webhooks, stage.subscribe()));
        }
        let mut sinks = JoinSet::new();
        let (running, until) = (Arc::clone(&scripts), stage.subscribe());
        sinks.spawn(async move { running.serve(until).await });
        for target in webhooks.targets() {
            let (target, until) = (Arc::clone(target), stage.subscribe());
            sinks.spawn(async move { target.serve(until, seed).await });
        }
        let mut stopping = stage.subscribe();
        // The sender is here, so this cannot fail.
        stopping
            .wait_for(|stage| *stage >= Stage::Stopping)
            .await
            .ok();
        end_of(&mut sources).await;
        scripts.close();
        webhooks.close();
        if timeout(grace, end_of(&mut sinks)).await.is_err() {
            for target in webhooks
                .targets()
                .iter()
                .filter(|target| target.waiting() > 0)
            {
                let (url, waiting) = (target.url(), target.waiting());
                tracing::warn!(
                    "stopping: events that waited for webhook {url} and are lost: {waiting}"
                );
            }
            stage.send_replace(Stage::Killing);
            timeout(BURIAL, end_of(&mut sinks)).await.ok();
        }
    }
}

/// Waits until all tasks are over. A defect in one of them is a defect of the thread.
async fn end_of(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no task is cancelled");
    }
}
