//! What this monitor knows now, and how old it is.
//!
//! A view only remembers. What the facts mean is decided in [`verdict`](crate::verdict) and
//! [`candidate`](crate::candidate).
//!
//! Always holds: a sign of life erases every older evidence of death of the same node.

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

use crate::id::{Address, NodeId, Offset, RunId};
use crate::observation::{
    Condition, Deciders, Failure, Following, Gates, Identity, Observation, Replication, Seen,
};
use crate::time::Instant;

/// All nodes of one group.
#[derive(Clone, Debug, Default)]
pub struct View {
    nodes: BTreeMap<NodeId, Node>,
    next: u32,
}

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

/// Evidence against a node, all of it newer than its last sign of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// An established connection ended.
    pub closed_at: Option<Instant>,
    /// A connect was refused: first and last time.
    pub refused: Option<(Instant, Instant)>,
    /// A request is unanswered since.
    pub mute_since: Option<Instant>,
    /// Nothing came back at TCP level: first and last time.
    pub silent: Option<(Instant, Instant)>,
    /// The last time that a connection was accepted without an answer following.
    pub accepted_at: Option<Instant>,
    /// When it was reached again, after nothing had come back at TCP level.
    pub reached_at: Option<Instant>,
    /// The host name stopped resolving, or something else than a server answers.
    pub other: Option<(Failure, Instant)>,
}

impl Trouble {
    /// Whether nothing speaks against the node.
    pub fn is_none(&self) -> bool {
        self.began_at().is_none()
    }

    fn accepts(&mut self, at: Instant) {
        if self.failure() == Some(Failure::Silent) {
            self.reached_at = Some(at);
        }
        self.accepted_at = Some(at);
    }

    /// When the first evidence appeared.
    pub fn began_at(&self) -> Option<Instant> {
        let other = self.other.map(|(_, at)| at);
        let refused = self.refused.map(|(first, _)| first);
        let silent = self.silent.map(|(first, _)| first);
        [self.closed_at, refused, self.mute_since, silent, other]
            .into_iter()
            .flatten()
            .min()
    }

    /// Since when connects are refused, if the last one was.
    pub fn refusing_since(&self) -> Option<Instant> {
        let (first, last) = self.refused?;
        let newer = |at: Option<Instant>| at.is_some_and(|at| at > last);
        // A dying process's listener may accept a few more connects, but those come before.
        let contradicted = newer(self.accepted_at) || newer(self.silent.map(|(_, last)| last));
        (!contradicted).then_some(first)
    }

    /// The evidence as the failure that describes it best.
    pub fn failure(&self) -> Option<Failure> {
        if self.refusing_since().is_some() {
            return Some(Failure::Refused);
        }
        let silent_last = self.silent.map(|(_, last)| last);
        if silent_last.is_some() && silent_last >= self.accepted_at {
            return Some(Failure::Silent);
        }
        if let Some((failure, _)) = self.other {
            return Some(failure);
        }
        if self.mute_since.is_some() {
            return Some(Failure::Mute);
        }
        self.closed_at.map(|_| Failure::Closed)
    }
}

impl View {
    /// Starts to watch a node, at most once per address.
    pub fn add(&mut self, address: Address, listed: bool, now: Instant) -> NodeId {
        if let Some(node) = self.nodes.values().find(|node| node.address == address) {
            return node.id;
        }
        let id = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(id, Node::new(id, address, listed, now));
        id
    }

    /// Stops watching a node. Other addresses of its process stand for themselves again.
    pub fn remove(&mut self, id: NodeId) {
        self.nodes.remove(&id);
        for node in self.nodes.values_mut() {
            node.alias_of.take_if(|first| *first == id);
        }
    }

    /// The node with this place in the table.
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// The node with this place in the table, to be changed.
    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    /// All entries, aliases included, in the order in which they were added.
    pub fn entries(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// All nodes, each process once, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.alias_of.is_none())
    }

    /// The node that listens at `address`, written as a name or as an IP address.
    pub fn at_address(&self, address: &Address) -> Option<&Node> {
        let node = self.nodes.values().find(|node| node.listens_at(address))?;
        node.alias_of.map_or(Some(node), |first| self.get(first))
    }

    /// The node whose process is `run_id`.
    pub fn with_run_id(&self, run_id: RunId) -> Option<&Node> {
        self.nodes().find(|node| node.run_id() == Some(run_id))
    }

    /// Takes one observation in. Unknown nodes are ignored: they were removed meanwhile.
    pub fn apply(&mut self, observation: Observation) {
        if let Some(node) = self.nodes.get_mut(&observation.node) {
            node.apply(observation);
        }
    }

    /// Our own scheduling was late: silence that we could not have heard is no evidence.
    pub fn void_silence(&mut self, now: Instant) {
        for node in self.nodes.values_mut() {
            node.trouble.mute_since = node.trouble.mute_since.map(|_| now);
            node.trouble.silent = node.trouble.silent.map(|_| (now, now));
        }
    }
}

