//! What the replicas testify about a primary that we cannot reach.
//!
//! A replica's `link up` alone says nothing: an idle primary sends one PING in ten seconds
//! (`repl-ping-replica-period`), and a stopped one keeps its connections. So there are three
//! answers, and two of them need movement.

use core::time::Duration;

use crate::id::NodeId;
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::{Node, View};

/// One replica's word about its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Testimony {
    /// It received bytes, or completed a handshake, after the silence began: the primary lives.
    Veto,
    /// Its link is down, or a stream that was moving has stopped.
    Confirm,
    /// Its link is up and its stream was idle before and after: it cannot know.
    Abstain,
    /// It has not been heard since.
    Unheard,
}

/// All replicas' words together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many say that the primary lives.
    pub vetoes: usize,
    /// How many say that it is gone.
    pub confirms: usize,
    /// How many cannot know.
    pub abstains: usize,
    /// How many have not answered since, although they answered before.
    pub unheard: usize,
    /// A replica that abstains, whose link may be cut to make it a witness.
    pub idle: Option<NodeId>,
}

/// A stream that moved less than this between two looks carries no writes: an idle primary's PING
/// is 14 bytes.
const MOVING_BYTES: u64 = 64;
/// And it must have been quiet for this long.
const QUIET_AT_LEAST: Duration = Duration::from_millis(200);
/// A stream has stopped when it should have brought this much: several writes.
const EXPECTED_BYTES: u128 = 256;
/// A stream counts as moving when its last movement is no older than two looks.
const MOVING_WITHIN: Duration = Duration::from_millis(2_500);
/// A cut link to a living primary is back in 3 to 52 ms; after this long, it is not coming back.
const CUT_SETTLES: Duration = Duration::from_millis(300);

impl Tally {
    /// Asks every replica of `primary` about the silence that began at `silence`.
    pub fn of(view: &View, primary: NodeId, silence: Instant, margin: Duration) -> Self {
        let mut tally = Self::default();
        let Some(subject) = view.get(primary) else {
            return tally;
        };
        let asked = |node: &Node| node.cut_at.is_some_and(|cut| cut >= silence);
        let asked_already = view.nodes().any(asked);
        for node in view
            .nodes()
            .filter(|node| is_replica_of(node, subject, view))
        {
            match testimony(node, silence, margin) {
                Testimony::Veto => tally.vetoes += 1,
                Testimony::Confirm => tally.confirms += 1,
                Testimony::Abstain => {
                    tally.abstains += 1;
                    if !asked_already && has_backlog_to_spare(node, subject) {
                        tally.idle.get_or_insert(node.id);
                    }
                }
                Testimony::Unheard if node.answers() => tally.unheard += 1,
                Testimony::Unheard => {}
            }
        }
        tally
    }

    /// How many replicas have been heard.
    pub const fn heard(&self) -> usize {
        self.vetoes + self.confirms + self.abstains
    }
}

/// Whether the node follows the primary, under its address or, behind address translation, under
/// one that nobody else has. Who follows somebody else is no witness.
fn is_replica_of(node: &Node, primary: &Node, view: &View) -> bool {
    let Some(following) = node.following().filter(|_| node.id != primary.id) else {
        return false;
    };
    let upstream = &following.primary;
    let stream = |node: &Node| node.replication().map(|seen| seen.id);
    // A sealed replica was the primary's when it was sealed, by a plan that did not end.
    primary.listens_at(upstream)
        || upstream.is_tombstone()
        || (view.at_address(upstream).is_none() && stream(node) == stream(primary))
}

/// A link that is cut must come back by a partial resynchronisation: what the replica has not
/// received must be far less than the smallest backlog, 1 MB by default (`repl-backlog-size`).
fn has_backlog_to_spare(node: &Node, primary: &Node) -> bool {
    const SPARE_BYTES: u64 = 64 * 1024;
    let last = primary.offset().map(|(offset, _)| offset);
    let own = node.offset().map(|(offset, _)| offset);
    last.zip(own)
        .is_some_and(|(last, own)| last.ahead_of(own) <= SPARE_BYTES)
}

/// What one replica says about the silence that began at `silence`. Bytes that were still under way
/// count for nothing until `margin` has passed.
pub fn testimony(node: &Node, silence: Instant, margin: Duration) -> Testimony {
    let Some(look) = node.look.as_ref().filter(|look| look.asked_at >= silence) else {
        return Testimony::Unheard;
    };
    let cut = node.cut_at.filter(|&cut| cut >= silence);
    let moved = node
        .motion
        .is_some_and(|motion| motion.from >= silence + margin);
    let shook_hands =
        node.linked.is_some_and(|linked| linked >= silence) && look.replication.link_up();
    if moved || shook_hands {
        return Testimony::Veto;
    }
    if !look.replication.link_up() {
        // A link that was broken all along says nothing new.
        let fresh = node
            .down_since
            .is_some_and(|since| since + Policy::INFO_EVERY >= silence);
        return match cut {
            Some(cut) if look.asked_at < cut + CUT_SETTLES => Testimony::Abstain,
            _ if fresh => Testimony::Confirm,
            _ => Testimony::Abstain,
        };
    }
    // A stream that moved so fast that its rest is no chance.
    let quiet = look.asked_at.since(silence);
    let expected = u128::from(node.rate()) * quiet.as_millis() / 1_000;
    let was_moving = node.motion.is_some_and(|motion| {
        motion.bytes >= MOVING_BYTES && silence.since(motion.to) <= MOVING_WITHIN
    });
    let settled = quiet >= margin.max(QUIET_AT_LEAST);
    if was_moving && settled && expected >= EXPECTED_BYTES {
        return Testimony::Confirm;
    }
    Testimony::Abstain
}
