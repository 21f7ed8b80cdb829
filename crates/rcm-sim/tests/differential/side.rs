//! What can be done to a server and asked of it, for real and simulated ones.

use std::error::Error;
use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::observation::Replication;
use rcm_sim::stage::{Settings, Syncs, Target};

pub(crate) type Failed = Box<dyn Error>;

/// What a server says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) replication: Replication,
    pub(crate) syncs: Syncs,
    pub(crate) holds_keys: bool,
}

/// How a server is started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    pub(crate) settings: Settings,
    /// It takes its time to send a data set.
    pub(crate) sends_slowly: bool,
    /// It takes its time to load a data set.
    pub(crate) loads_slowly: bool,
    /// Its connection to its primary runs through somebody who can lose it.
    pub(crate) relayed: bool,
}

/// Something that is done to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Start(Start),
    Restart,
    RestartEmpty,
    Kill,
    Save,
    Pause,
    Resume,
    Follow(Target),
    /// A write of so many bytes of stream.
    Write(u64),
    /// The same, without waiting for the answer.
    SendWrite(u64),
    /// The seal of a primary, without waiting for the answer.
    SendSeal,
    Cut,
    LoseSilently,
    Wait {
        replicas: usize,
        timeout: Duration,
        how: Wait,
    },
}

/// On which connection `WAIT` is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    OfTheWriter,
    Fresh,
    InTransaction,
}

/// Real servers, or simulated ones. Nodes are counted from zero.
pub(crate) trait Side {
    /// Does it; the answer in a word.
    fn act(&mut self, node: usize, deed: Deed) -> Result<String, Failed>;

    /// What the node says; `None` when it does not answer.
    fn look(&mut self, node: usize) -> Option<Said>;

    /// The node that is reached at this address.
    fn node_at(&self, address: &Address) -> Option<usize>;
}
