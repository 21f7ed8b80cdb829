//! The names of commands, which an operator may have changed.
//!
//! Decided here: how a command is called on the wire. A server can be told to rename commands
//! (`rename-command`), and then everybody who manages it has to know the new names.

use std::collections::BTreeMap;

use rcm_resp::Frame;

/// Commands that have another name on the nodes of a group; all others have their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    renamed: BTreeMap<String, String>,
}

/// Which of its two names a node's command for following a primary has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replicate {
    /// `REPLICAOF`, since 5.0.
    #[default]
    ReplicaOf,
    /// `SLAVEOF`, where the other one was taken away.
    SlaveOf,
}

impl Commands {
    /// With `command` called `name` on the nodes.
    #[must_use]
    pub fn with_rename(mut self, command: &str, name: &str) -> Self {
        self.renamed
            .insert(command.to_ascii_uppercase(), name.to_owned());
        self
    }

    /// What `command`, in capital letters, is called on the nodes.
    pub fn name<'a>(&'a self, command: &'a str) -> &'a str {
        self.renamed.get(command).map_or(command, String::as_str)
    }

    /// What the command for following a primary is called.
    pub fn replicate(&self, which: Replicate) -> &str {
        match which {
            Replicate::ReplicaOf => self.name("REPLICAOF"),
            Replicate::SlaveOf => self.name("SLAVEOF"),
        }
    }

    /// The question that [`Replicate::known_to`] reads the answer of.
    pub(super) fn which_replicate(&self) -> [&str; 4] {
        [
            self.name("COMMAND"),
            "INFO",
            self.replicate(Replicate::ReplicaOf),
            self.replicate(Replicate::SlaveOf),
        ]
    }
}

impl Replicate {
    /// What a server knows, by its answer to `COMMAND INFO`; `None` means neither. A server that
    /// refuses the question is taken for one that was left as it is.
    pub(super) fn known_to(answer: Frame) -> Option<Self> {
        let Some(known) = answer.into_array() else {
            return Some(Self::default());
        };
        let is_known = |place: usize| known.get(place).is_some_and(|entry| !entry.is_null());
        if is_known(0) {
            Some(Self::ReplicaOf)
        } else if is_known(1) {
            Some(Self::SlaveOf)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_renamed_commands_have_another_name() {
        let commands = Commands::default().with_rename("config", "secret");
        assert_eq!(commands.name("CONFIG"), "secret");
        assert_eq!(commands.name("CLIENT"), "CLIENT");
    }

    #[test]
    fn the_command_for_following_is_the_one_that_the_server_knows() {
        let known = || Frame::Array(vec![]);
        for (answer, which) in [
            (
                Frame::Array(vec![known(), known()]),
                Some(Replicate::ReplicaOf),
            ),
            (
                Frame::Array(vec![Frame::Null, known()]),
                Some(Replicate::SlaveOf),
            ),
            (Frame::Array(vec![Frame::Null, Frame::Null]), None),
            (Frame::error("NOPERM"), Some(Replicate::ReplicaOf)),
        ] {
            assert_eq!(Replicate::known_to(answer), which);
        }
    }
}
