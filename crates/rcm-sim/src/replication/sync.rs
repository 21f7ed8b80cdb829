//! `PSYNC`: whether a replica continues or gets everything, and how it comes to have it.

use std::collections::VecDeque;

use super::{Item, LATER, Stream};
use crate::invariants::{full_sync, i8_source, prefix};
use crate::network::Party;
use crate::node::{LinkState, Process, StreamId};
use crate::trace::MS;
use crate::world::{Event, World};

impl World {
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
        let feeds = feeds && server.access.feeds(self.servers[replica].access);
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
        self.demand(i8_source::check(self, node));
        let server = &self.servers[node];
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
        self.confirm(replica);
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
                self.confirm(node);
                self.apply(node);
            }
            Some(LinkState::Syncing(_) | LinkState::Down) => self.link_lost(node),
            Some(LinkState::Connecting | LinkState::Up(_)) | None => {}
        }
        self.wake(node);
    }
}
