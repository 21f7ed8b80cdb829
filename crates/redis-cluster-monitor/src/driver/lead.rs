//! What those who pass requests on need to know of a group.

use rcm_core::id::{Address, Epoch};
use rcm_core::rule::Stage;
use rcm_core::status::Status;
use rcm_core::verdict::{Response, Verdict};

/// Where requests go, and whether they may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    /// The epoch of the committed record; zero while there is none.
    pub epoch: Epoch,
    /// The primary in office.
    pub primary: Option<Address>,
    /// The epoch in which the office was handed over last as planned.
    pub handed_over: Option<Epoch>,
    /// Whether it takes requests.
    pub outlook: Outlook,
}

/// Whether the primary in office takes requests, from the best to the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// Nothing speaks against it.
    Open,
    /// Something does.
    Suspected,
    /// It is gone.
    Lost,
    /// It is being replaced, or was not met yet.
    #[default]
    Changing,
}

impl Lead {
    /// What a published status says.
    pub fn of(status: &Status) -> Self {
        Self {
            epoch: status.epoch,
            primary: status.primary.clone(),
            handed_over: status.handed_over,
            outlook: Outlook::of(status),
        }
    }
}

impl Outlook {
    /// All of them, with the words that they have on the wire.
    const WORDS: [(Self, &'static str); 4] = [
        (Self::Open, "open"),
        (Self::Suspected, "suspected"),
        (Self::Lost, "lost"),
        (Self::Changing, "changing"),
    ];

    /// The stable word.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(outlook, _)| *outlook == self);
        found.map_or("changing", |(_, word)| word)
    }

    /// What a stable word means.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(_, it)| it.as_bytes() == word);
        found.map(|(outlook, _)| *outlook)
    }

    /// Until a planned switchover has claimed its epoch, nothing changes for clients.
    fn of(status: &Status) -> Self {
        let at_rest = match status.stage {
            Stage::Idle => true,
            Stage::Claiming | Stage::Approaching => matches!(
                status.verdict,
                Verdict::Healthy | Verdict::MonitorsWithoutQuorum
            ),
            Stage::Resuming
            | Stage::Pausing
            | Stage::CatchingUp
            | Stage::Examining
            | Stage::Sealing
            | Stage::Intending
            | Stage::Promoting
            | Stage::Committing
            | Stage::Opening => false,
        };
        let is_lost = status.verdict.calls_for() == Response::FailOver
            || matches!(status.verdict, Verdict::NoCandidate | Verdict::ColdStart);
        if !at_rest {
            Self::Changing
        } else if is_lost {
            Self::Lost
        } else if status.verdict.calls_for() == Response::LookCloser {
            Self::Suspected
        } else {
            Self::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_while_there_is_no_primary_to_take_them() {
        let status = |verdict, stage| Status {
            verdict,
            stage,
            ..Status::unknown("mymaster".parse().unwrap())
        };
        for (verdict, stage, outlook) in [
            (Verdict::Healthy, Stage::Idle, Outlook::Open),
            (Verdict::PrimarySuspected, Stage::Idle, Outlook::Suspected),
            (Verdict::RivalPrimary, Stage::Idle, Outlook::Open),
            (Verdict::Healthy, Stage::Claiming, Outlook::Open),
            (Verdict::Healthy, Stage::Approaching, Outlook::Open),
            (
                Verdict::PrimaryCrashed,
                Stage::Approaching,
                Outlook::Changing,
            ),
            (Verdict::Healthy, Stage::Pausing, Outlook::Changing),
            (Verdict::Healthy, Stage::Committing, Outlook::Changing),
            (Verdict::PrimaryCrashed, Stage::Claiming, Outlook::Changing),
            (Verdict::PrimaryCrashed, Stage::Idle, Outlook::Lost),
            (Verdict::NoCandidate, Stage::Idle, Outlook::Lost),
            (Verdict::ColdStart, Stage::Idle, Outlook::Lost),
        ] {
            let found = Outlook::of(&status(verdict, stage));
            assert_eq!(found, outlook, "{verdict} {stage:?}");
            assert_eq!(Outlook::from_word(outlook.word().as_bytes()), Some(outlook));
        }
    }
}
