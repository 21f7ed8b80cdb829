//! What a primary hears of its replicas: their acknowledgements, and whether there are enough of
//! them for its user.

use super::{Item, LATER, Piece, REPLCONF_GETACK};
use crate::network::{Party, REPEATED_AFTER};
use crate::node::{LinkState, StreamId};
use crate::trace::{S, Time};
use crate::world::{Event, World};

/// `min-replicas-max-lag`.
const MOST_LAG: Time = 10 * S;

impl World {
    /// The replica tells its primary how far it is: once a second, and when it is asked.
    pub(super) fn acknowledge(&mut self, node: usize) {
        let server = &self.servers[node];
        let offset = server.offset;
        if let Some(LinkState::Up(stream)) = server.follow().map(|follow| follow.link) {
            let delay = self.net.delay(&mut self.rng);
            self.schedule(self.now + delay, Event::Acknowledged { stream, offset });
        }
    }

    pub(crate) fn on_acknowledged(&mut self, id: StreamId, offset: u64) {
        let Some(stream) = self.streams.get(&id) else {
            return;
        };
        let (primary, replica) = (stream.primary, stream.replica);
        let again = Event::Acknowledged { stream: id, offset };
        if !self.net.passes(Party::Node(replica), Party::Node(primary)) {
            return self.schedule(self.now + REPEATED_AFTER, again);
        }
        let server = &mut self.servers[primary];
        if !server.up || server.process != stream.primary_process {
            return;
        }
        if !server.runs(self.now) {
            return self.schedule(self.now + LATER, again);
        }
        let Some(fed) = server.attached.get_mut(&id) else {
            return;
        };
        fed.acked = fed.acked.max(offset);
        fed.acked_at = self.now;
        fed.online = true;
        self.count_good_replicas(primary);
        self.send_held(id);
        self.answer_waits(primary);
    }

    /// The replica has acknowledged its data set: what was written meanwhile follows.
    fn send_held(&mut self, id: StreamId) {
        let held = self.streams.get_mut(&id).and_then(|it| it.held.take());
        for item in held.into_iter().flatten() {
            self.put(id, item);
        }
    }

    /// Looked at once a second, and when a replica comes or goes.
    pub(super) fn count_good_replicas(&mut self, node: usize) {
        let now = self.now;
        let server = &mut self.servers[node];
        let in_time = |at: Time| now / S <= at / S + MOST_LAG / S;
        let good = server
            .attached
            .values()
            .filter(|fed| fed.online && in_time(fed.acked_at));
        server.good_replicas = u32::try_from(good.count()).unwrap_or(u32::MAX);
    }

    /// Connections of replicas that have acknowledged `offset`, as `WAIT` counts them.
    pub(crate) fn count_acks(&self, node: usize, offset: u64) -> usize {
        self.servers[node]
            .attached
            .values()
            .filter(|fed| fed.online && fed.acked >= offset)
            .count()
    }

    /// Asks all replicas how far they are.
    pub(crate) fn ask_for_acks(&mut self, node: usize) {
        let piece = Piece {
            branch: self.servers[node].branch,
            bytes: REPLCONF_GETACK,
            holds_keys: false,
        };
        self.servers[node].append(piece);
        self.feed(node, Item::AckWanted(piece));
    }
}
