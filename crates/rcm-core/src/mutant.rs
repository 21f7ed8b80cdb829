//! Deliberate defects of the core, each the loss of one rule: the simulation has to notice them. A few
//! are defects of the simulated clients and servers instead, where a promise rests on those.
//!
//! Without the feature `mutants` a [`Defect`] is nothing, [`Defect::is`] is false and the hooks are
//! compiled away; the program that is shipped never has them.

/// One rule that is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// The positions of the nodes are read, and the nodes not sealed.
    NoSeal,
    /// Candidates are ranked by their offset alone.
    RawOffset,
    /// Replicas are sealed without the time to apply what they have received.
    NoDrain,
    /// A node is promoted while its announcement is still being written.
    PromoteBeforeIntend,
    /// A write that met a newer record counts as done.
    NoCompare,
    /// A restarted primary stays in office whatever it holds.
    EmptyPrimary,
    /// What the replicas say for an unreachable primary is ignored.
    IgnoreVetoes,
    /// A failover is abandoned although the primary may have been sealed.
    AbortAfterSeal,
    /// Nodes are attached to any primary that answers.
    AttachToAnybody,
    /// A claim does not take a new epoch.
    SameEpoch,
    /// Silence that could not have been heard counts as silence.
    LateIsSilence,
    /// A restarted node that lost data may be promoted.
    AmnesiaVotes,
    /// The estimate of the loss is told as known.
    GuessedLoss,
    /// An announced promotion is not looked for when a plan is continued.
    ForgetIntent,
    /// Strict mode: one voter fewer than needed is sealed before somebody is promoted.
    SmallQuorum,
    /// Strict mode: a role is written down with the gates as they are, so that a primary starts
    /// with open ones.
    OpenOnDisk,
    /// Strict mode: replicas may attach to a primary that is not in office.
    FeedsAlways,
    /// Strict mode: the stream of a node that was promoted and never committed is not remembered.
    NoBranch,
    /// Strict mode: clients trust the number that `WAIT` gives, whoever is behind it.
    TrustWait,
    /// Strict mode: clients believe what the primary of an older epoch says.
    OldEpochs,
    /// Strict mode: clients take a write that was not confirmed in time for one that was not done.
    LateIsRefused,
    /// Strict mode: what clients send on one connection overtakes itself.
    Overtaking,
    /// The successor is promoted whatever the primary held when it was sealed.
    HandOverUncompared,
    /// Older hands are not killed.
    NoFence,
    /// The epoch is not read again once the connection is named.
    NoConfirm,
    /// The loss of the lease is ignored.
    NoLease,
    /// A node that was promoted and not committed is left as it is.
    KeepOrphan,
    /// What others write into the record is not read.
    DeafFollower,
    /// The lineage of a new primary is committed without where it comes from.
    NoEdge,
    /// A seal that is not answered is sent again and again.
    Impatient,
    /// A monitor does not ask what the others see.
    NoQuorum,
    /// What another monitor said holds for ever.
    StaleOpinion,
    /// What another monitor said of an earlier primary counts against this one.
    AnyPrimary,
    /// Monitors that died are not missed.
    QuorumShrinks,
    /// Nodes are sealed and attached whatever data they hold.
    Trespass,
    /// A monitor that cannot act keeps the lease from those who can.
    NeverResigns,
    /// A failover that finds nobody to promote looks for nothing that has changed.
    StaysStalled,
    /// Nodes are not told to write their roles down.
    RolesForgotten,
    /// Failovers on evidence that can be wrong follow each other without a pause.
    NoHoldOff,
    /// Whoever the operators forget is watched all the same.
    ForgetsNobody,
    /// Servers let anybody continue whose place in the stream they have, whatever stream that is.
    AnyStream,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 41] = [
        Self::NoSeal,
        Self::RawOffset,
        Self::NoDrain,
        Self::PromoteBeforeIntend,
        Self::NoCompare,
        Self::EmptyPrimary,
        Self::IgnoreVetoes,
        Self::AbortAfterSeal,
        Self::AttachToAnybody,
        Self::SameEpoch,
        Self::LateIsSilence,
        Self::AmnesiaVotes,
        Self::GuessedLoss,
        Self::ForgetIntent,
        Self::SmallQuorum,
        Self::OpenOnDisk,
        Self::FeedsAlways,
        Self::NoBranch,
        Self::TrustWait,
        Self::OldEpochs,
        Self::LateIsRefused,
        Self::Overtaking,
        Self::HandOverUncompared,
        Self::NoFence,
        Self::NoConfirm,
        Self::NoLease,
        Self::KeepOrphan,
        Self::DeafFollower,
        Self::NoEdge,
        Self::Impatient,
        Self::NoQuorum,
        Self::StaleOpinion,
        Self::AnyPrimary,
        Self::QuorumShrinks,
        Self::Trespass,
        Self::NeverResigns,
        Self::StaysStalled,
        Self::RolesForgotten,
        Self::NoHoldOff,
        Self::ForgetsNobody,
        Self::AnyStream,
    ];
}

/// The defect that an engine has, which is none outside the simulation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defect {
    #[cfg(feature = "mutants")]
    mutant: Option<Mutant>,
}

impl Defect {
    /// The defect of a mutant.
    #[cfg(feature = "mutants")]
    pub const fn of(mutant: Option<Mutant>) -> Self {
        Self { mutant }
    }

    /// Whether the rule is taken away.
    #[cfg(feature = "mutants")]
    pub fn is(self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Whether the rule is taken away.
    #[cfg(not(feature = "mutants"))]
    pub const fn is(self, _mutant: Mutant) -> bool {
        false
    }
}
