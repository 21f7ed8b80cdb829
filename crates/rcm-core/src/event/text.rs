//! The one line of text of each event.

use super::{Adoption, Class, Halt, Human, Kind, Obstacle, Refused, Setback, Tally, Verdict, fmt};
use crate::settings::Changes;

impl fmt::Display for Kind {
    #[expect(
        clippy::too_many_lines,
        reason = "one line of text per event, nothing else"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrimaryUp {
                node,
                version,
                replicas,
            } => {
                write!(
                    f,
                    "{node} is a primary with {} ({version})",
                    Count(*replicas, "replica")
                )
            }
            Self::ReplicaUp {
                node,
                version,
                primary,
                link_up,
            } => {
                let link = if *link_up { "" } else { ", link down" };
                write!(f, "{node} is a replica of {primary}{link} ({version})")
            }
            Self::NodeDown { node, failure } => write!(f, "{node} {}", failure.in_words()),
            Self::NodeDiscovered { node, by } => {
                write!(
                    f,
                    "{node} is not listed, but {by} says that it is its replica: watching it"
                )
            }
            Self::NodeForgotten { node, asked: true } => {
                write!(f, "{node} is forgotten: it is left as it is")
            }
            Self::NodeForgotten { node, asked: false } => {
                write!(f, "{node} has not been heard for long: forgotten")
            }
            Self::SettingsChanged { version, changes } => {
                write!(f, "settings version {version}: {}", Changes(changes))
            }
            Self::NodeAdded { node } => write!(f, "{node} is added: watching it"),
            Self::SameServer { node, kept } => write!(
                f,
                "{node} is the same server as {kept}: ignoring {node}; remove one of the two"
            ),
            Self::VerdictChanged {
                primary,
                from,
                to,
                failure,
                tally,
            } => {
                match primary {
                    Some(primary) => write!(f, "{primary}: {to}, was {from}")?,
                    None => write!(f, "{to}, was {from}")?,
                }
                if let Some(failure) = failure {
                    write!(f, ": it {}", failure.in_words())?;
                }
                match tally {
                    Some(tally) if tally.heard() > 0 => write!(f, "; {}", Voices(tally)),
                    _ => Ok(()),
                }
            }
            Self::WarningRaised { verdict, node } => {
                write!(f, "{verdict}: {node} {}", remedy(*verdict))
            }
            Self::WarningCleared { verdict, node } => write!(f, "no longer {verdict}: {node}"),
            Self::WouldAct {
                verdict,
                primary,
                candidate,
                obstacle,
            } => {
                match candidate {
                    Some(to) => write!(f, "would fail over from {primary} to {to} ({verdict})")?,
                    None => write!(f, "would fail over from {primary} ({verdict})")?,
                }
                f.write_str(match obstacle {
                    Obstacle::Observing => ", but only observes",
                    Obstacle::RivalController => {
                        ", but another decider acts on this group: stop it, or let it do its work"
                    }
                    Obstacle::NoLease => ", but does not hold the lease",
                    Obstacle::HoldOff => {
                        ", but did so shortly before on evidence like this: waiting"
                    }
                    Obstacle::MonitorsWithoutQuorum => {
                        ", but too few monitors live to agree on that: start the others"
                    }
                    Obstacle::NotAgreed => ", but too few monitors agree on that",
                })
            }
            Self::WitnessAsked { node } => {
                write!(
                    f,
                    "cut the link of {node} once: a living primary takes it back at once"
                )
            }
            Self::FailoverStarted {
                primary,
                cause,
                epoch,
            } => {
                write!(f, "failing over from {primary}, epoch {epoch}: {cause}")
            }
            Self::SwitchoverStarted { primary, to, epoch } => {
                write!(f, "handing over from {primary} to {to}, epoch {epoch}")
            }
            Self::WritesPaused { node, offset } => {
                write!(f, "writes wait on {node} at offset {offset}")
            }
            Self::SwitchoverAborted { primary, why } => {
                write!(
                    f,
                    "the handover is given up, {primary} stays the primary: {why}"
                )
            }
            Self::SwitchoverDoubted { primary } => write!(
                f,
                "{primary} did not answer to its seal: looking whether it is sealed, and touching \
                 nobody else meanwhile"
            ),
            Self::SwitchoverDerailed { primary, why } => write!(
                f,
                "the handover cannot be finished: {why}; sealing and ranking all, {primary} among \
                 them"
            ),
            Self::FailoverResumed { epoch, candidate } => write!(
                f,
                "continuing an unfinished failover, epoch {epoch}: looking at {candidate} first"
            ),
            Self::NodeSealed {
                node,
                offset,
                after,
            } => {
                write!(
                    f,
                    "sealed {node} at offset {offset} after {}",
                    Human(*after)
                )
            }
            Self::CandidateChosen {
                node,
                offset,
                among,
                refused,
                missing,
            } => {
                write!(f, "picked {node} at offset {offset}")?;
                for (i, other) in among.iter().filter(|other| other.node != *node).enumerate() {
                    let word = if i == 0 { " rather than" } else { "," };
                    write!(f, "{word} {} at {}", other.node, other.offset)?;
                }
                write_refused(f, refused)?;
                for node in missing {
                    write!(
                        f,
                        "; {node} had been seen further ahead and did not answer in time"
                    )?;
                }
                Ok(())
            }
            Self::FailoverStalled { refused } => {
                f.write_str("nobody can be promoted: waiting for a replica that can")?;
                write_refused(f, refused)
            }
            Self::FailoverBlocked {
                voters,
                needed,
                missing,
                refused,
            } => {
                write!(
                    f,
                    "{} sealed, {needed} needed: nobody can be promoted without losing \
                     acknowledged writes, waiting for",
                    Count(*voters, "voter")
                )?;
                for (i, node) in missing.iter().enumerate() {
                    write!(f, "{} {node}", if i == 0 { "" } else { "," })?;
                }
                write_refused(f, refused)
            }
            Self::NodePromoted { node, after } => {
                write!(f, "promoted {node} after {}", Human(*after))
            }
            Self::PrimarySwitched {
                epoch,
                from,
                to,
                planned,
                after,
            } => write!(
                f,
                "{to} is the primary now, was {from}, epoch {epoch}, {}",
                After(*after, *planned)
            ),
            Self::FailoverAborted { primary } => {
                write!(
                    f,
                    "{primary} is well after all: it stays, nothing was done to it"
                )
            }
            Self::Superseded { epoch } => {
                write!(f, "another monitor has moved on to epoch {epoch}: obeying")
            }
            Self::FailoverLeft { stage } => {
                write!(f, "lost the lease while {stage}: whoever holds it goes on")
            }
            Self::LeaseResigned {
                sees,
                reaches_nobody,
                lost,
                well,
                pause,
            } => {
                let pause = Human(*pause);
                write!(
                    f,
                    "gave up the lease for {pause}: of the other monitors {lost} see the primary lost \
                     and {well} see it well, this one "
                )?;
                if *reaches_nobody {
                    return f.write_str("reaches nobody who can be promoted");
                }
                write!(f, "says: {}", sees.map_or("nothing", Class::code))
            }
            Self::PrimaryLearned { primary, epoch } => {
                write!(
                    f,
                    "{primary} is the primary, agreed by another monitor, epoch {epoch}"
                )
            }
            Self::LossAccounted {
                known_bytes,
                estimated_bytes,
                look_age,
            } => write!(
                f,
                "lost at least {known_bytes} bytes of writes, probably {estimated_bytes} (the old \
                 primary had been looked at {} before)",
                Human(*look_age)
            ),
            Self::LossFinal {
                exact_bytes: Some(bytes),
            } => {
                write!(
                    f,
                    "the old primary is back: exactly {bytes} bytes of writes were lost"
                )
            }
            Self::LossFinal { exact_bytes: None } => f.write_str(
                "the old primary is back as another process: the loss stays an estimate",
            ),
            Self::PrimaryAdopted {
                primary,
                epoch,
                how,
            } => write!(
                f,
                "{primary} is the agreed primary, epoch {epoch}: {}",
                match how {
                    Adoption::Found => "it is the only primary",
                    Adoption::NamedByReplicas => "it does not answer, but its replicas name it",
                    Adoption::OnlyOneWithData => "it is the only primary that holds data",
                    Adoption::FirstOfEmpty => "all nodes are empty, and it is listed first",
                    Adoption::MostAdvanced => "all nodes are sealed, and it holds the most",
                    Adoption::ChangedByHand => "somebody promoted it, and the group follows it",
                    Adoption::Restarted => "it restarted and holds all that its replicas hold",
                    Adoption::RestartedWithoutLineage =>
                        "it restarted, and nobody has what it had before: what was lost cannot be \
                         told",
                    Adoption::Met => "it answers now",
                    Adoption::Renamed => "its stream got another name",
                    Adoption::Kept => "it is well, and an unfinished failover was dropped",
                }
            ),
            Self::RivalSealed {
                node,
                diverged_bytes,
            } => {
                write!(f, "{node} says that it is a primary, and is not: sealed it")?;
                match diverged_bytes {
                    Some(0) | None => Ok(()),
                    Some(bytes) => write!(f, "; {bytes} bytes that only it has will be dropped"),
                }
            }
            Self::NodeAttached { node, primary } => {
                write!(f, "made {node} a replica of {primary}")
            }
            Self::GatesOpened { node, ack_replicas } => write!(
                f,
                "opened {node} for replicas, and for writes that {} confirm{}",
                Count(
                    usize::try_from(*ack_replicas).unwrap_or(usize::MAX),
                    "replica"
                ),
                if *ack_replicas == 1 { "s" } else { "" },
            ),
            Self::GatesShut { node } => {
                write!(f, "{node} is not in office and was open: shut it")
            }
            Self::VoterQualified { node } => {
                write!(f, "{node} holds all that the primary held: its vote counts")
            }
            Self::RolePersisted { node } => {
                write!(f, "{node} wrote its role into its configuration file")
            }
            Self::RoleNotPersistent { node, text } => write!(
                f,
                "{node} could not write its role into its configuration file and will start with \
                 its old one: {text}"
            ),
            Self::BringBackFailed { node, text } => {
                write!(f, "could not bring {node} back, trying again: {text}")
            }
            Self::GroupRestored {
                primary,
                replicas,
                planned,
                after,
            } => write!(
                f,
                "{} with {primary} as primary again, {}",
                Count(*replicas, "replica"),
                After(*after, *planned)
            ),
            Self::RivalControllers { names } => {
                f.write_str("another decider acts on this group, so this monitor only observes:")?;
                for (i, name) in names.iter().enumerate() {
                    write!(f, "{} {name}", if i == 0 { "" } else { "," })?;
                }
                f.write_str(
                    "; stop it (SENTINEL REMOVE, or end that monitor) and this one takes over",
                )
            }
            Self::RivalControllersGone => {
                f.write_str("no other decider acts on this group any more: acting again")
            }
            Self::ObserverLate { by } => write!(
                f,
                "this monitor itself was {} late: what it did not hear meanwhile is no evidence",
                Human(*by)
            ),
            Self::StoreFailed { text } => write!(f, "the record cannot be written: {text}"),
            Self::StoreRecovered => f.write_str("the record can be written again"),
            Self::Halted(Halt::ForeignRecord) => f.write_str(
                "the record of this group has nothing in common with the nodes given: they are \
                 other servers, or another group of the same name",
            ),
            Self::Halted(Halt::CannotReplicate { node }) => write!(
                f,
                "{node} has neither REPLICAOF nor SLAVEOF: a managed service, or the command is \
                 renamed; tell the new name under rename_commands in the configuration file"
            ),
        }
    }
}

/// Since when, in words.
struct After(core::time::Duration, bool);

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

/// `1 replica`, `2 replicas`.
struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// What the replicas say, in words.
struct Voices<'a>(&'a Tally);

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

fn write_refused(f: &mut fmt::Formatter<'_>, refused: &[Refused]) -> fmt::Result {
    refused
        .iter()
        .try_for_each(|Refused { node, why }| write!(f, "; not {node}: it {}", why.in_words()))
}

/// A standing warning in words that complete "the node ...", with what to do about it.
const fn remedy(verdict: Verdict) -> &'static str {
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
