//! All that can happen. Each variant has its code in `codes`, its line of text in `text` and its
//! severity in `severity`.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;

use super::{Adoption, Halt, Obstacle, Refused, Setback, Standing};
use crate::id::{Address, Epoch, Offset, Version};
use crate::observation::Failure;
use crate::opinion::Class;
use crate::rule::Stage;
use crate::settings::Change;
use crate::verdict::{Tally, Verdict};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Kind {
    /// A node answers as a primary.
    PrimaryUp {
        /// The node.
        node: Address,
        /// Its server and version.
        version: String,
        /// How many replicas are attached to it.
        replicas: usize,
    },
    /// A node answers as a replica.
    ReplicaUp {
        /// The node.
        node: Address,
        /// Its server and version.
        version: String,
        /// Whom it follows.
        primary: Address,
        /// Whether it receives the stream.
        link_up: bool,
    },
    /// A node stopped answering, or does not serve us.
    NodeDown {
        /// The node.
        node: Address,
        /// What was seen.
        failure: Failure,
    },
    /// The primary told of a replica that is not listed.
    NodeDiscovered {
        /// The node.
        node: Address,
        /// Who told.
        by: Address,
    },
    /// A node is watched no longer: it was only discovered and has not been heard for long, or the
    /// operator said so.
    NodeForgotten {
        /// The node.
        node: Address,
        /// The operator said so.
        asked: bool,
    },
    /// Settings are in force that somebody has stored for all monitors of the group.
    SettingsChanged {
        /// Their version; zero if nothing is stored any more.
        version: Version,
        /// What is not as it was here.
        changes: Vec<Change>,
    },
    /// The operator added a node: it is watched from now on.
    NodeAdded {
        /// The node.
        node: Address,
    },
    /// Two addresses lead to one process.
    SameServer {
        /// The address that is ignored from now on.
        node: Address,
        /// The one that is kept.
        kept: Address,
    },
    /// The diagnosis of the primary changed.
    VerdictChanged {
        /// The recorded primary.
        primary: Option<Address>,
        /// What it was.
        from: Verdict,
        /// What it is.
        to: Verdict,
        /// What was seen of the primary.
        failure: Option<Failure>,
        /// What the replicas say.
        #[serde(skip)]
        tally: Option<Tally>,
    },
    /// A standing warning appeared.
    WarningRaised {
        /// What is the matter.
        verdict: Verdict,
        /// With which node.
        node: Address,
    },
    /// A standing warning went away.
    WarningCleared {
        /// What was the matter.
        verdict: Verdict,
        /// With which node.
        node: Address,
    },
    /// Something should be done and is not.
    WouldAct {
        /// What calls for it.
        verdict: Verdict,
        /// The primary that would be replaced.
        primary: Address,
        /// The node that would be promoted, by what is known without touching it.
        candidate: Option<Address>,
        /// Why nothing is done.
        obstacle: Obstacle,
    },
    /// An idle replica's link was cut, to see whether the primary takes it back.
    WitnessAsked {
        /// The replica.
        node: Address,
    },
    /// A failover began.
    FailoverStarted {
        /// The lost primary.
        primary: Address,
        /// Why.
        cause: Verdict,
        /// Under which epoch.
        epoch: Epoch,
    },
    /// A switchover began.
    SwitchoverStarted {
        /// The primary that hands over.
        primary: Address,
        /// Its successor.
        to: Address,
        /// Under which epoch.
        epoch: Epoch,
    },
    /// The writes of the primary's clients wait.
    WritesPaused {
        /// The primary.
        node: Address,
        /// How far it had come.
        offset: Offset,
    },
    /// A switchover was given up before anything irrevocable: the primary goes on.
    SwitchoverAborted {
        /// The primary.
        primary: Address,
        /// Why.
        #[serde(flatten)]
        why: Setback,
    },
    /// The primary did not answer to its seal: it is looked for, to see what became of that.
    SwitchoverDoubted {
        /// The primary.
        primary: Address,
    },
    /// A switchover cannot be finished as planned, and the primary may be sealed: all are sealed and
    /// ranked, the primary among them.
    SwitchoverDerailed {
        /// The primary.
        primary: Address,
        /// Why.
        #[serde(flatten)]
        why: Setback,
    },
    /// A plan that another monitor, or an earlier start, left behind is continued.
    FailoverResumed {
        /// Under which epoch.
        epoch: Epoch,
        /// The node whose promotion had been announced.
        candidate: Address,
    },
    /// A node is sealed, and this is how far it had come.
    NodeSealed {
        /// The node.
        node: Address,
        /// How far.
        offset: Offset,
        /// Since the failover began.
        #[serde(rename = "after_ms", serialize_with = "as_millis")]
        after: Duration,
    },
    /// The node to promote was picked.
    CandidateChosen {
        /// The node.
        node: Address,
        /// How much of the committed history it holds.
        offset: Offset,
        /// Who else could have been.
        among: Vec<Standing>,
        /// Who could not.
        refused: Vec<Refused>,
        /// Replicas that had been seen further ahead and did not answer in time.
        missing: Vec<Address>,
    },
    /// Nobody can be promoted yet.
    FailoverStalled {
        /// Who answered and could not be.
        refused: Vec<Refused>,
    },
    /// Nobody could be promoted, and now somebody can.
    FailoverReconsidered {
        /// Who has come, or was changed since it was sealed.
        node: Address,
        /// The epoch that is claimed for that.
        epoch: Epoch,
    },
    /// Too few voters are sealed to promote anybody (strict mode).
    FailoverBlocked {
        /// How many are sealed.
        voters: usize,
        /// How many are needed.
        needed: usize,
        /// Members whose vote is missing.
        missing: Vec<Address>,
        /// Who answered and has no vote, or may not be promoted.
        refused: Vec<Refused>,
    },
    /// The chosen node says that it is a primary.
    NodePromoted {
        /// The node.
        node: Address,
        /// Since the failover began.
        #[serde(rename = "after_ms", serialize_with = "as_millis")]
        after: Duration,
    },
    /// The new primary is in office: clients are sent to it.
    PrimarySwitched {
        /// Under which epoch.
        epoch: Epoch,
        /// Who was it.
        from: Address,
        /// Who is it.
        to: Address,
        /// It was a switchover.
        planned: bool,
        /// Since the evidence against the old one appeared, or since its writes waited.
        #[serde(rename = "after_ms", serialize_with = "as_millis")]
        after: Duration,
    },
    /// The primary turned out to be well before anything was done to it.
    FailoverAborted {
        /// The primary.
        primary: Address,
    },
    /// The record is newer than the plan.
    Superseded {
        /// The newer epoch.
        epoch: Epoch,
    },
    /// The lease was lost in the middle of a failover.
    FailoverLeft {
        /// How far it had come.
        stage: Stage,
    },
    /// This monitor gave up the lease: others see what it does not.
    LeaseResigned {
        /// What it sees of the primary.
        sees: Option<Class>,
        /// It finds nobody who can be promoted.
        reaches_nobody: bool,
        /// How many others say that the primary is lost.
        lost: usize,
        /// How many others see something against it, and not enough.
        suspected: usize,
        /// How many others say that it is well.
        well: usize,
        /// For so long it does not ask for the lease.
        #[serde(rename = "pause_ms", serialize_with = "as_millis")]
        pause: Duration,
    },
    /// Another monitor has put this primary into office.
    PrimaryLearned {
        /// The primary.
        primary: Address,
        /// The epoch.
        epoch: Epoch,
    },
    /// What the failover lost, as far as it is known.
    LossAccounted {
        /// At least this many bytes.
        known_bytes: u64,
        /// Probably this many.
        estimated_bytes: u64,
        /// How old the last look at the old primary was.
        #[serde(rename = "look_age_ms", serialize_with = "as_millis")]
        look_age: Duration,
    },
    /// The old primary was met again.
    LossFinal {
        /// Exactly what was lost; `None` when the old process is gone and nobody will ever know.
        exact_bytes: Option<u64>,
    },
    /// A group got its agreed primary without a failover.
    PrimaryAdopted {
        /// The primary.
        primary: Address,
        /// Under which epoch.
        epoch: Epoch,
        /// Why.
        how: Adoption,
    },
    /// A primary that is not the recorded one was sealed.
    RivalSealed {
        /// The node.
        node: Address,
        /// Bytes beyond the committed history that it will lose, where that can be told.
        diverged_bytes: Option<u64>,
    },
    /// A node was made a replica of the primary.
    NodeAttached {
        /// The node.
        node: Address,
        /// The primary.
        primary: Address,
    },
    /// The primary in office takes writes and replicas (strict mode).
    GatesOpened {
        /// The node.
        node: Address,
        /// How many replicas have to confirm a write.
        ack_replicas: u32,
    },
    /// A node that is not in office lets nothing through any more (strict mode).
    GatesShut {
        /// The node.
        node: Address,
    },
    /// A member has caught up with the primary since it started: its vote counts (strict mode).
    VoterQualified {
        /// The node.
        node: Address,
    },
    /// A node wrote its role into its configuration file.
    RolePersisted {
        /// The node.
        node: Address,
    },
    /// A node could not write its role into its configuration file.
    RoleNotPersistent {
        /// The node.
        node: Address,
        /// What it said.
        text: String,
    },
    /// A node refused or did not answer a command that should bring it back.
    BringBackFailed {
        /// The node.
        node: Address,
        /// What it said, if it said anything.
        text: String,
    },
    /// Every node that answers follows the primary again.
    GroupRestored {
        /// The primary.
        primary: Address,
        /// How many replicas follow it.
        replicas: usize,
        /// After a switchover.
        planned: bool,
        /// Since the evidence against the old primary appeared, or since its writes waited.
        #[serde(rename = "after_ms", serialize_with = "as_millis")]
        after: Duration,
    },
    /// Other deciders act on this group.
    RivalControllers {
        /// Their client names.
        names: Vec<String>,
    },
    /// They are gone.
    RivalControllersGone,
    /// Our own scheduling was late.
    ObserverLate {
        /// By how much.
        #[serde(rename = "by_ms", serialize_with = "as_millis")]
        by: Duration,
    },
    /// The record could not be written or read.
    StoreFailed {
        /// What the store said.
        text: String,
    },
    /// The store works again.
    StoreRecovered,
    /// The group is not served.
    Halted(Halt),
}

fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1_000.0)
}
