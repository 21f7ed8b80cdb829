//! What the monitors see of the primary, this one and the others: telling it, and counting it.
//!
//! A monitor alone, on a store that nobody else can use, asks nobody.
//!
//! Always holds: nothing is told while all is well, and no opinion counts that is about another
//! process, or another time in office, or was not told again in time.

use alloc::vec::Vec;
use core::time::Duration;

use super::Engine;
use crate::action::Deed;
use crate::event::{Kind, Obstacle};
use crate::id::NodeId;
use crate::lease::Lease;
use crate::mutant::Mutant;
use crate::observation::Failure;
use crate::opinion::{About, Ballot, Class, Opinion, Peer};
use crate::policy::Policy;
use crate::record::{Phase, Record};
use crate::status::MonitorStatus;
use crate::time::Instant;
use crate::verdict::{Judgement, Verdict};
use crate::view::Node;

/// What the monitors see.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    /// The other monitors, once the store has told of them.
    peers: Option<Vec<Peer>>,
    /// What this one sees.
    own: Option<Own>,
    /// What it said last, and when.
    told: Option<(Opinion, Instant)>,
    /// It was late.
    late: Option<Late>,
    /// Since when a quorum sees something else.
    pub(super) dissents_since: Option<Instant>,
    /// Whose silence the others have not agreed on in time.
    pub(super) doubted: Option<About>,
    /// When this one gave up the lease last.
    pub(super) resigned_at: Option<Instant>,
}

/// The monitor was not scheduled.
#[derive(Clone, Copy, Debug)]
struct Late {
    /// When it began.
    from: Instant,
    /// Until then it does not vote.
    until: Instant,
    by: Duration,
}

impl Late {
    /// What waited to be heard meanwhile is older than it looks.
    fn correct(self, peer: &mut Peer) {
        if let Some(heard) = &mut peer.said
            && (self.from..self.until).contains(&heard.at)
        {
            heard.at = heard.at - self.by;
        }
    }
}

/// What this monitor sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    about: About,
    pub(super) seen: Class,
    since: Instant,
    /// Replicas that say so too.
    confirms: usize,
}

/// Whom the monitors speak of while this record is in force.
pub(super) const fn about(record: &Record) -> About {
    About {
        epoch: record.epoch,
        run_id: record.primary.run_id,
    }
}

impl Engine {
    pub(super) fn meet_monitors(&mut self, mut peers: Vec<Peer>) {
        if let Some(late) = self.eyes.late {
            for peer in &mut peers {
                late.correct(peer);
            }
        }
        self.eyes.peers = Some(peers);
        if self.is_alarmed() {
            self.look_closer(self.now + Policy::OPINION_LASTS);
        }
    }

