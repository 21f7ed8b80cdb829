//! What a monitor sees of a primary, in the form in which monitors tell it to each other.
//!
//! An opinion travels as text through the store. Monitors share no clock, so it says how old its
//! evidence is and not since when; whoever hears it counts on from its arrival by its own clock.
//!
//! Versions work together: a field that is not known is ignored, and what is seen under a name that
//! is not known is no vote.

mod count;

pub use count::{Ballot, Count};

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, MonitorId, RunId};
use crate::time::Instant;
use crate::verdict::Verdict;

/// What one monitor sees of the recorded primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// Whom it is about.
    #[serde(flatten)]
    pub about: About,
    /// What is seen of it.
    pub seen: Class,
    /// How long it had been seen so when this was told. Of [`Class::Replicating`]: how long ago a
    /// replica was last seen to receive something.
    #[serde(rename = "age_ms", with = "millis")]
    pub age: Duration,
}

/// The primary that an opinion is about: a process in its time in office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The epoch of the record that names it.
    pub epoch: Epoch,
    /// Its process, if the record knows it.
    pub run_id: Option<RunId>,
}

/// What can be seen of a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// It answers.
    Well,
    /// Something speaks against it, and not enough.
    Suspected,
    /// It crashed.
    Crashed,
    /// Nothing comes back at TCP level, and a replica has lost it too.
    Silent,
    /// TCP is alive, no request is answered.
    Hung,
    /// Another process answers at its address.
    Restarted,
    /// It says that it is a replica.
    Demoted,
    /// It answers, and its data is not this group's (strict mode).
    Foreign,
    /// It is out of reach, and its replicas receive its stream: it lives.
    Replicating,
    /// The monitor was not scheduled, or hears nobody: it cannot tell, and does not vote.
    Blind,
    /// Something that only a newer version has a name for.
    #[serde(other)]
    Unknown,
}

impl Class {
    /// Everything that a monitor of this version says, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Well,
        Self::Suspected,
        Self::Crashed,
        Self::Silent,
        Self::Hung,
        Self::Restarted,
        Self::Demoted,
        Self::Foreign,
        Self::Replicating,
        Self::Blind,
    ];

    /// What a diagnosis of the primary says to others; `None` when it says nothing.
    pub const fn of(verdict: Verdict) -> Option<Self> {
        Some(match verdict {
            Verdict::Healthy | Verdict::PrimaryBusy | Verdict::NodeRefusesUs => Self::Well,
            Verdict::PrimarySuspected => Self::Suspected,
            Verdict::PrimaryCrashed => Self::Crashed,
            Verdict::PrimarySilent => Self::Silent,
            Verdict::PrimaryHung => Self::Hung,
            Verdict::PrimaryRestarted => Self::Restarted,
            Verdict::PrimaryClaimsReplica => Self::Demoted,
            Verdict::ForeignLineage => Self::Foreign,
            Verdict::PrimaryUnreachableButReplicating => Self::Replicating,
            Verdict::PrimaryCannotPersist
            | Verdict::PrimaryRefusesWrites
            | Verdict::RivalPrimary
            | Verdict::RivalController
            | Verdict::NoCandidate
            | Verdict::TooFewVoters
            | Verdict::ColdStart
            | Verdict::MonitorsWithoutQuorum
            | Verdict::ObserverLate
            | Verdict::ReplicationBroken
            | Verdict::RoleNotPersistent
            | Verdict::StoreUnwritable => return None,
        })
    }

    /// The stable code: in the store, in the API and in the documentation.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Suspected => "suspected",
            Self::Crashed => "crashed",
            Self::Silent => "silent",
            Self::Hung => "hung",
            Self::Restarted => "restarted",
            Self::Demoted => "demoted",
            Self::Foreign => "foreign",
            Self::Replicating => "replicating",
            Self::Blind => "blind",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it says that the primary is lost.
    pub const fn is_vote(self) -> bool {
        matches!(
            self,
            Self::Crashed
                | Self::Silent
                | Self::Hung
                | Self::Restarted
                | Self::Demoted
                | Self::Foreign
        )
    }

    /// Whether others should look closer.
    pub const fn alarms(self) -> bool {
        self.is_vote() || matches!(self, Self::Suspected | Self::Replicating)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Another monitor that is registered with the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub id: MonitorId,
    /// It still renews its registration. One that does not remains registered: it is missed.
    pub alive: bool,
    /// What it said last.
    pub said: Option<Heard>,
}

/// An opinion, and when it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What was said.
    pub opinion: Opinion,
    /// When the store told of it. What is found in the store by reading may be of any age, and is
    /// not heard.
    pub at: Instant,
}

mod millis {
    use core::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        age: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hung() -> Opinion {
        Opinion {
            about: About {
                epoch: Epoch(7),
                run_id: None,
            },
            seen: Class::Hung,
            age: Duration::from_millis(1_500),
        }
    }

    #[test]
    fn an_opinion_is_read_as_it_was_written() {
        let text = serde_json::to_string(&hung()).unwrap();
        assert_eq!(
            text,
            r#"{"epoch":7,"run_id":null,"seen":"hung","age_ms":1500}"#
        );
        assert_eq!(serde_json::from_str::<Opinion>(&text).unwrap(), hung());
    }

    #[test]
    fn what_a_newer_version_adds_is_ignored_and_what_it_renames_is_no_vote() {
        let newer = r#"{"epoch":7,"run_id":null,"seen":"hung","age_ms":1500,"mood":"bad"}"#;
        assert_eq!(serde_json::from_str::<Opinion>(newer).unwrap(), hung());
        let unheard_of = r#"{"epoch":7,"run_id":null,"seen":"evaporated","age_ms":0}"#;
        let opinion: Opinion = serde_json::from_str(unheard_of).unwrap();
        assert_eq!(opinion.seen, Class::Unknown);
        assert!(!opinion.seen.is_vote() && !opinion.seen.alarms());
    }

    #[test]
    fn a_class_is_written_as_its_code() {
        for class in Class::ALL {
            let text = serde_json::to_string(&class).unwrap();
            assert_eq!(text, format!("\"{class}\""));
            assert_eq!(serde_json::from_str::<Class>(&text).unwrap(), class);
        }
    }
}
