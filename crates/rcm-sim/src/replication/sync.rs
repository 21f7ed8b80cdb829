//! `PSYNC`: whether a replica continues or gets everything, and how it comes to have it.

use rcm_core::mutant::Mutant;
use std::collections::VecDeque;

use super::{Item, LATER, Piece, Stream};
use crate::invariants::{full_sync, i8_source, prefix};
use crate::network::Party;
use crate::node::{Fed, LinkState, Process, StreamId};
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
        let partial = self.may_continue(node, replica);
        if !partial {
            self.begin_full(node);
        }
        self.demand(i8_source::check(self, node));
        let asking = &self.servers[replica];
        let asks = asking.follow().is_some_and(|follow| follow.remembers);
        let offset = asking.offset;
        let server = &mut self.servers[node];
        let version = server.version;
        server.syncs.count(partial, asks);
        let missing = server.offset.saturating_sub(offset);
        let tail = if partial {
            server.history.tail(missing)
        } else {
            Vec::new()
        };
        let (id, holds_keys) = (server.id, server.history.holds_keys());
        let whole = (!partial).then(|| server.dump_now());
        if !partial && !version.syncs_without_disk() {
            server.dump.clone_from(&whole);
        }
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
            unsent: (0, 0),
            left: false,
            held: (!partial && version.syncs_without_disk()).then(Vec::new),
            whole,
        };
        let id = self.next_stream;
        self.streams.insert(id, stream);
        let fed = Fed {
            node: replica,
            online: partial,
            acked: 0,
            acked_at: self.now,
        };
        self.servers[node].attached.insert(id, fed);
        self.count_good_replicas(node);
        let delay = self.net.delay(&mut self.rng);
        if partial {
            self.schedule(self.now + delay, Event::Continued(id));
            for (branch, bytes) in tail {
                let piece = Piece {
                    branch,
                    bytes,
                    holds_keys,
                };
                self.put(id, Item::Bytes(piece));
            }
        } else {
            let keeps_place = self.servers[replica].version.keeps_place();
            if let Some(follow) = self.servers[replica].follow_mut() {
                follow.link = LinkState::Syncing(id);
                follow.remembers &= keeps_place;
            }
            let takes = self.rng.range(10 * MS, 800 * MS);
            self.schedule(self.now + delay + takes, Event::Received(id));
        }
    }

    /// Whether the stream of a node can go on where the replica is.
    fn may_continue(&self, node: usize, replica: usize) -> bool {
        let (server, asking) = (&self.servers[node], &self.servers[replica]);
        let Some(from) = server.backlog_from else {
            return false;
        };
        let same = self.mutant == Some(Mutant::AnyStream)
            || asking.id == server.id
            || server
                .previous
                .is_some_and(|(id, fork)| id == asking.id && asking.offset <= fork);
        let kept = asking.offset + 1 >= from && asking.offset <= server.offset;
        asking.follow().is_some_and(|follow| follow.remembers) && same && kept
    }

    /// A node is about to send everything. What nobody has followed gets a new name for that.
    fn begin_full(&mut self, node: usize) {
        self.servers[node].selected = false;
        if self.servers[node].backlog_from.is_none() {
            let id = self.new_replication_id();
            let server = &mut self.servers[node];
            server.id = id;
            server.previous = None;
            server.begin_backlog();
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
        let ended = !current
            || stream
                .arrived
                .iter()
                .any(|(_, item)| matches!(item, Item::End));
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
        // It came as a file, and that is what is on the disk from here on.
        server.dump = Some(dump.clone());
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
                    follow.remembers = true;
                }
                // When the primary has not yet noticed that it sent everything, the first
                // acknowledgement comes too early, and the next one a second later.
                if self.rng.percent(75) {
                    self.acknowledge(node);
                }
                self.apply(node);
            }
            Some(LinkState::Syncing(_) | LinkState::Down) => self.link_lost(node),
            Some(LinkState::Connecting | LinkState::Up(_)) | None => {}
        }
        self.wake(node);
    }
}
