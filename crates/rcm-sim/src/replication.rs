//! How data runs from a primary to its replicas: partial and full synchronisation, streams that can
//! stall, and what `REPLICAOF` throws away.

use std::collections::VecDeque;

use rcm_core::id::{Address, ReplicationId};

use crate::history::Branch;
use crate::invariants::{full_sync, prefix};
use crate::network::{Party, REPEATED_AFTER};
use crate::node::{Dump, Follow, LinkState, Place, Process, StreamId};
use crate::trace::{MS, S, Time};
use crate::wire::{NOBODY, Request};
use crate::world::{Event, World};

/// A replication connection.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) primary: usize,
    pub(crate) primary_process: Process,
    replica: usize,
    replica_process: Process,
    attempt: u64,
    /// The stream that the primary names when it lets the replica continue.
    id: ReplicationId,
    wire: VecDeque<Item>,
    arrived: VecDeque<Item>,
    last: Time,
    /// The whole data set, when the replica cannot continue.
    whole: Option<Dump>,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Bytes(Branch, u64),
    End,
}

/// A replica that waits for its own process looks again after this.
const LATER: Time = 20 * MS;
/// An idle primary's sign of life.
const PING_BYTES: u64 = 14;
const PING_EVERY: Time = 10 * S;

impl World {
    /// `REPLICAOF host port`. False when it is refused.
    pub(crate) fn follow(&mut self, node: usize, target: &Address, by_monitor: bool) -> bool {
        let server = &self.servers[node];
        if server.is_loading() {
            return false;
        }
        if let Some(follow) = server.follow()
            && follow.target == *target
        {
            return true;
        }
        self.leave_office(node);
        self.drop_link(node);
        self.drop_replicas(node);
        let meant = self.at(target).map(|target| self.servers[target].process);
        let attempt = self.servers[node]
            .follow()
            .map_or(0, |follow| follow.attempt);
        self.servers[node].place = Place::Replica(Follow {
            target: target.clone(),
            told_by_monitor: by_monitor,
            meant,
            asked: None,
            link: LinkState::Down,
            attempt,
        });
        self.attempt(node);
        true
    }

    /// `REPLICAOF NO ONE`. False when it is refused.
    pub(crate) fn promote(&mut self, node: usize) -> bool {
        if self.servers[node].is_loading() {
            return false;
        }
        if self.servers[node].is_primary() {
            return true;
        }
        self.drop_link(node);
        self.drop_replicas(node);
        let id = self.new_replication_id();
        let branch = self.new_branch();
        let server = &mut self.servers[node];
        server.previous = Some((server.id, server.offset));
        server.id = id;
        server.branch = branch;
        server.place = Place::Primary;
        true
    }

    /// A write at a primary, or anything else that it adds to its stream.
    pub(crate) fn write(&mut self, node: usize, bytes: u64) {
        let branch = self.servers[node].branch;
        self.servers[node].append(branch, bytes);
        self.feed(node, branch, bytes);
    }

    fn feed(&mut self, node: usize, branch: Branch, bytes: u64) {
        let streams: Vec<StreamId> = self.servers[node].attached.values().copied().collect();
        for stream in streams {
            self.put(stream, Item::Bytes(branch, bytes));
        }
    }

    fn put(&mut self, id: StreamId, item: Item) {
        let delay = self.net.delay(&mut self.rng);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let at = stream.last.max(self.now + delay);
        stream.last = at;
        stream.wire.push_back(item);
        self.schedule(at, Event::Deliver(id));
    }

    /// The primary's end of every stream of this node closes.
    pub(crate) fn drop_replicas(&mut self, node: usize) {
        for stream in std::mem::take(&mut self.servers[node].attached).into_values() {
            self.put(stream, Item::End);
        }
    }

    /// The replica's end closes: what it has received and not applied is lost.
    fn drop_link(&mut self, node: usize) {
        let Some(follow) = self.servers[node].follow_mut() else {
            return;
        };
        follow.attempt += 1;
        if let LinkState::Syncing(id) | LinkState::Up(id) =
            std::mem::replace(&mut follow.link, LinkState::Down)
        {
            self.forget_stream(id);
        }
    }

    fn forget_stream(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.remove(&id) {
            let attached = &mut self.servers[stream.primary].attached;
            if attached.get(&stream.replica) == Some(&id) {
                attached.remove(&stream.replica);
            }
        }
    }

