//! What an error reply tells about the node.

use rcm_core::observation::Failure;

/// What a server means by an error reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A class of failure that the core knows.
    Failure(Failure),
    /// It is reading its data set: alive, but not of much use yet.
    Loading,
    /// It did not like this one command. It is alive.
    Command,
}

impl Refusal {
    /// Reads the text of an error reply.
    pub(super) fn of(text: &str) -> Self {
        let code = text.split(' ').next().unwrap_or_default();
        let failure = match code {
            "NOAUTH" | "WRONGPASS" => Failure::Unauthorised,
            "NOPERM" => Failure::Forbidden,
            "DENIED" => Failure::TurnedAway,
            "BUSY" => Failure::Busy,
            "LOADING" => return Self::Loading,
            "ERR" if text.contains("invalid password") => Failure::Unauthorised,
            "ERR" if text.contains("max number of clients") => Failure::TurnedAway,
            "ERR" if text.starts_with("ERR AUTH") => Failure::Unauthorised,
            _ => return Self::Command,
        };
        Self::Failure(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_replies_have_a_class() {
        for (text, refusal) in [
            (
                "NOAUTH Authentication required.",
                Refusal::Failure(Failure::Unauthorised),
            ),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                Refusal::Failure(Failure::Unauthorised),
            ),
            (
                "ERR AUTH <password> called without any password configured for the default user.",
                Refusal::Failure(Failure::Unauthorised),
            ),
            (
                "ERR invalid password",
                Refusal::Failure(Failure::Unauthorised),
            ),
            (
                "NOPERM this user has no permissions to run the 'info' command",
                Refusal::Failure(Failure::Forbidden),
            ),
            (
                "DENIED Redis is running in protected mode",
                Refusal::Failure(Failure::TurnedAway),
            ),
            (
                "ERR max number of clients reached",
                Refusal::Failure(Failure::TurnedAway),
            ),
            (
                "BUSY Redis is busy running a script.",
                Refusal::Failure(Failure::Busy),
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                Refusal::Loading,
            ),
            ("ERR unknown command", Refusal::Command),
            ("BUSYKEY Target key name already exists.", Refusal::Command),
            ("", Refusal::Command),
        ] {
            assert_eq!(Refusal::of(text), refusal, "{text}");
        }
    }
}