impl Node {
    fn new(id: NodeId, address: Address, listed: bool, now: Instant) -> Self {
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
        use alloc::string::ToString;
        match self.ip {
            Some(ip) => Address::new(ip.to_string(), self.address.port()),
            None => self.address.clone(),
        }
    }

    /// Takes in what the node lets through, unless more is known than was asked `asked_at`.
    pub fn note_gates(&mut self, gates: Gates, asked_at: Instant) {
        if self.gates.is_none_or(|(_, known)| known <= asked_at) {
            self.gates = Some((gates, asked_at));
        }
    }

    fn apply(&mut self, observation: Observation) {
        let Observation {
            asked_at,
            at,
            seen,
            node: _,
        } = observation;
        match seen {
            Seen::Resolved(ip) => self.ip = Some(ip),
            Seen::Accepted => self.trouble.accepts(at),
            Seen::Alive => self.lives(at),
            Seen::Identity(identity) => {
                if self
                    .run_id()
                    .is_some_and(|run_id| run_id != identity.run_id)
                {
                    self.former = self.last_seen();
                    // Another process: what the old one said does not describe it.
                    self.look = None;
                    self.role_since = None;
                    self.look_is_current = false;
                    self.motion = None;
                    self.condition = None;
                    self.gates = None;
                }
                self.identity = Some(identity);
                self.deciders = None;
                self.lives(at);
            }
            Seen::Replication(replication) => {
                self.lives(at);
                let usable = self
                    .identity
                    .as_ref()
                    .is_none_or(|identity| identity.can_replicate);
                self.refuses_us = (!usable).then_some(Failure::Forbidden);
                self.note(Look {
                    replication,
                    asked_at,
                    at,
                });
            }
            Seen::Condition(condition) => {
                self.lives(at);
                self.condition = Some(condition);
                if let Some(gates) = condition.gates() {
                    self.note_gates(gates, asked_at);
                }
            }
            Seen::Deciders(deciders) => {
                self.lives(at);
                self.deciders = Some((deciders, asked_at));
            }
            Seen::Failed(failure) => self.fails(failure, asked_at, at),
        }
    }

    fn lives(&mut self, at: Instant) {
        self.answered_at = Some(at);
        self.trouble = Trouble::default();
    }

    fn note(&mut self, look: Look) {
        if self
            .look
            .as_ref()
            .is_some_and(|before| before.asked_at > look.asked_at)
        {
            // Looks come on several connections: an older one that is answered later is old.
            return;
        }
        if let Some(before) = &self.look {
            let (old, new) = (&before.replication, &look.replication);
            if old.id == new.id && new.offset > old.offset {
                let bytes = new.offset.ahead_of(old.offset);
                self.motion = Some(Motion {
                    from: before.at,
                    to: look.at,
                    bytes,
                });
            }
            if new.link_up() && !old.link_up() {
                self.linked = Some(before.at);
            }
        }
        if look.replication.link_up() || look.replication.is_primary() {
            self.down_since = None;
        } else {
            self.down_since.get_or_insert(look.at);
        }
        let was_primary = self.replication().map(Replication::is_primary);
        if was_primary != Some(look.replication.is_primary()) {
            self.role_since = Some(look.asked_at);
        }
        let followed = self.following().map(|following| &following.primary);
        if followed
            != look
                .replication
                .following()
                .map(|following| &following.primary)
        {
            self.following_since = Some(look.at);
        }
        self.look = Some(look);
        self.look_is_current = true;
    }

    fn fails(&mut self, failure: Failure, asked_at: Instant, at: Instant) {
        if failure.shows_life() {
            self.lives(at);
            self.refuses_us = Some(failure);
            return;
        }
        // Our own machine's fault says nothing about the node.
        self.look_is_current &= failure == Failure::Local;
        let trouble = &mut self.trouble;
        let since = |first: Option<(Instant, Instant)>| Some((first.map_or(at, |(f, _)| f), at));
        match failure {
            Failure::Refused => trouble.refused = since(trouble.refused),
            Failure::Closed => {
                trouble.closed_at.get_or_insert(at);
            }
            Failure::Silent => trouble.silent = since(trouble.silent),
            Failure::Mute => {
                // An answer to a later question on another connection shows life after all.
                let since = self
                    .answered_at
                    .map_or(asked_at, |answered| asked_at.max(answered));
                trouble.mute_since.get_or_insert(since);
            }
            Failure::NotRedis | Failure::Unresolved => {
                let first = trouble.other.map_or(at, |(_, first)| first);
                trouble.other = Some((failure, first));
            }
            Failure::Local
            | Failure::Busy
            | Failure::Unauthorised
            | Failure::Forbidden
            | Failure::TurnedAway => {}
        }
    }
}
