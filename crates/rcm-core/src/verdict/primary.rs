//! The diagnosis of the recorded primary, by class of evidence.
//!
//! A refused connect is proof and takes milliseconds; silence needs several probes and a witness;
//! a hang is undecidable and takes a policy time. The function is total: every view has a verdict.

use core::time::Duration;

use super::witness::Silence;
use super::{Tally, Verdict};
use crate::id::{NodeId, RunId};
use crate::observation::Failure;
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::{Node, View};

/// Whom the diagnosis is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The recorded primary.
    pub primary: NodeId,
    /// Its process, as recorded; unknown when nobody has met it yet.
    pub run_id: Option<RunId>,
    /// The other monitors have not seen the streams of its replicas stop: that counts for nothing.
    pub is_doubted: bool,
}

/// A verdict on the primary, and what would change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is the matter.
    pub verdict: Verdict,
    /// What was seen of the primary itself, when it is in trouble.
    pub failure: Option<Failure>,
    /// What its replicas say, when they were asked.
    pub tally: Option<Tally>,
    /// When the same view, unchanged, would be judged differently.
    pub ripens_at: Option<Instant>,
    /// Everything is ripe, but no witness knows anything, or what one knew is old: its link may be cut.
    pub wants_witness: Option<NodeId>,
}

/// Bytes that arrive at a replica within this time were under way when the trouble began.
const UNDER_WAY: Duration = Duration::from_millis(200);
/// While connects are refused, an old connection that is mute this long counts as gone: a forked
/// child keeps the sockets of a dead parent open, up to seconds.
const MUTE_IS_GONE: Duration = Duration::from_millis(50);
/// Who is reached again has this long to answer, however long it was not heard before.
const ANSWERS_WITHIN: Duration = Duration::from_millis(200);

impl Judgement {
    const fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            failure: None,
            tally: None,
            ripens_at: None,
            wants_witness: None,
        }
    }

    fn suspected(failure: Option<Failure>, tally: Option<Tally>, until: Option<Instant>) -> Self {
        Self {
            failure,
            tally,
            ripens_at: until,
            ..Self::of(Verdict::PrimarySuspected)
        }
    }
}

/// Judges the recorded primary by what is known at `now`.
pub fn diagnose(view: &View, subject: Subject, policy: &Policy, now: Instant) -> Judgement {
    let Some(node) = view.get(subject.primary) else {
        return Judgement::of(Verdict::ColdStart);
    };
    if node.answered_at.is_none() && node.trouble.is_none() {
        return Judgement::of(Verdict::ColdStart);
    }
    if node.trouble.is_none() {
        return Judgement::of(diagnose_living(node, subject));
    }
    Case {
        view,
        node,
        policy,
        is_doubted: subject.is_doubted,
        now,
    }
    .diagnose()
}

fn diagnose_living(node: &Node, subject: Subject) -> Verdict {
    let met = node.run_id().zip(subject.run_id);
    let restarted = met.is_some_and(|(seen, recorded)| seen != recorded);
    match (node.refuses_us, node.replication()) {
        (Some(Failure::Busy), _) => Verdict::PrimaryBusy,
        (Some(_), _) => Verdict::NodeRefusesUs,
        (None, _) if restarted => Verdict::PrimaryRestarted,
        // It lives, and has not yet said again what it is.
        (None, _) if !node.look_is_current => Verdict::PrimarySuspected,
        (None, None) => Verdict::PrimarySuspected,
        (None, Some(replication)) if replication.is_primary() => Verdict::Healthy,
        (None, Some(_)) => Verdict::PrimaryClaimsReplica,
    }
}

/// A primary with evidence against it.
struct Case<'a> {
    view: &'a View,
    node: &'a Node,
    policy: &'a Policy,
    is_doubted: bool,
    now: Instant,
}

