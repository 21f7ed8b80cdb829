//! The stream itself: what a primary adds to it, how it arrives and is applied, and how either end
//! closes.

use super::Item;
use crate::history::Branch;
use crate::network::{Party, REPEATED_AFTER};
use crate::node::{LinkState, Process, StreamId};
use crate::trace::{MS, Time};
use crate::world::{Event, World};

impl World {
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

    pub(super) fn put(&mut self, id: StreamId, item: Item) {
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
        self.forget_confirmations(node);
        for stream in std::mem::take(&mut self.servers[node].attached).into_values() {
            self.put(stream, Item::End);
        }
    }

    /// The replica's end closes: what it has received and not applied is lost.
    pub(super) fn drop_link(&mut self, node: usize) {
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

    pub(super) fn forget_stream(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.remove(&id) {
            let attached = &mut self.servers[stream.primary].attached;
            if attached.get(&stream.replica) == Some(&id) {
                attached.remove(&stream.replica);
            }
            self.end_confirmations(stream.primary, id);
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
                self.confirm(node);
            }
            Item::End => self.link_lost(node),
        }
    }
}
