//! What the replicas testify about a primary that we cannot reach.
//!
//! A replica's `link up` alone says nothing: an idle primary sends one PING in ten seconds
//! (`repl-ping-replica-period`), and a stopped one keeps its connections. So there are three
//! answers, and two of them need movement.
//!
//! Always holds: a veto stands until who gave it takes it back, because its link is down, or is not
//! heard any more. What it received may be the last that the primary ever sent, so it is asked again.

use core::time::Duration;

use crate::id::NodeId;
use crate::observation::Replication;
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::{Node, View};

/// One replica's word about its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Testimony {
    /// It received bytes, or completed a handshake, after the silence began: the primary lived.
    Veto,
    /// Its link is down, also if it was up after the silence began, or a stream that was moving has
    /// stopped.
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
    /// A replica whose link may be cut, so that it finds out: one that vouched for the primary, or
    /// cannot tell.
    pub idle: Option<NodeId>,
}

/// What the replicas are asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// When it began.
    pub(super) since: Instant,
    /// Bytes may have been under way for so long.
    pub(super) margin: Duration,
    /// When they are asked.
    pub(super) now: Instant,
    /// The other monitors have not seen the streams stop: that counts for nothing.
    pub(super) is_doubted: bool,
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
/// How long the word of a replica stands that does not answer any more.
const UNHEARD_AFTER: Duration = Duration::from_secs(2);
/// The longest that a word stands before it is asked for again: a living primary's PINGs come more
/// often, so that no links are cut while it is merely out of our reach for long.
const WORD_IS_OLD: Duration = Duration::from_secs(15);

impl Tally {
    /// Asks every replica of `primary` about a silence.
    pub(super) fn of(view: &View, primary: NodeId, silence: Silence) -> Self {
        let mut tally = Self::default();
        let Some(subject) = view.get(primary) else {
            return tally;
        };
        let mut vouched = None;
        for node in replicas(view, subject) {
            let testimony = testimony(node, silence);
            match testimony {
                Testimony::Veto => tally.vetoes += 1,
                Testimony::Confirm => tally.confirms += 1,
                Testimony::Abstain => tally.abstains += 1,
                Testimony::Unheard if node.answers() => tally.unheard += 1,
                Testimony::Unheard => {}
            }
            if !is_linked(node) || !has_backlog_to_spare(node, subject) {
                continue;
            }
            match testimony {
                Testimony::Veto => vouched = vouched.or(Some(node.id)),
                Testimony::Abstain => tally.idle = tally.idle.or(Some(node.id)),
                Testimony::Confirm | Testimony::Unheard => {}
            }
        }
        // A veto is only taken back by who gave it.
        if tally.vetoes > 0 {
            tally.idle = vouched;
        }
        tally
    }

    /// How many replicas have been heard.
    pub const fn heard(&self) -> usize {
        self.vetoes + self.confirms + self.abstains
    }
}

impl Silence {
    /// When a replica's link may be cut, to learn of a silence that has to last for `delay`: the
    /// longer a living primary was out of reach, the rarer.
    pub(super) fn ask_at(self, view: &View, primary: NodeId, delay: Duration) -> Instant {
        let subject = view.get(primary).into_iter();
        let replicas = subject.flat_map(|subject| replicas(view, subject));
        let Some(last) = replicas.filter_map(|node| self.last_word(node)).max() else {
            return self.since + delay;
        };
        let pause = (last.since(self.since) / 2).min(WORD_IS_OLD);
        last + pause.max(delay).max(CUT_SETTLES)
    }

    /// When the replica showed that the primary lived, or was asked to.
    fn last_word(self, node: &Node) -> Option<Instant> {
        let asked = node.cut_at.filter(|&cut| cut >= self.since);
        // Who was asked and found nobody has answered.
        let asked = asked.filter(|_| testimony(node, self) != Testimony::Confirm);
        self.sign_of_life(node).max(asked)
    }

    /// When the replica was last seen to receive bytes that were not under way before, or to be let
    /// in.
    fn sign_of_life(self, node: &Node) -> Option<Instant> {
        let motion = node.motion;
        let motion = motion.filter(|motion| motion.from >= self.since + self.margin);
        let linked = node.linked.filter(|&linked| linked >= self.since);
        motion.map(|motion| motion.to).max(linked)
    }
}

fn replicas<'a>(view: &'a View, primary: &'a Node) -> impl Iterator<Item = &'a Node> {
    view.nodes()
        .filter(|node| is_replica_of(node, primary, view))
}

/// Whether the node says that its link to its primary is up.
fn is_linked(node: &Node) -> bool {
    node.replication().is_some_and(Replication::link_up)
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

/// What one replica says. Bytes that were still under way when the silence began count for nothing.
fn testimony(node: &Node, silence: Silence) -> Testimony {
    let since = silence.since;
    let Some(look) = node.look.as_ref().filter(|look| look.asked_at >= since) else {
        return Testimony::Unheard;
    };
    if silence.sign_of_life(node).is_some() {
        let is_heard = node.answers() || silence.now.since(look.at) < UNHEARD_AFTER;
        // A link that merely breaks is back as soon as one that is cut.
        let lost = |since: Instant| look.asked_at >= since + CUT_SETTLES;
        return match node.down_since {
            _ if !is_heard => Testimony::Unheard,
            Some(since) if lost(since) => Testimony::Confirm,
            _ => Testimony::Veto,
        };
    }
    if !look.replication.link_up() {
        // A link that was broken all along says nothing new.
        let fresh = node
            .down_since
            .is_some_and(|down| down + Policy::INFO_EVERY >= since);
        return match node.cut_at.filter(|&cut| cut >= since) {
            Some(cut) if look.asked_at < cut + CUT_SETTLES => Testimony::Abstain,
            _ if fresh => Testimony::Confirm,
            _ => Testimony::Abstain,
        };
    }
    // A stream that moved so fast that its rest is no chance.
    let quiet = look.asked_at.since(since);
    let expected = u128::from(node.rate()) * quiet.as_millis() / 1_000;
    let was_moving = node.motion.is_some_and(|motion| {
        motion.bytes >= MOVING_BYTES && since.since(motion.to) <= MOVING_WITHIN
    });
    let settled = quiet >= silence.margin.max(QUIET_AT_LEAST);
    if was_moving && settled && expected >= EXPECTED_BYTES && !silence.is_doubted {
        return Testimony::Confirm;
    }
    Testimony::Abstain
}
