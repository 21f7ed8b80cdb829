//! The stream itself: what a primary adds to it, how it arrives and is applied, and how either end
//! closes.

use super::{Item, LATER, Piece, SELECT};
use crate::network::{Party, REPEATED_AFTER};
use crate::node::{LinkState, Process, StreamId};
use crate::trace::{MS, Time};
use crate::world::{Event, World};

impl World {
    /// A client's write at a primary.
    pub(crate) fn write(&mut self, node: usize, bytes: u64) {
        let server = &mut self.servers[node];
        let counted = server.backlog_from.is_some();
        if counted && !std::mem::replace(&mut server.selected, true) {
            self.talk(node, SELECT);
        }
        self.add(node, bytes, true);
    }

    /// What a primary adds to its stream by itself.
    pub(super) fn talk(&mut self, node: usize, bytes: u64) {
        self.add(node, bytes, false);
    }

    fn add(&mut self, node: usize, bytes: u64, holds_keys: bool) {
        let piece = Piece {
            branch: self.servers[node].branch,
            bytes,
            holds_keys,
        };
        self.servers[node].append(piece);
        self.feed(node, Item::Bytes(piece));
    }

    pub(super) fn feed(&mut self, node: usize, item: Item) {
        let streams: Vec<StreamId> = self.servers[node].attached.keys().copied().collect();
        for stream in streams {
            self.put(stream, item);
        }
    }

    pub(super) fn put(&mut self, id: StreamId, item: Item) {
        let delay = self.net.delay(&mut self.rng);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match (&mut stream.held, item) {
            // What is held goes with the process or the connection that holds it.
            (held, Item::End) => *held = None,
            (Some(held), Item::Bytes(_) | Item::AckWanted(_)) => return held.push(item),
            (None, Item::Bytes(_) | Item::AckWanted(_)) => {}
        }
        let at = stream.last.max(self.now + delay);
        stream.last = at;
        let (since, unsent) = &mut stream.unsent;
        if *since != self.now {
            (*since, *unsent) = (self.now, 0);
        }
        *unsent += 1;
        stream.wire.push_back(item);
        self.schedule(at, Event::Deliver(id));
    }

    /// The primary's end of every stream of this node closes.
    pub(crate) fn drop_replicas(&mut self, node: usize) {
        for stream in std::mem::take(&mut self.servers[node].attached).into_keys() {
            self.put(stream, Item::End);
        }
        self.count_good_replicas(node);
    }

    /// The same, by a command: what the commands just before it have added goes with it.
    pub(crate) fn drop_replicas_unsent(&mut self, node: usize) {
        for id in self.servers[node].attached.keys() {
            if let Some(stream) = self.streams.get_mut(id)
                && stream.unsent.0 == self.now
            {
                let sent = stream.wire.len().saturating_sub(stream.unsent.1);
                stream.wire.truncate(sent);
            }
        }
        self.drop_replicas(node);
    }

    /// The replica's end closes: what it has received and not applied is lost.
    pub(crate) fn drop_link(&mut self, node: usize) {
        let Some(follow) = self.servers[node].follow_mut() else {
            return;
        };
        follow.attempt += 1;
        if let LinkState::Syncing(id) | LinkState::Up(id) =
            std::mem::replace(&mut follow.link, LinkState::Down)
        {
            self.leave(id);
        }
    }

    /// The replica closes its end; its primary lists it until it hears of that.
    pub(super) fn leave(&mut self, id: StreamId) {
        let delay = self.until_heard_of();
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.left = true;
            stream.wire.clear();
            stream.arrived.clear();
            self.schedule(self.now + delay, Event::Left(id));
        }
    }

    /// The replica's end closes, and what would tell its primary is lost on the way.
    pub(crate) fn lose_link_silently(&mut self, node: usize) {
        if let Some(LinkState::Up(id)) = self.servers[node].follow().map(|follow| follow.link) {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.left = true;
            }
            if let Some(follow) = self.servers[node].follow_mut() {
                follow.link = LinkState::Down;
            }
            self.attempt(node);
        }
    }

    pub(crate) fn on_left(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else {
            return;
        };
        let (primary, replica) = (stream.primary, stream.replica);
        let server = &self.servers[primary];
        if server.up && server.process == stream.primary_process {
            if !self.net.passes(Party::Node(replica), Party::Node(primary)) {
                return self.schedule(self.now + REPEATED_AFTER, Event::Left(id));
            }
            if !server.runs(self.now) {
                return self.schedule(self.now + LATER, Event::Left(id));
            }
        }
        self.forget_stream(id);
    }

    pub(super) fn forget_stream(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.remove(&id) {
            self.servers[stream.primary].attached.remove(&id);
            self.count_good_replicas(stream.primary);
        }
    }

    pub(super) fn link_lost(&mut self, node: usize) {
        self.drop_link(node);
        self.attempt(node);
    }

    pub(crate) fn on_deliver(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let (from, to) = (stream.primary, stream.replica);
        if stream.left {
            return stream.wire.clear();
        }
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
        stream.arrived.push_back((self.now, item));
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
            let Some((_, item)) = stream.arrived.pop_front() else {
                return;
            };
            self.take_item(node, item);
        }
    }

    /// Pieces of the stream that have waited in the replica's socket for so long.
    pub(crate) fn received_and_not_applied(&self, node: usize, for_so_long: Time) -> usize {
        let link = self.servers[node].follow().map(|follow| follow.link);
        match link {
            Some(LinkState::Up(id)) => {
                let waits = |(since, item): &&(Time, Item)| {
                    !matches!(item, Item::End) && since + for_so_long <= self.now
                };
                self.streams
                    .get(&id)
                    .map_or(0, |it| it.arrived.iter().filter(waits).count())
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
            && let Some((_, item)) = self
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
            Item::Bytes(piece) => {
                self.servers[node].append(piece);
                self.feed(node, item);
            }
            Item::AckWanted(piece) => {
                self.acknowledge(node);
                self.servers[node].append(piece);
                self.feed(node, item);
            }
            Item::End => self.link_lost(node),
        }
    }
}
