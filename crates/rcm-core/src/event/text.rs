//! The one line of text of each event.

use core::fmt;

use super::words::{After, Count, Voices, remedy, write_refused};
use super::{Halt, Kind};
use crate::opinion::Class;
use crate::settings::Changes;
use crate::time::Human;

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
                write!(f, ", but {}", obstacle.in_words())
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
            Self::FailoverReconsidered { node, epoch } => {
                write!(
                    f,
                    "{node} has come, or was changed since it was sealed: sealing and comparing all \
                     again, epoch {epoch}"
                )
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
                suspected,
                well,
                pause,
            } => {
                let pause = Human(*pause);
                write!(
                    f,
                    "gave up the lease for {pause}: of the other monitors {lost} see the primary \
                     lost, {suspected} suspect it and {well} see it well, this one "
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
                how.in_words()
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
