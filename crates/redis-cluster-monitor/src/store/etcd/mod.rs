//! A store in etcd, for several monitors.
//!
//! Everything is below one prefix, see `keys`. Whoever creates a group's leader key under its lease
//! leads the group, and only the leader's writes are stored. One watch tells every monitor what the
//! others do.
//!
//! Always holds: a write that may have been stored is never called failed; a monitor stops to lead
//! by its own clock before anybody else can begin.

mod board;
mod calls;
mod candidacy;
mod forget;
mod import;
mod keys;
mod mirror;
mod open;
mod records;
mod session;
mod settings;
#[expect(
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    unnameable_types,
    unreachable_pub,
    unused_qualifications,
    reason = "generated from etcd.proto, and compared with it by a test"
)]
#[rustfmt::skip]
mod stubs;
#[cfg(test)]
mod tests;
mod transport;
mod voice;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::{DeploymentId, GroupName, MonitorId, Revision, Version};
use rcm_core::record::Record;
use rcm_core::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::board::Board;
use self::calls::{holds, put};
use self::candidacy::{Candidate, Told};
pub use self::import::{ImportError, import};
use self::keys::{Key, Keys};
pub use self::open::OpenError;
use self::session::Session;
use self::transport::Client;
use self::voice::{Wanted, Words};
use super::file::File;
use super::settings::{Document, Kept};
use super::{Error, Fleet, MAX_OPINION_BYTES, Membership};
use crate::clock::Clock;

/// The longest that leaving may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// A handle to etcd; a copy leads to the same session. When the last is gone, the lease ends by
/// itself; [`Store::leave`](super::Store::leave) ends it at once.
#[derive(Clone, Debug)]
pub struct Etcd(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    keys: Keys,
    clock: Clock,
    deployment: DeploymentId,
    id: MonitorId,
    token: String,
    board: Board,
    session: watch::Receiver<Option<Session>>,
    sentinel: watch::Sender<Option<SocketAddr>>,
    wanted: watch::Sender<Wanted>,
    tasks: Tasks,
    /// Gives this monitor its id, and keeps other processes from using it.
    folder: File,
    /// The deployment began with this process.
    is_first: bool,
}

