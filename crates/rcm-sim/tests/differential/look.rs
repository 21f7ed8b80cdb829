//! What servers say, as text that can be compared: real replication ids are random, so streams are
//! called A, B, C in the order in which a script meets them.

use rcm_core::id::{Address, ReplicationId};
use rcm_core::observation::Role;

use crate::side::{Said, Side};

/// The streams that one side has met, each with the offset from which it is counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Vec<(ReplicationId, u64)>);

/// How offsets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offsets {
    /// As they are.
    Exact,
    /// From where a stream was met first: a PING more or less at its beginning, which depends on the
    /// version, does not show.
    Counted,
}

impl Streams {
    /// A position in a stream; a stream that continues another one is counted as that.
    fn position(
        &mut self,
        (id, offset): (ReplicationId, u64),
        continues: Option<ReplicationId>,
        offsets: Offsets,
    ) -> String {
        let find = |streams: &[(ReplicationId, u64)], id| {
            streams.iter().position(|(known, _)| *known == id)
        };
        let place = find(&self.0, id).unwrap_or_else(|| {
            let before = continues.and_then(|id| find(&self.0, id));
            let from = before.map_or(offset, |place| self.0[place].1);
            self.0.push((id, from));
            self.0.len() - 1
        });
        let from = match offsets {
            Offsets::Exact => 0,
            Offsets::Counted => self.0[place].1,
        };
        let counted = i128::from(offset) - i128::from(from);
        format!("{}:{counted}", letter(place, b'A'))
    }
}

pub(crate) fn letter(place: usize, first: u8) -> char {
    char::from(first + u8::try_from(place).unwrap_or(25))
}

/// One line for one node.
pub(crate) fn line(
    node: usize,
    said: Option<&Said>,
    side: &impl Side,
    streams: &mut Streams,
    offsets: Offsets,
) -> String {
    let node = letter(node, b'a');
    let Some(said) = said else {
        return format!("{node}: no answer");
    };
    let named = |address: &Address| {
        if *address == Address::tombstone() {
            "tombstone".to_owned()
        } else {
            side.node_at(address).map_or_else(
                || address.to_string(),
                |node| letter(node, b'a').to_string(),
            )
        }
    };
    let told = &said.replication;
    let role = match &told.role {
        Role::Primary {
            replicas,
            good_replicas,
        } => {
            let mut replicas: Vec<_> = replicas
                .iter()
                .map(|replica| {
                    let online = if replica.online { "" } else { "(waits)" };
                    format!("{}{online}", named(&replica.address))
                })
                .collect();
            replicas.sort();
            if replicas.is_empty() {
                replicas.push("nobody".to_owned());
            }
            let good = good_replicas.map_or_else(String::new, |good| format!(" good={good}"));
            format!("primary of={}{good}", replicas.join(","))
        }
        Role::Replica(following) => {
            let link = if following.link_up { "up" } else { "down" };
            let syncing = if following.syncing { " syncing" } else { "" };
            format!(
                "replica of={} link={link}{syncing}",
                named(&following.primary)
            )
        }
    };
    let loading = if told.loading { " loading" } else { "" };
    let keys = if said.holds_keys { "" } else { " empty" };
    let before = told.previous.map(|(id, _)| id);
    let stream = streams.position((told.id, told.offset.0), before, offsets);
    let previous = told.previous.map_or_else(String::new, |(id, offset)| {
        let position = streams.position((id, offset.0), None, offsets);
        format!(" previous={position}")
    });
    let syncs = said.syncs;
    format!(
        "{node}: {role} stream={stream}{previous} full={} partial={} refused={}{loading}{keys}",
        syncs.full, syncs.partial, syncs.refused
    )
}
