//! The words that the lines of events are made of.

use core::fmt;
use core::time::Duration;

use super::{Adoption, Obstacle, Refused, Setback};
use crate::time::Human;
use crate::verdict::{Tally, Verdict};

impl Obstacle {
    /// Completes "would fail over, but ...".
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Observing => "only observes",
            Self::RivalController => {
                "another decider acts on this group: stop it, or let it do its work"
            }
            Self::NoLease => "does not hold the lease",
            Self::HoldOff => "did so shortly before on evidence like this: waiting",
            Self::MonitorsWithoutQuorum => {
                "too few monitors live to agree on that: start the others"
            }
            Self::NotAgreed => "too few monitors agree on that",
        }
    }
}

impl Adoption {
    /// Completes "it is the agreed primary: ...".
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Found => "it is the only primary",
            Self::NamedByReplicas => "it does not answer, but its replicas name it",
            Self::OnlyOneWithData => "it is the only primary that holds data",
            Self::FirstOfEmpty => "all nodes are empty, and it is listed first",
            Self::MostAdvanced => "all nodes are sealed, and it holds the most",
            Self::ChangedByHand => "somebody promoted it, and the group follows it",
            Self::Restarted => "it restarted and holds all that its replicas hold",
            Self::RestartedWithoutLineage => {
                "it restarted, and nobody has what it had before: what was lost cannot be told"
            }
            Self::Met => "it answers now",
            Self::Renamed => "its stream got another name",
            Self::Kept => "it is well, and an unfinished failover was dropped",
        }
    }
}

impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrimaryLost => f.write_str("the primary was not reached, or is none any more"),
            Self::SealUnanswered => {
                f.write_str("it did not answer to its seal in time, and is not sealed")
            }
            Self::HalfSealed => {
                f.write_str("it did not answer to its seal, and may still let something through")
            }
            Self::SuccessorLost => {
                f.write_str("the successor was not reached, or does not hold as much")
            }
            Self::Refused { text } => write!(f, "the primary refused: {text}"),
            Self::Behind { bytes } => write!(f, "the successor lacked {bytes} bytes"),
        }
    }
}

/// Since when, in words.
pub(super) struct After(pub(super) Duration, pub(super) bool);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = if self.1 {
            "writes had to wait"
        } else {
            "the first evidence"
        };
        write!(f, "{} after {since}", Human(self.0))
    }
}

/// `1 replica`, `2 replicas`.
pub(super) struct Count(pub(super) usize, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// What the replicas say, in words.
pub(super) struct Voices<'a>(pub(super) &'a Tally);

impl fmt::Display for Voices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            vetoes,
            confirms,
            abstains,
            ..
        } = self.0;
        let mut separator = "";
        for (count, words) in [
            (vetoes, "still receiving its stream"),
            (confirms, "lost it too"),
            (abstains, "cannot tell"),
        ] {
            if *count > 0 {
                write!(f, "{separator}{} {words}", Count(*count, "replica"))?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

pub(super) fn write_refused(f: &mut fmt::Formatter<'_>, refused: &[Refused]) -> fmt::Result {
    refused
        .iter()
        .try_for_each(|Refused { node, why }| write!(f, "; not {node}: it {}", why.in_words()))
}

/// A standing warning in words that complete "the node ...", with what to do about it.
pub(super) const fn remedy(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NodeRefusesUs => {
            "lives but does not serve this monitor: check the password, the ACL, protected-mode and \
             maxclients"
        }
        Verdict::PrimaryCannotPersist => {
            "refuses writes because saving failed (MISCONF): check its disk and its log"
        }
        Verdict::PrimaryRefusesWrites => {
            "refuses writes: too few replicas for its own min-replicas-to-write, or out of memory"
        }
        Verdict::ReplicationBroken => {
            "does not receive the stream of its primary: check its log, its password for the primary, and the network"
        }
        Verdict::ForeignLineage => {
            "holds data of another lineage and is left alone: empty it, or remove it from the list"
        }
        Verdict::RoleNotPersistent => {
            "will start with its old role: give it a configuration file that it may write"
        }
        Verdict::TooFewVoters => {
            "has no vote and is needed: bring it back as it was, with all its memory, or choose a \
             primary by hand and lose acknowledged writes"
        }
        Verdict::RivalPrimary => {
            "says that it is a primary too: make all but one a replica with REPLICAOF"
        }
        Verdict::Healthy
        | Verdict::PrimarySuspected
        | Verdict::PrimaryCrashed
        | Verdict::PrimarySilent
        | Verdict::PrimaryHung
        | Verdict::PrimaryBusy
        | Verdict::PrimaryRestarted
        | Verdict::PrimaryClaimsReplica
        | Verdict::PrimaryUnreachableButReplicating
        | Verdict::RivalController
        | Verdict::NoCandidate
        | Verdict::ColdStart
        | Verdict::MonitorsWithoutQuorum
        | Verdict::ObserverLate
        | Verdict::StoreUnwritable => "needs a look",
    }
}