    /// All registered monitors.
    pub(super) fn ballot(&self) -> Ballot<'_> {
        Ballot {
            peers: self.eyes.peers.as_deref().unwrap_or_default(),
            quorum: self.policy.quorum,
            defect: self.defect,
        }
    }

    /// Whether there is nobody to be asked. Who holds a lock need not be told so; a lease that is
    /// granted for a time was granted by a store that others can use.
    fn is_alone(&self) -> bool {
        match &self.eyes.peers {
            Some(peers) => peers.is_empty(),
            None => self.lease != Lease::Granted,
        }
    }

    /// Whether too few monitors live to agree on anything.
    pub(super) fn lacks_monitors(&self) -> bool {
        let ballot = self.ballot();
        ballot.alive() < ballot.needed()
    }

    /// The primary in office.
    pub(super) fn about(&self) -> Option<About> {
        self.record().map(about)
    }

    /// What this monitor sees of the primary in office.
    pub(super) fn own(&self) -> Option<Own> {
        self.eyes.own.filter(|own| Some(own.about) == self.about())
    }

    /// Whether somebody else suspects the primary.
    fn is_alarmed(&self) -> bool {
        let Some(about) = self.about() else {
            return false;
        };
        let ballot = self.ballot();
        let mut said = ballot
            .peers
            .iter()
            .filter_map(|peer| ballot.says(peer, about, self.now));
        said.any(Class::alarms)
    }

    /// The primary was judged.
    pub(super) fn form_opinion(&mut self, verdict: Verdict, judgement: &Judgement) {
        let formed = self.about().zip(Class::of(verdict));
        self.eyes.own = formed.map(|(about, seen)| {
            let blind = self.is_blind(judgement.failure) && seen != Class::Well;
            let seen = if blind { Class::Blind } else { seen };
            let before = self.eyes.own;
            let before = before.filter(|own| (own.about, own.seen) == (about, seen));
            Own {
                about,
                seen,
                since: before.map_or(self.now, |own| own.since),
                confirms: judgement.tally.as_ref().map_or(0, |tally| tally.confirms),
            }
        });
    }

    /// Whether what is seen may be this monitor's own trouble: it was late, or it hears nobody.
    fn is_blind(&self, failure: Option<Failure>) -> bool {
        let late = self.eyes.late.is_some_and(|late| self.now < late.until);
        let mut nodes = self.view.nodes();
        late || (failure == Some(Failure::Silent) && !nodes.any(Node::answers))
    }

    /// This monitor was late: it does not vote for a while.
    pub(super) fn close_eyes(&mut self, by: Duration) {
        let before = self.eyes.late.filter(|late| self.now < late.until);
        self.eyes.late = Some(Late {
            from: before.map_or(self.now - by, |late| late.from),
            until: self.now + Policy::BLIND_FOR,
            by: before.map_or(by, |late| late.by.saturating_add(by)),
        });
    }

    /// Why a failover may not begin although this monitor calls for it; nothing, when enough
    /// monitors do.
    pub(super) fn objection(&self) -> Option<Obstacle> {
        let announced = |record: &Record| matches!(record.phase, Phase::Promoting { .. });
        if self.is_alone()
            || self.defect.is(Mutant::NoQuorum)
            || self.record().is_some_and(announced)
        {
            return None;
        }
        if self.lacks_monitors() {
            return Some(Obstacle::MonitorsWithoutQuorum);
        }
        let own = self.own().filter(|own| own.seen.is_vote());
        let agreed = own.zip(self.eyes.peers.as_ref()).is_some_and(|(own, _)| {
            let ballot = self.ballot();
            let count = ballot.count(own.about, self.now);
            let votes = count.lost + 1;
            // Never on one witness, whatever the quorum.
            votes >= ballot.needed() && votes + own.confirms >= 2 && count.vetoes == 0
        });
        (!agreed).then_some(Obstacle::NotAgreed)
    }

    /// Until when others are waited for, to agree or to act, before it is told that they do not.
    pub(super) fn agreement_awaited_until(&self) -> Option<Instant> {
        self.own().map(|own| own.since + Policy::AGREE_WITHIN)
    }

    /// Whether this monitor, which would act, does not trust what it sees. Votes that come late end that.
    pub(super) fn doubts_own_eyes(&self) -> bool {
        let doubted = self.eyes.doubted.filter(|it| Some(*it) == self.about());
        let too_few = |about| {
            let ballot = self.ballot();
            ballot.count(about, self.now).lost + 1 < ballot.needed()
        };
        self.lease.held().is_some() && doubted.is_some_and(too_few)
    }

    /// The others have not agreed in time. Perhaps only this monitor looked when the streams stopped:
    /// it goes on as if it had not, and lets a replica find out, so that all can see it.
    pub(super) fn doubt_own_eyes(&mut self) {
        let about = self.about();
        let vetoes = about.map(|about| self.ballot().count(about, self.now).vetoes);
        if vetoes == Some(0) {
            self.eyes.doubted = about;
        }
    }

    /// Tells the others what is seen, and leaves the lease to them if they see more.
    pub(super) fn consult(&mut self) {
        if self.plan.is_some() {
            // What was seen when it began may be over.
            self.eyes.own = None;
        }
        if self.is_alone() {
            return;
        }
        if let Some(own) = self.own()
            && self.tell_at(own).is_some_and(|at| at <= self.now)
        {
            self.tell_opinion(own);
        }
        self.weigh_dissent();
    }

    /// When this monitor's opinion is due to be told, if it is: a vote at once, anything else when it
    /// has lasted, and again while somebody is uneasy.
    fn tell_at(&self, own: Own) -> Option<Instant> {
        let told = self.eyes.told;
        let told = told.filter(|(opinion, _)| opinion.about == own.about);
        let uneasy = own.seen != Class::Well || self.is_alarmed();
        match told {
            Some((before, at)) if before.seen == own.seen => {
                uneasy.then_some(at + Policy::TELL_EVERY)
            }
            None if !uneasy => None,
            Some((before, at)) if own.seen.is_vote() && before.seen.is_vote() => {
                Some(own.since.max(at + Policy::TELL_AFTER))
            }
            _ if own.seen.is_vote() => Some(own.since),
            _ => Some(own.since + Policy::TELL_AFTER),
        }
    }

    fn tell_opinion(&mut self, own: Own) {
        let received_at = || {
            self.received_at()
                .filter(|_| own.seen == Class::Replicating)
        };
        let since = received_at().unwrap_or(own.since);
        let opinion = Opinion {
            about: own.about,
            seen: own.seen,
            age: self.now.since(since),
        };
        self.eyes.told = Some((opinion, self.now));
        self.out.order(opinion.about.epoch, Deed::Tell(opinion));
    }

    /// When a replica was last seen to receive something, or to be let in.
    fn received_at(&self) -> Option<Instant> {
        let replicas = self.view.nodes().filter(|node| node.following().is_some());
        let signs = replicas.flat_map(|node| [node.motion.map(|motion| motion.to), node.linked]);
        signs.flatten().max()
    }

    /// When there is something to tell, to forget or to decide although nothing happens.
    pub(super) fn eyes_deadline(&self) -> Option<Instant> {
        let silent_at = |peer: &Peer| peer.said.map(|heard| heard.at + Policy::OPINION_LASTS);
        let forgotten = self.ballot().peers.iter().filter_map(silent_at);
        let tell = self.own().filter(|_| !self.is_alone());
        let tell = tell.and_then(|own| self.tell_at(own));
        let blind_until = self.eyes.late.map(|late| late.until);
        let due = [tell, self.resign_at(), blind_until];
        let due = due.into_iter().flatten().chain(forgotten);
        due.filter(|&at| at > self.now).min()
    }

    /// Lets one replica find out whether the primary lives, if nobody knows.
    pub(super) fn ask_witness(&mut self, replica: NodeId) {
        let about = self.about();
        let known = about.is_some_and(|about| self.ballot().count(about, self.now).well > 0);
        let obstacle = known || self.observing() || self.lease.held().is_none();
        let Some(node) = self.view.get_mut(replica).filter(|_| !obstacle) else {
            return;
        };
        node.cut_at = Some(self.now);
        let kind = Kind::WitnessAsked {
            node: node.address.clone(),
        };
        let epoch = self.epoch();
        // Not fenced: if it comes late, a replica loses its link once and continues.
        let deed = Deed::CutLink { node: replica };
        self.out.act(self.now, epoch, Policy::ACTION_WITHIN, deed);
        self.out.tell(self.now, kind);
    }

    pub(super) fn monitors(&self) -> Vec<MonitorStatus> {
        let ballot = self.ballot();
        let about = self.about();
        let status = |peer: &Peer| MonitorStatus {
            id: peer.id.clone(),
            alive: peer.alive,
            sees: about.and_then(|about| ballot.says(peer, about, self.now)),
        };
        ballot.peers.iter().map(status).collect()
    }
}
