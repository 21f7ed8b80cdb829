//! The door for programs that speak HTTP: how groups are, and a switchover on request.
//!
//! Decided here: who is listened to, and in which words it is answered. What is shown is what is
//! published; what is asked for is asked of the driver, as by every other door.
//!
//! Always holds: the door has a thread of its own, and what one connection costs is bounded in
//! time and bytes, so nothing that is asked of it delays what watches and acts.

mod accept;
mod beside;
mod body;
pub mod client;
mod fault;
mod guard;
mod routes;
mod settings;
mod switchover;
mod view;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rcm_core::id::GroupName;
use rcm_core::status::Status;
use tokio::sync::watch;

pub use self::beside::Beside;
use crate::clock::Clock;
use crate::door;
use crate::driver::{Company, Handle, InForce, Keeper, Requests};
use crate::proxy::Counters;

/// The open door; it closes, and all connections with it, when this is dropped.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    _thread: door::Thread,
}

/// A group as the door knows it.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// The published snapshot.
    pub status: watch::Receiver<Arc<Status>>,
    /// Where a switchover can be asked for.
    pub requests: Requests,
    /// The monitors that share it.
    pub company: Company,
    /// Its settings.
    pub settings: watch::Receiver<Arc<InForce>>,
    /// Where they are kept.
    pub keeper: Keeper,
    /// Its proxies in this process: where each listens, and what happened there.
    pub proxies: Vec<(SocketAddr, Arc<Counters>)>,
}

impl Group {
    /// A group that is watched.
    pub fn of(handle: &Handle, proxies: Vec<(SocketAddr, Arc<Counters>)>) -> Self {
        Self {
            name: handle.name().clone(),
            status: handle.status(),
            requests: handle.requests(),
            company: handle.company(),
            settings: handle.settings(),
            keeper: handle.keeper(),
            proxies,
        }
    }

    fn snapshot(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }
}

/// What all connections share.
#[derive(Debug)]
struct House {
    groups: Vec<Group>,
    /// A proxy that watches no group itself.
    beside: Option<Beside>,
    /// Only this machine can connect.
    is_local: bool,
    clock: Clock,
}

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else listens there.
    #[error(
        "HTTP cannot be served on {0}: the address is in use, perhaps by another monitor; choose \
         another one with --http ADDR, or none with --http off"
    )]
    InUse(SocketAddr),
    /// Something else is in the way.
    #[error("HTTP cannot be served on {0}: {1}; choose another address with --http")]
    Refused(SocketAddr, #[source] io::Error),
    /// It has no thread to run on.
    #[error("HTTP cannot be served: {0}")]
    Thread(#[source] io::Error),
}

impl Door {
    /// Listens from now on; port 0 is a free one.
    pub fn open(
        address: SocketAddr,
        mut groups: Vec<Group>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Self::serve(address, groups, None, clock)
    }

    /// The same for a proxy that watches no group itself.
    pub fn open_beside(
        address: SocketAddr,
        beside: Beside,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        Self::serve(address, Vec::new(), Some(beside), clock)
    }

    fn serve(
        address: SocketAddr,
        groups: Vec<Group>,
        beside: Option<Beside>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let (listener, address) = listen(address)?;
        let house = Arc::new(House {
            groups,
            beside,
            is_local: address.ip().is_loopback(),
            clock,
        });
        let serve = async {
            if let Err(error) = accept::serve(listener, house).await {
                tracing::error!("HTTP is served no longer: {error}");
            }
        };
        let thread = door::Thread::start("http", serve).map_err(OpenError::Thread)?;
        Ok(Self {
            address,
            _thread: thread,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), OpenError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    open().map_err(|error: io::Error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            OpenError::InUse(address)
        } else {
            OpenError::Refused(address, error)
        }
    })
}