impl Case<'_> {
    fn diagnose(&self) -> Judgement {
        let trouble = &self.node.trouble;
        let Some(began) = trouble.began_at() else {
            return Judgement::of(Verdict::Healthy);
        };
        if let Some(since) = trouble.refusing_since() {
            return self.refused(began, since);
        }
        if let Some((Failure::NotRedis, since)) = trouble.other {
            return self.refused(began, since);
        }
        match trouble.failure() {
            Some(Failure::Silent) => self.silent(began),
            Some(Failure::Mute) => self.mute(began),
            failure => Judgement::suspected(failure, None, None),
        }
    }

    /// Nobody listens at the address any more. That proves a crash only together with the loss of
    /// the old connections, or with every replica's link down: `CONFIG SET port` refuses too.
    fn refused(&self, began: Instant, refused_since: Instant) -> Judgement {
        let tally = self.tally(self.silence(began, UNDER_WAY));
        let failure = self.node.trouble.failure();
        if tally.vetoes > 0 {
            // No link is cut: the address that refuses us may refuse the replica too.
            return Self::replicating(failure, tally);
        }
        let trouble = &self.node.trouble;
        let mute_is_gone_at = trouble.mute_since.map(|since| since + MUTE_IS_GONE);
        let replicas_agree = tally.confirms > 0 && tally.abstains == 0;
        let gone = trouble.closed_at.is_some()
            || mute_is_gone_at.is_some_and(|at| at <= self.now)
            || replicas_agree;
        if !gone {
            return Judgement::suspected(failure, Some(tally), mute_is_gone_at);
        }
        let word_is_in = if tally.confirms > 0 {
            refused_since
        } else if tally.unheard > 0 {
            // Whoever does not answer soon is mute, and not waited for any longer.
            refused_since + UNDER_WAY
        } else if tally.abstains == 0 {
            refused_since + Policy::WITNESS_WITHIN
        } else if trouble.closed_at.is_some() {
            // A crash ends the replicas' connections together with ours. That theirs are up while
            // ours is gone speaks for something between us and the primary.
            began + self.policy.silent_after.max(UNDER_WAY)
        } else {
            refused_since
        };
        let ripe_at = word_is_in.max(refused_since + self.policy.crash_after);
        self.at(ripe_at, Verdict::PrimaryCrashed, failure, tally)
    }

    /// Nothing comes back at TCP level: our network or the host. Alone we cannot tell, so at least
    /// one replica must confirm.
    fn silent(&self, began: Instant) -> Judgement {
        let delay = self.policy.silent_after;
        // A mute process whose kernel still accepted a connection was not silent until then.
        let began = began.max(self.node.trouble.accepted_at.unwrap_or(began));
        let silence = self.silence(began, delay.min(UNDER_WAY));
        let tally = self.tally(silence);
        let failure = Some(Failure::Silent);
        if tally.vetoes > 0 {
            let vouched = Self::replicating(failure, tally);
            return self.asking(vouched, silence, delay);
        }
        if tally.confirms > 0 {
            return self.at(began + delay, Verdict::PrimarySilent, failure, tally);
        }
        let suspected = Judgement::suspected(failure, Some(tally), None);
        self.asking(suspected, silence, delay)
    }

    /// The kernel answers and the process does not. It cannot be told from a long command, so only
    /// the policy's time decides.
    fn mute(&self, began: Instant) -> Judgement {
        let threshold = self
            .node
            .identity
            .as_ref()
            .and_then(|identity| identity.busy_threshold);
        let delay = self.policy.hang_after(threshold);
        let silence = self.silence(began, (delay / 2).min(UNDER_WAY));
        let tally = self.tally(silence);
        let failure = Some(Failure::Mute);
        if tally.vetoes > 0 {
            let vouched = Self::replicating(failure, tally);
            return self.asking(vouched, silence, delay);
        }
        let ripe_at = began + delay;
        let reached_at = self.node.trouble.reached_at;
        let ripe_at = reached_at.map_or(ripe_at, |at| ripe_at.max(at + ANSWERS_WITHIN));
        self.at(ripe_at, Verdict::PrimaryHung, failure, tally)
    }

    const fn silence(&self, since: Instant, margin: Duration) -> Silence {
        Silence {
            since,
            margin,
            now: self.now,
            is_doubted: self.is_doubted,
        }
    }

    fn tally(&self, silence: Silence) -> Tally {
        Tally::of(self.view, self.node.id, silence)
    }

    /// The same judgement, with a replica to be asked as soon as one may be.
    fn asking(&self, judgement: Judgement, silence: Silence, delay: Duration) -> Judgement {
        let ask_at = silence.ask_at(self.view, self.node.id, delay);
        let ripe = ask_at <= self.now;
        let idle = judgement.tally.as_ref().and_then(|tally| tally.idle);
        Judgement {
            ripens_at: (!ripe).then_some(ask_at),
            wants_witness: idle.filter(|_| ripe),
            ..judgement
        }
    }

    fn replicating(failure: Option<Failure>, tally: Tally) -> Judgement {
        Judgement {
            failure,
            tally: Some(tally),
            ..Judgement::of(Verdict::PrimaryUnreachableButReplicating)
        }
    }

    fn at(&self, ripe: Instant, verdict: Verdict, why: Option<Failure>, tally: Tally) -> Judgement {
        if ripe > self.now {
            return Judgement::suspected(why, Some(tally), Some(ripe));
        }
        Judgement {
            failure: why,
            tally: Some(tally),
            ..Judgement::of(verdict)
        }
    }
}
