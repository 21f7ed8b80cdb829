//! What is known of one node, and what can be read from that.

use alloc::string::ToString;
use core::net::IpAddr;
use core::time::Duration;

use super::Trouble;
use crate::id::{Address, NodeId, Offset, RunId};
use crate::observation::{Condition, Deciders, Failure, Following, Gates, Identity, Replication};
use crate::time::Instant;

/// What is known of one node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its place in the table.
    pub id: NodeId,
    /// Where it listens, as the operator listed it or its primary told it.
    pub address: Address,
    /// The operator listed it; otherwise the primary told of it.
    pub listed: bool,
    /// The address that its host name resolved to last.
    pub ip: Option<IpAddr>,
    /// Another entry of the table that turned out to be the same process.
    pub alias_of: Option<NodeId>,
    /// Who answered last.
    pub identity: Option<Identity>,
    /// The last replication state, and when it was asked for.
    pub look: Option<Look>,
    /// Things that change slowly.
    pub condition: Option<Condition>,
    /// What it lets through in strict mode, and when that was asked.
    pub gates: Option<(Gates, Instant)>,
    /// Who else acts on it, and when that was asked.
    pub deciders: Option<(Deciders, Instant)>,
    /// The process before this one, as it was seen last.
    pub former: Option<Former>,
    /// Whether the last replication state is newer than the last trouble.
    pub look_is_current: bool,
    /// The last sign of life.
    pub answered_at: Option<Instant>,
    /// Evidence against it, since its last sign of life.
    pub trouble: Trouble,
    /// Why it does not serve us although it lives, since its last replication state.
    pub refuses_us: Option<Failure>,
    /// When it was first watched.
    pub watched_since: Instant,
    /// The last two looks between which its offset moved.
    pub motion: Option<Motion>,
    /// When its link to its primary was last seen to come up, at the earliest.
    pub linked: Option<Instant>,
    /// When the look began that first saw this process in the role that it has.
    pub role_since: Option<Instant>,
    /// Since when its link to its primary is seen down.
    pub down_since: Option<Instant>,
    /// Since when it is seen to follow whom it follows.
    pub following_since: Option<Instant>,
    /// When we cut its link to its primary, to see whether it comes back.
    pub cut_at: Option<Instant>,
}

/// One answer to `INFO replication`.
#[derive(Clone, Debug)]
pub struct Look {
    /// What it said.
    pub replication: Replication,
    /// The answer is at least as new as this.
    pub asked_at: Instant,
    /// When it was there.
    pub at: Instant,
}

/// A process that is gone, as it was seen last.
#[derive(Clone, Copy, Debug)]
pub struct Former {
    /// The process.
    pub run_id: RunId,
    /// How far it had come.
    pub offset: Offset,
    /// When it was asked.
    pub at: Instant,
    /// Bytes per second that it took.
    pub rate: u64,
}

/// Bytes that a node was seen to apply.
#[derive(Clone, Copy, Debug)]
pub struct Motion {
    /// They were applied after this.
    pub from: Instant,
    /// And before this.
    pub to: Instant,
    /// How many.
    pub bytes: u64,
}

impl Node {
    pub(super) fn new(id: NodeId, address: Address, listed: bool, now: Instant) -> Self {
        Self {
            ip: address.ip(),
            id,
            address,
            listed,
            alias_of: None,
            identity: None,
            look: None,
            former: None,
            look_is_current: false,
            condition: None,
            gates: None,
            deciders: None,
            answered_at: None,
            trouble: Trouble::default(),
            refuses_us: None,
            watched_since: now,
            motion: None,
            linked: None,
            role_since: None,
            down_since: None,
            following_since: None,
            cut_at: None,
        }
    }

    /// The process that answered last.
    pub fn run_id(&self) -> Option<RunId> {
        self.identity.as_ref().map(|identity| identity.run_id)
    }

    /// The last replication state.
    pub fn replication(&self) -> Option<&Replication> {
        self.look.as_ref().map(|look| &look.replication)
    }

    /// Whether the node answers now, as far as we know.
    pub fn answers(&self) -> bool {
        self.look_is_current && self.trouble.is_none() && self.refuses_us.is_none()
    }

    /// Whether the node said last that it still loads what is on its own disk, and not what its primary
    /// has sent.
    pub fn starts(&self) -> bool {
        let syncs = self.following().is_some_and(|it| it.syncing);
        !syncs && self.replication().is_some_and(|seen| seen.loading)
    }

    /// Whether the node has been asked at all and something came of it.
    pub fn was_tried(&self) -> bool {
        self.look.is_some() || !self.trouble.is_none() || self.refuses_us.is_some()
    }

    /// Whether the node answers and says that it is a primary.
    pub fn is_primary(&self) -> bool {
        self.answers() && self.replication().is_some_and(Replication::is_primary)
    }

    /// Whom the node follows, as it said last.
    pub fn following(&self) -> Option<&Following> {
        self.replication().and_then(Replication::following)
    }

    /// The last offset and when it was there.
    pub fn offset(&self) -> Option<(Offset, Instant)> {
        self.look
            .as_ref()
            .map(|look| (look.replication.offset, look.at))
    }

    /// Bytes per second between the last two looks that saw it move.
    pub fn rate(&self) -> u64 {
        let Some(motion) = self.motion else { return 0 };
        let micros = motion
            .to
            .since(motion.from)
            .max(Duration::from_millis(1))
            .as_micros();
        u64::try_from(u128::from(motion.bytes) * 1_000_000 / micros).unwrap_or(u64::MAX)
    }

    /// The process that answered last, as it was seen last.
    pub fn last_seen(&self) -> Option<Former> {
        let (offset, at) = self.offset()?;
        Some(Former {
            run_id: self.run_id()?,
            offset,
            at,
            rate: self.rate(),
        })
    }

    /// Whether `address` means this node.
    pub fn listens_at(&self, address: &Address) -> bool {
        self.address == *address
            || (self.address.port() == address.port()
                && self.ip.is_some()
                && self.ip == address.ip())
    }

    /// The address that other nodes are told: numeric, so that no server has to resolve a name.
    pub fn endpoint(&self) -> Address {
        match self.ip {
            Some(ip) => Address::new(ip.to_string(), self.address.port()),
            None => self.address.clone(),
        }
    }
}