    fn link_lost(&mut self, node: usize) {
        self.drop_link(node);
        self.attempt(node);
    }

    /// Cuts the link as `CLIENT KILL TYPE master` does.
    pub(crate) fn cut_link(&mut self, node: usize) {
        if self.servers[node].link_is_up() {
            self.link_lost(node);
        }
    }

    fn attempt(&mut self, node: usize) {
        let delay = 3 * self.net.delay(&mut self.rng);
        let process = self.servers[node].process;
        if self.servers[node].is_loading() {
            return;
        }
        let Some(follow) = self.servers[node].follow_mut() else {
            return;
        };
        follow.attempt += 1;
        follow.asked = None;
        follow.link = LinkState::Connecting;
        let attempt = follow.attempt;
        self.schedule(
            self.now + delay,
            Event::Attempt {
                node,
                process,
                attempt,
            },
        );
    }

    fn is_attempting(&self, node: usize, process: Process, attempt: u64) -> bool {
        let server = &self.servers[node];
        let connecting =
            |follow: &Follow| follow.attempt == attempt && follow.link == LinkState::Connecting;
        server.up && server.process == process && server.follow().is_some_and(connecting)
    }

    pub(crate) fn on_attempt(&mut self, node: usize, process: Process, attempt: u64) {
        if !self.is_attempting(node, process, attempt) {
            return;
        }
        let again = Event::Attempt {
            node,
            process,
            attempt,
        };
        if !self.servers[node].runs(self.now) {
            return self.schedule(self.now + LATER, again);
        }
        let target = self.servers[node]
            .follow()
            .and_then(|follow| self.at(&follow.target));
        let Some(target) = target else {
            return self.attempt_failed(node);
        };
        let joined = self.net.joins(Party::Node(node), Party::Node(target));
        if !joined || !self.servers[target].host_up {
            return self.schedule(self.now + S, again);
        }
        if !self.servers[target].up {
            return self.attempt_failed(node);
        }
        let request = Request::Continue {
            replica: node,
            process,
            attempt,
        };
        let asked = self.servers[target].process;
        if let Some(follow) = self.servers[node].follow_mut() {
            follow.asked = Some(asked);
        }
        self.arrive(target, NOBODY, request);
    }

    /// Tried again by the next cron.
    fn attempt_failed(&mut self, node: usize) {
        if let Some(follow) = self.servers[node].follow_mut() {
            follow.link = LinkState::Down;
        }
    }

    /// `PSYNC` at the node that is asked.
    #[expect(clippy::too_many_lines, reason = "one decision, and both of its ends")]
    pub(crate) fn on_continue(
        &mut self,
        node: usize,
        replica: usize,
        process: Process,
        attempt: u64,
    ) {
        if !self.is_attempting(replica, process, attempt) {
            return;
        }
        let server = &self.servers[node];
        let feeds = server.is_primary() || server.link_is_up();
        if !feeds || server.is_loading() || node == replica {
            return self.attempt_failed(replica);
        }
        let asking = &self.servers[replica];
        let same = asking.id == server.id
            || server
                .previous
                .is_some_and(|(id, fork)| id == asking.id && asking.offset <= fork);
        let kept = asking.offset + 1 >= server.backlog_from && asking.offset <= server.offset;
        let partial = same && kept;
        let missing = server.offset.saturating_sub(asking.offset);
        let tail = if partial {
            server.history.tail(missing)
        } else {
            Vec::new()
        };
        let id = server.id;
        let whole = (!partial).then(|| server.dump_now());
        if partial {
            self.demand(prefix::check(self, node, replica, missing));
        } else {
            self.demand(full_sync::check(self, node, replica));
        }
        self.note(
            [20, node as u64, replica as u64 * 2 + u64::from(partial)],
            |world| {
                let kind = if partial {
                    "continues from"
                } else {
                    "gets everything from"
                };
                format!("{} {kind} {}", world.name(replica), world.name(node))
            },
        );
        self.coverage.count(if partial {
            "partial resync"
        } else {
            "full resync"
        });
        self.next_stream += 1;
        let stream = Stream {
            primary: node,
            primary_process: self.servers[node].process,
            replica,
            replica_process: process,
            attempt,
            id,
            wire: VecDeque::new(),
            arrived: VecDeque::new(),
            last: 0,
            whole,
        };
        let id = self.next_stream;
        self.streams.insert(id, stream);
        self.servers[node].attached.insert(replica, id);
        let delay = self.net.delay(&mut self.rng);
        if partial {
            self.schedule(self.now + delay, Event::Continued(id));
            for (branch, bytes) in tail {
                self.put(id, Item::Bytes(branch, bytes));
            }
        } else {
            if let Some(follow) = self.servers[replica].follow_mut() {
                follow.link = LinkState::Syncing(id);
            }
            let takes = self.rng.range(10 * MS, 800 * MS);
            self.schedule(self.now + delay + takes, Event::Received(id));
        }
    }

