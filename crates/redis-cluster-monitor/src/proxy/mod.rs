//! A door for programs that know one host and port: requests go to the primary in office, and wait
//! while there is none.
//!
//! A second one leads to replicas, for programs that only read.
//!
//! Decided here: which thread serves whom, and how it begins and ends. Who the primary is comes from
//! the published status. Each thread has its own listener and its own copy of the route, so that
//! nothing is shared between cores while requests pass, and the monitor's own thread does nothing of
//! it.

mod accept;
#[cfg(test)]
mod alone;
mod client;
mod counters;
mod header;
mod line;
pub mod monitors;
mod relay;
mod replicas;
mod room;
mod route;
mod session;
mod socket;
mod source;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use rcm_core::id::GroupName;
use rcm_core::status::Status;
use tokio::sync::watch;

use self::accept::{Door, Towards};
pub use self::counters::{Counter, Counters};
pub use self::header::{Error as HeaderError, Header, read as read_header};
use self::monitors::Monitors;
pub use self::relay::{Over, Relay};
use self::source::Source;
use crate::clock::Clock;
use crate::config::Proxy as Settings;
use crate::driver::AskedToHold;

/// The proxy of one group. It ends with the value, at once; [`Proxy::stop`] waits for its clients.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

/// The group whose primary a proxy follows.
pub struct Followed<'a> {
    /// Its name.
    pub name: GroupName,
    /// What is published of it.
    pub status: watch::Receiver<Arc<Status>>,
    /// Makes the proxy one of those who are asked before writes are paused; called once per thread.
    pub join_holders: &'a mut dyn FnMut() -> AskedToHold,
}

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be had.
    #[error("the proxy of {group} cannot listen on {address}: {source}; choose another address")]
    Listen {
        /// The group.
        group: GroupName,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no thread, or no way to wait for sockets.
    #[error("the proxy of {group} cannot be started: {source}")]
    Start {
        /// The group.
        group: GroupName,
        /// Why.
        source: io::Error,
    },
}

impl Proxy {
    /// Serves a group's clients at `address`; port 0 is a free one.
    pub fn start(
        group: Followed<'_>,
        address: SocketAddr,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let Followed {
            name,
            status,
            join_holders,
        } = group;
        let source = Source::Here(status);
        Self::to_primary(&name, &source, join_holders, address, settings, clock)
    }

    /// Serves clients of a group that only read, from its replicas.
    pub fn to_replicas(
        name: &GroupName,
        status: &watch::Receiver<Arc<Status>>,
        address: SocketAddr,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let source = Source::Here(status.clone());
        Self::to_replicas_of(name, &source, address, settings, clock)
    }

    /// The same as [`Proxy::start`], led by monitors elsewhere.
    pub fn beside(
        monitors: &Monitors,
        address: SocketAddr,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let source = Source::Elsewhere(monitors.roster());
        let name = monitors.group();
        let mut join_holders = || monitors.join_holders();
        Self::to_primary(name, &source, &mut join_holders, address, settings, clock)
    }

    /// The same as [`Proxy::to_replicas`], led by monitors elsewhere.
    pub fn to_replicas_beside(
        monitors: &Monitors,
        address: SocketAddr,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let source = Source::Elsewhere(monitors.roster());
        Self::to_replicas_of(monitors.group(), &source, address, settings, clock)
    }

    fn to_replicas_of(
        name: &GroupName,
        source: &Source,
        address: SocketAddr,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let towards = &mut || Towards::Replicas(source.clone());
        let proxy = Self::open(name, towards, address, settings, clock)?;
        let address = proxy.address;
        tracing::info!(
            group = name.as_str(),
            "proxy to replicas: listening on {address}"
        );
        Ok(proxy)
    }

    fn to_primary(
        name: &GroupName,
        source: &Source,
        join_holders: &mut dyn FnMut() -> AskedToHold,
        address: SocketAddr,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let towards = &mut || Towards::Primary(source.clone(), join_holders());
        let proxy = Self::open(name, towards, address, settings, clock)?;
        let address = proxy.address;
        tracing::info!(group = name.as_str(), "proxy: listening on {address}");
        Ok(proxy)
    }

    /// `towards` is asked once for each thread.
    fn open(
        name: &GroupName,
        towards: &mut dyn FnMut() -> Towards,
        address: SocketAddr,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let threads = settings.threads;
        let listen = |address| {
            let listener = socket::listen(address, threads > 1);
            listener.and_then(|listener| Ok((listener.local_addr()?, listener)))
        };
        let unheard = |source| Error::Listen {
            group: name.clone(),
            address,
            source,
        };
        let (address, first) = listen(address).map_err(unheard)?;
        let mut listeners = vec![first];
        for _ in 1..threads {
            listeners.push(listen(address).map_err(unheard)?.1);
        }
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = watch::channel(false);
        let mut running = Vec::new();
        for listener in listeners {
            let door = Door {
                group: name.clone(),
                listener,
                towards: towards(),
                stop: stopped.clone(),
                settings: settings.clone(),
                clock,
                counters: Arc::clone(&counters),
            };
            let thread = door.open().map_err(|source| Error::Start {
                group: name.clone(),
                source,
            })?;
            running.push(thread);
        }
        Ok(Self {
            address,
            counters,
            stop,
            threads: running,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happened so far.
    pub const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Accepts nobody any more, waits for replies that are due, and disconnects everybody. Blocks for
    /// at most [`Settings::drain_within`].
    pub fn stop(self) {
        self.stop.send_replace(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("proxy: a thread ended by a defect");
            }
        }
    }
}
