//! How a monitor joins a deployment, and learns what is stored there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::DeploymentId;
use tokio::sync::watch;
use tokio::time::sleep;

use super::board::Board;
use super::calls::{created, found, get, put};
use super::forget::Registrar;
use super::keys::Keys;
use super::session::{Holder, Session, Trouble};
use super::transport::{self, Client, Fault};
use super::voice::{Voice, Wanted};
use super::{Etcd, Shared, Tasks, mirror, settings};
use crate::clock::Clock;
use crate::config::Etcd as Settings;
use crate::store::file::{self, File};
use crate::store::jitter;

/// How long etcd is waited for at the start.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How long another process with our id may be alive before it is believed: the lease of one that
/// was killed is over by then.
const TAKEN_AFTER: Duration = Duration::from_secs(4);
/// How long nothing is tried after a failure, a quarter more or less.
const PAUSE: Duration = Duration::from_millis(100);

/// Why etcd cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This monitor has no state folder of its own.
    #[error(transparent)]
    Folder(#[from] file::OpenError),
    /// The certificates or the key cannot be used.
    #[error("the certificates for etcd cannot be used: {0}")]
    Tls(String),
    /// Another process uses the same id.
    #[error("{0}")]
    Taken(String),
    /// It did not answer, or not as it should.
    #[error(
        "etcd cannot be used: {0}; see that it runs, and that the endpoints, the certificates and \
         the password are the right ones"
    )]
    Unusable(String),
}

impl Etcd {
    /// Joins the deployment below the prefix, under the id that is kept in `state_folder`.
    pub async fn open(
        settings: &Settings,
        state_folder: &Path,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let folder = File::open(state_folder, 0)?;
        let client = Client::new(settings, clock)
            .map_err(|error| OpenError::Tls(transport::innermost(&error)))?;
        let keys = Keys::below(&settings.prefix);
        let (fresh, token) = file::random_names().map_err(|errno| {
            OpenError::Unusable(format!("there are no random numbers: {errno}"))
        })?;
        let (sentinel, announced) = watch::channel(None);
        let mut holder = Holder {
            client: client.clone(),
            keys: keys.clone(),
            clock,
            id: folder.monitor().clone(),
            token: token.to_string(),
            sentinel: announced,
        };
        let (deployment, session) = join(&mut holder, &fresh).await?;

        let is_first = deployment == fresh;
        let board = Board::default();
        learn(&client, &keys, &board, is_first.then_some(&folder))
            .await
            .map_err(|fault| OpenError::Unusable(fault.to_string()))?;
        let (publisher, sessions) = watch::channel(Some(session));
        let (wanted, heard) = watch::channel(Wanted::new());
        let voice = Voice {
            client: client.clone(),
            keys: keys.clone(),
            id: holder.id.clone(),
            clock,
            session: sessions.clone(),
            wanted: heard,
        };
        let registrar = Registrar {
            client: client.clone(),
            keys: keys.clone(),
            clock,
            board: board.clone(),
            session: sessions.clone(),
            after: settings.forget_after,
        };
        let (id, token) = (holder.id.clone(), holder.token.clone());
        let tasks = vec![
            tokio::spawn(holder.hold(session, publisher)),
            tokio::spawn(mirror::run(
                client.clone(),
                keys.clone(),
                board.clone(),
                clock,
            )),
            tokio::spawn(voice.run()),
            tokio::spawn(registrar.run()),
        ];
        Ok(Self(Arc::new(Shared {
            client,
            keys,
            clock,
            deployment,
            id,
            token,
            board,
            session: sessions,
            sentinel,
            wanted,
            tasks: Tasks(tasks),
            folder,
            is_first,
        })))
    }
}

/// What is stored is known before anything is decided by it. `folder` is that of whoever begins the
/// deployment.
async fn learn(
    client: &Client,
    keys: &Keys,
    board: &Board,
    folder: Option<&File>,
) -> Result<(), Fault> {
    if let Some(folder) = folder {
        settings::bring_along(client, keys, folder.settings().all()).await?;
    }
    let (all, _) = mirror::read(client, keys).await?;
    board.replace(keys, &all);
    Ok(())
}

/// The name of the deployment, and the first session. `fresh` is the name of one that begins here.
async fn join(
    holder: &mut Holder,
    fresh: &DeploymentId,
) -> Result<(DeploymentId, Session), OpenError> {
    let started = holder.clock.now();
    let since = |holder: &Holder| holder.clock.now().since(started);
    loop {
        let trouble = match deployment(&holder.client, &holder.keys, fresh).await {
            Ok(Ok(deployment)) => match holder.begin().await {
                Ok(session) => return Ok((deployment, session)),
                Err(trouble @ Trouble::Taken(_)) if since(holder) >= TAKEN_AFTER => {
                    return Err(OpenError::Taken(trouble.to_string()));
                }
                Err(trouble) => trouble.to_string(),
            },
            Ok(Err(why)) => return Err(OpenError::Unusable(why)),
            Err(fault) => fault.to_string(),
        };
        if since(holder) >= START_WITHIN {
            return Err(OpenError::Unusable(trouble));
        }
        sleep(jitter(PAUSE)).await;
    }
}

/// The name of the deployment, which whoever comes first has given it.
async fn deployment(
    client: &Client,
    keys: &Keys,
    fresh: &DeploymentId,
) -> Result<Result<DeploymentId, String>, Fault> {
    let key = keys.deployment();
    let is_new = vec![created(&key, 0)];
    let name = vec![put(&key, fresh.as_str(), None)];
    let answer = client.transact(is_new, name, vec![get(&key)]).await?;
    if answer.succeeded {
        return Ok(Ok(fresh.clone()));
    }
    let name = found(answer).map(|entry| entry.value).unwrap_or_default();
    let name = String::from_utf8_lossy(&name).into_owned();
    Ok(name
        .parse()
        .map_err(|error| format!("what is at {key} is no name: {error}")))
}