    /// Whether the reply to a replica can be heard by it; otherwise `event` comes again later.
    fn can_hear(&mut self, id: StreamId, event: Event) -> bool {
        let Some(stream) = self.streams.get(&id) else {
            return false;
        };
        let replica = &self.servers[stream.replica];
        if !replica.up || replica.process != stream.replica_process {
            self.forget_stream(id);
            return false;
        }
        let passes = self
            .net
            .passes(Party::Node(stream.primary), Party::Node(stream.replica));
        if !passes || !replica.runs(self.now) {
            self.schedule(self.now + LATER, event);
            return false;
        }
        true
    }

    pub(crate) fn on_continued(&mut self, id: StreamId) {
        if !self.can_hear(id, Event::Continued(id)) {
            return;
        }
        let Some(stream) = self.streams.get(&id) else {
            return;
        };
        let (replica, stream_id) = (stream.replica, stream.id);
        if !self.is_attempting(replica, stream.replica_process, stream.attempt) {
            return self.forget_stream(id);
        }
        let server = &mut self.servers[replica];
        let renamed = server.id != stream_id;
        if renamed {
            server.previous = Some((server.id, server.offset));
            server.id = stream_id;
        }
        if let Some(follow) = server.follow_mut() {
            follow.link = LinkState::Up(id);
        }
        if renamed {
            self.drop_replicas(replica);
        }
        self.apply(replica);
    }

