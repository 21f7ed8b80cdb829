//! Whose ways a server has, where they differ.

/// Whose ways a server has, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are names")]
pub enum Version {
    Redis62,
    Redis7,
    Valkey9,
}

impl Version {
    /// A primary finds its place in the replication in its dump.
    pub(crate) fn remembers_id(self) -> bool {
        self != Self::Redis62
    }

    /// Its replication cron runs also when there is nobody to replicate with.
    pub(crate) fn always_runs_cron(self) -> bool {
        self != Self::Valkey9
    }

    /// `WAIT` is about all that the primary added to its stream before the client's last command,
    /// and not only about what that client wrote.
    pub(crate) fn waits_for_others(self) -> bool {
        self != Self::Valkey9
    }

    /// Told to follow somebody, it keeps its own replicas until it knows that its stream is another
    /// one.
    pub(crate) fn keeps_replicas(self) -> bool {
        self != Self::Redis62
    }

    /// A replica that is promised everything knows its old place until it has the new data.
    pub(crate) fn keeps_place(self) -> bool {
        self != Self::Redis62
    }

    /// It sends its data set without a file, and what was written meanwhile only once the replica
    /// has acknowledged that.
    pub(crate) fn syncs_without_disk(self) -> bool {
        self != Self::Redis62
    }
}