/// They end with the value.
#[derive(Debug)]
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Etcd {
    pub(super) fn deployment(&self) -> &DeploymentId {
        &self.0.deployment
    }

    pub(super) fn monitor(&self) -> &MonitorId {
        &self.0.id
    }

    pub(super) async fn read(
        &self,
        group: &GroupName,
    ) -> Result<(Option<Record>, Revision), Error> {
        let found = records::read(&self.0.client, &self.0.keys, group).await?;
        if found.0.is_some() {
            return Ok(found);
        }
        let Some(record) = self.remembered(group).await? else {
            return Ok(found);
        };
        match self.store(group, &record, Revision(0)).await {
            Ok(revision) => {
                let (group, epoch) = (group.as_str(), record.epoch.0);
                tracing::info!(group, "epoch {epoch} goes on from the state folder in etcd");
                Ok((Some(record), revision))
            }
            // It does not lead, or somebody was quicker.
            Err(Error::Conflict) => records::read(&self.0.client, &self.0.keys, group).await,
            Err(error) => Err(error),
        }
    }

    /// Whoever begins the deployment brings what its folder knows of a group, so that epochs go on
    /// where the file store was used before.
    async fn remembered(&self, group: &GroupName) -> Result<Option<Record>, Error> {
        if !self.0.is_first {
            return Ok(None);
        }
        self.0.folder.read(group).await.map(|(record, _)| record)
    }

    pub(super) async fn write(
        &self,
        group: &GroupName,
        record: &Record,
        expect: Revision,
    ) -> Result<Revision, Error> {
        if expect == Revision(0) {
            // Who read before it led has not read what is brought along.
            let remembered = self.remembered(group).await?;
            if remembered.is_some_and(|remembered| remembered.epoch > record.epoch) {
                return Err(Error::Conflict);
            }
        }
        self.store(group, record, expect).await
    }

    async fn store(
        &self,
        group: &GroupName,
        record: &Record,
        expect: Revision,
    ) -> Result<Revision, Error> {
        let session = *self.0.session.borrow();
        let term = session.and_then(|session| self.0.board.term(group, session.lease));
        // Who does not lead is as one who was deposed.
        let term = term.ok_or(Error::Conflict)?;
        records::write(&self.0.client, &self.0.keys, group, record, expect, term).await
    }

    pub(super) async fn settings(&self, group: &GroupName) -> Result<Kept, Error> {
        settings::read(&self.0.client, &self.0.keys, group).await
    }

    pub(super) async fn change_settings(
        &self,
        group: &GroupName,
        document: &Document,
        expect: Version,
    ) -> Result<(), Error> {
        settings::change(&self.0.client, &self.0.keys, group, document, expect).await
    }

    /// Writes what is written already: that this monitor is alive.
    pub(super) async fn probe(&self) -> Result<(), Error> {
        let session = *self.0.session.borrow();
        let Some(Session { lease, .. }) = session else {
            return Err(Error::Failed(
                "this monitor has no lease in etcd".to_owned(),
            ));
        };
        let alive = self.0.keys.of(&Key::Alive(self.0.id.clone()));
        let is_ours = vec![holds(&alive, &self.0.token)];
        let again = vec![put(&alive, self.0.token.as_str(), Some(lease))];
        match self.0.client.transact(is_ours, again, Vec::new()).await {
            Ok(answer) if answer.succeeded => Ok(()),
            Ok(_) => Err(Error::Failed(
                "this monitor is not registered in etcd".to_owned(),
            )),
            Err(fault) => Err(Error::Failed(fault.to_string())),
        }
    }

    /// Follows a group, and leads it when it can and `runs`.
    pub(super) fn join(&self, group: &GroupName, runs: bool) -> Membership {
        let (leadership, led) = watch::channel(super::Leadership::None);
        let (stored, revision) = watch::channel(Revision(0));
        let (opinions, heard) = watch::channel(super::Opinions::new());
        let (leader, who) = watch::channel(None);
        let (resign, resigned_until) = watch::channel(Instant::ZERO);
        let candidate = Candidate {
            client: self.0.client.clone(),
            keys: self.0.keys.clone(),
            clock: self.0.clock,
            id: self.0.id.clone(),
            group: group.clone(),
            board: self.0.board.clone(),
            session: self.0.session.clone(),
            resigned_until,
            runs,
        };
        // It ends when what it tells is told to nobody.
        tokio::spawn(candidate.run(Told {
            leadership,
            leader,
            stored,
            opinions,
        }));
        Membership {
            leadership: led,
            leader: who,
            stored: revision,
            opinions: heard,
            settings: self.0.board.settings(group),
            resigned_until: resign,
        }
    }

    pub(super) fn fleet(&self) -> watch::Receiver<Fleet> {
        self.0.board.fleet()
    }

    pub(super) fn say(&self, group: &GroupName, text: String) {
        if text.len() > MAX_OPINION_BYTES {
            tracing::error!(
                group = group.as_str(),
                "what this monitor sees has {} bytes and is not said; the limit is \
                 {MAX_OPINION_BYTES}",
                text.len()
            );
            return;
        }
        let at = self.0.clock.now();
        self.0.wanted.send_modify(|wanted| {
            wanted.insert(group.clone(), Words { text, at });
        });
    }

    pub(super) fn announce(&self, sentinel: SocketAddr) {
        self.0.sentinel.send_replace(Some(sentinel));
    }

    /// Ends the session at once, so that others need not wait for the lease to end.
    pub(super) async fn leave(self) {
        self.0.tasks.0.iter().for_each(JoinHandle::abort);
        let session = *self.0.session.borrow();
        let Some(Session { lease, .. }) = session else {
            return;
        };
        let leave = session::leave(&self.0.client, &self.0.keys, &self.0.id, lease);
        if timeout(LEAVE_WITHIN, leave).await.is_err() {
            tracing::warn!("could not take leave of etcd within {LEAVE_WITHIN:?}");
        }
    }
}