    /// The replica has the whole data set on its disk, and loads it.
    pub(crate) fn on_received(&mut self, id: StreamId) {
        if !self.can_hear(id, Event::Received(id)) {
            return;
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let replica = stream.replica;
        let current = self.servers[replica]
            .follow()
            .is_some_and(|follow| follow.link == LinkState::Syncing(id));
        let ended = !current || stream.arrived.iter().any(|item| matches!(item, Item::End));
        let Some(dump) = stream.whole.take().filter(|_| !ended) else {
            if current {
                self.link_lost(replica);
            }
            return;
        };
        let until = self.now + self.rng.range(5 * MS, 200 * MS);
        self.drop_replicas(replica);
        let server = &mut self.servers[replica];
        server.history = dump.history.clone();
        server.received = Some(dump);
        server.loading_until = Some(until);
        let process = server.process;
        self.schedule(
            until,
            Event::Loaded {
                node: replica,
                process,
            },
        );
    }

    pub(crate) fn on_loaded(&mut self, node: usize, process: Process) {
        let server = &mut self.servers[node];
        if !server.up || server.process != process || server.loading_until.is_none() {
            return;
        }
        if server.stopped {
            return self.schedule(self.now + LATER, Event::Loaded { node, process });
        }
        server.loading_until = None;
        server.settle_in();
        let synced = server.follow().map(|follow| follow.link);
        match synced {
            Some(LinkState::Syncing(id)) if self.streams.contains_key(&id) => {
                if let Some(follow) = self.servers[node].follow_mut() {
                    follow.link = LinkState::Up(id);
                }
                self.apply(node);
            }
            Some(LinkState::Syncing(_) | LinkState::Down) => self.link_lost(node),
            Some(LinkState::Connecting | LinkState::Up(_)) | None => {}
        }
        self.wake(node);
    }

    pub(crate) fn on_deliver(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let (from, to) = (stream.primary, stream.replica);
        let sender = &self.servers[from];
        if !sender.host_up {
            // What was on its way went with the host.
            stream.wire.clear();
            return;
        }
        if !self.net.passes(Party::Node(from), Party::Node(to)) {
            return self.schedule(self.now + REPEATED_AFTER, Event::Deliver(id));
        }
        let Some(item) = stream.wire.pop_front() else {
            return;
        };
        stream.arrived.push_back(item);
        let receiver = &self.servers[to];
        if receiver.process != stream.replica_process || !receiver.up {
            return self.forget_stream(id);
        }
        self.apply(to);
    }

    /// The replica reads what has arrived, unless something keeps it from it.
    pub(crate) fn apply(&mut self, node: usize) {
        loop {
            let server = &self.servers[node];
            let in_script = server.script.is_some_and(|(_, until)| self.now < until);
            if !server.runs(self.now) || in_script || server.is_loading() {
                return;
            }
            let Some(LinkState::Up(id)) = server.follow().map(|follow| follow.link) else {
                return;
            };
            let process = server.process;
            let slow = self.now < server.slow_until;
            let Some(stream) = self.streams.get_mut(&id) else {
                return;
            };
            if slow && !stream.arrived.is_empty() && server.slow_until != Time::MAX {
                if self.slow_steps.insert(node) {
                    let step = self.rng.range(MS, 4 * MS);
                    self.schedule(self.now + step, Event::Apply { node, process });
                }
                return;
            }
            let Some(item) = stream.arrived.pop_front() else {
                return;
            };
            self.take_item(node, item);
        }
    }

    /// Pieces of the stream that wait in the replica's socket.
    pub(crate) fn received_and_not_applied(&self, node: usize) -> usize {
        let link = self.servers[node].follow().map(|follow| follow.link);
        match link {
            Some(LinkState::Up(id)) => {
                let bytes = |item: &&Item| matches!(item, Item::Bytes(..));
                self.streams
                    .get(&id)
                    .map_or(0, |it| it.arrived.iter().filter(bytes).count())
            }
            _ => 0,
        }
    }

    /// A slow replica reads one piece more.
    pub(crate) fn on_apply(&mut self, node: usize, process: Process) {
        self.slow_steps.remove(&node);
        let server = &self.servers[node];
        if !server.up || server.process != process {
            return;
        }
        let can_read = server.runs(self.now) && !server.is_loading();
        if let Some(LinkState::Up(id)) = server.follow().map(|follow| follow.link)
            && can_read
            && let Some(item) = self
                .streams
                .get_mut(&id)
                .and_then(|it| it.arrived.pop_front())
        {
            self.take_item(node, item);
        }
        self.apply(node);
    }

    fn take_item(&mut self, node: usize, item: Item) {
        match item {
            Item::Bytes(branch, bytes) => {
                self.servers[node].append(branch, bytes);
                self.feed(node, branch, bytes);
            }
            Item::End => self.link_lost(node),
        }
    }

    /// Once a second.
    pub(crate) fn on_cron(&mut self, node: usize, process: Process) {
        let server = &self.servers[node];
        if !server.up || server.process != process {
            return;
        }
        self.schedule(self.now + S, Event::Cron { node, process });
        let server = &self.servers[node];
        if !server.runs(self.now) || server.is_loading() {
            return;
        }
        match server.follow().map(|follow| follow.link) {
            Some(LinkState::Down) => self.attempt(node),
            Some(LinkState::Up(id) | LinkState::Syncing(id)) => {
                let reset = self.streams.get(&id).is_none_or(|stream| {
                    let primary = &self.servers[stream.primary];
                    let joined = self
                        .net
                        .joins(Party::Node(node), Party::Node(stream.primary));
                    joined
                        && primary.host_up
                        && primary.process != stream.primary_process
                        && stream.wire.is_empty()
                });
                if reset {
                    self.link_lost(node);
                }
            }
            Some(LinkState::Connecting) => {
                // Whoever was asked is gone: the connection ends.
                let asked = server.follow().and_then(|follow| follow.asked);
                let lives = |process| self.servers.iter().any(|it| it.up && it.process == process);
                if asked.is_some_and(|process| !lives(process)) {
                    self.attempt(node);
                }
            }
            None => {
                let due = self.now >= server.last_ping + PING_EVERY;
                if due && !server.attached.is_empty() {
                    self.servers[node].last_ping = self.now;
                    self.write(node, PING_BYTES);
                }
            }
        }
    }
}
