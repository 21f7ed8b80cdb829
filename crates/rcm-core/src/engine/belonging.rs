//! Which nodes belong to the group, and how they stand to its primary. Pure questions about the
//! view and the record.

use crate::id::{Address, NodeId};
use crate::lineage::Position;
use crate::mutant::Mutant;
use crate::observation::{Following, Replication};
use crate::record::Record;
use crate::view::{Node, View};

use super::Engine;

/// How a replica stands to the recorded primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// It follows the primary, by address or by receiving its stream under another one.
    Primary,
    /// It is sealed.
    Tombstone,
    /// It follows another member that follows the primary.
    Member,
    /// It follows a member that is lost, or no replica itself.
    LostMember,
    /// It follows somebody outside the group.
    Outsider,
}

/// The node that the record names as primary: the process wherever it listens, else the address.
pub(super) fn recorded_primary<'a>(view: &'a View, record: &Record) -> Option<&'a Node> {
    let process = record
        .primary
        .run_id
        .and_then(|run_id| view.with_run_id(run_id));
    process.or_else(|| view.at_address(&record.primary.address))
}

/// Whom a replica follows, seen from the recorded primary.
pub(super) fn follows(
    view: &View,
    primary: &Node,
    following: &Following,
    own: &Replication,
) -> Follows {
    let Following {
        primary: address,
        link_up,
        ..
    } = following;
    if primary.listens_at(address) {
        return Follows::Primary;
    }
    if address.is_tombstone() {
        return Follows::Tombstone;
    }
    let same_stream = primary
        .replication()
        .is_some_and(|stream| stream.id == own.id);
    match view.at_address(address) {
        Some(member) if member.answers() && member.following().is_some() => Follows::Member,
        Some(_) => Follows::LostMember,
        // The same stream under an address that we do not know: network address translation.
        None if *link_up && same_stream => Follows::Primary,
        None => Follows::Outsider,
    }
}

/// Whether the replica `node` receives the stream of `primary`, directly or through others.
pub(super) fn receives(view: &View, primary: &Node, node: &Node) -> bool {
    let Some(own) = node.replication() else {
        return false;
    };
    let Some(following) = own.following() else {
        return false;
    };
    let whom = follows(view, primary, following, own);
    let on_the_way = matches!(whom, Follows::Primary | Follows::Member);
    let same_stream = primary
        .replication()
        .is_some_and(|stream| stream.id == own.id);
    on_the_way && following.link_up && same_stream
}

impl Engine {
    /// Whether the node may be changed: it belongs to the group, or has nothing to lose. `None` while
    /// that is not known.
    pub(super) fn may_be_changed(&self, node: &Node, record: &Record) -> Option<bool> {
        if record.includes(node, &self.view, &self.nodes)
            || record.is_ancestor_of(node)
            || self.defect.is(Mutant::Trespass)
        {
            return Some(true);
        }
        node.condition.map(|condition| condition.empty)
    }

    pub(super) fn primary_node(&self) -> Option<&Node> {
        recorded_primary(&self.view, self.record()?)
    }

    /// The recorded primary, when it answers as the recorded process and says that it is one.
    pub(super) fn primary_in_office(&self) -> Option<&Node> {
        let record = self.record()?;
        if self.defect.is(Mutant::AttachToAnybody) {
            return self.view.nodes().find(|node| node.is_primary());
        }
        let node = recorded_primary(&self.view, record)?;
        let same = record.primary.run_id.is_some() && node.run_id() == record.primary.run_id;
        (same && node.is_primary()).then_some(node)
    }

    pub(super) fn address_of(&self, id: NodeId) -> Option<Address> {
        self.view.get(id).map(|node| node.address.clone())
    }

    /// Bytes beyond the committed history that a node holds, where that can be told.
    pub(super) fn diverged(&self, replication: &Replication) -> Option<u64> {
        let prefix = self
            .record()?
            .chain
            .common_prefix(&Position::from(replication))?;
        Some(replication.offset.ahead_of(prefix))
    }
}
