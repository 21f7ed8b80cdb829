//! What the operator decided: delays by class of failure, and what the monitor may touch.
//!
//! A policy is checked once, when it is built. Nothing after that can fail.

use alloc::vec::Vec;
use core::time::Duration;

use crate::id::Address;

/// How one group is watched and failed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long to wait after proof of a crash. Zero acts at once; more gives a supervisor time to
    /// restart the process.
    pub crash_after: Duration,
    /// How long a primary must be silent at TCP level.
    pub silent_after: Duration,
    /// How long a primary may leave a request unanswered while TCP is alive. `None` means the
    /// node's own `busy-reply-threshold` plus 500 ms, because below it a long script cannot be
    /// told from a hang; in strict mode 1 s, because there a wrong failover loses nothing.
    pub hang_after: Option<Duration>,
    /// How often the primary is asked for a sign of life while all is calm.
    pub probe_every: Duration,
    /// Decide and log everything, touch nothing.
    pub observe: bool,
    /// Whether a node writes its new role into its own configuration file.
    pub persist_roles: bool,
    /// How many replicas must hold a write before it is acknowledged; zero is async mode. Decides
    /// for a group that has no record; a group keeps the mode that it began with.
    pub ack_replicas: u32,
    /// How many monitors have to say that the primary is lost; more than one of them, or one and a
    /// replica. `None` means a majority of those that are registered.
    pub quorum: Option<usize>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            crash_after: Duration::ZERO,
            silent_after: Duration::from_millis(500),
            hang_after: None,
            probe_every: Duration::from_millis(200),
            observe: false,
            persist_roles: true,
            ack_replicas: 0,
            quorum: None,
        }
    }
}

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A delay is outside its range.
    #[error("{name} must lie between {min:?} and {max:?}, not {value:?}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: Duration,
        /// The smallest value allowed.
        min: Duration,
        /// The largest value allowed.
        max: Duration,
    },
}

/// Who belongs to a group, as the operator says: no address twice, at least one is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nodes {
    listed: Vec<Address>,
    forgotten: Vec<Address>,
}

/// Why a list of nodes is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    /// Nothing to watch.
    #[error("no nodes given; name at least one HOST:PORT")]
    Empty,
    /// One address is listed more than once.
    #[error("`{0}` is listed twice; remove one of the two")]
    Duplicate(Address),
    /// More nodes than a group can have.
    #[error("{0} nodes are too many for one group; the limit is {limit}", limit = Nodes::MAX)]
    TooMany(usize),
    /// One address is to be watched and not to be.
    #[error("`{0}` is listed and forgotten; remove it from one of the two")]
    Both(Address),
    /// More nodes than can be kept away.
    #[error(
        "{0} forgotten nodes are too many; the limit is {limit}, remove the oldest",
        limit = Nodes::MAX
    )]
    TooManyForgotten(usize),
}

impl Nodes {
    /// The most nodes that one group can have, listed and discovered together.
    pub const MAX: usize = 64;

    /// Checks a list of addresses.
    pub fn new(addresses: Vec<Address>) -> Result<Self, NodesError> {
        if addresses.is_empty() {
            return Err(NodesError::Empty);
        }
        if addresses.len() > Self::MAX {
            return Err(NodesError::TooMany(addresses.len()));
        }
        for (i, address) in addresses.iter().enumerate() {
            if addresses[..i].contains(address) {
                return Err(NodesError::Duplicate(address.clone()));
            }
        }
        Ok(Self {
            listed: addresses,
            forgotten: Vec::new(),
        })
    }

    /// The same nodes, and those that do not belong to the group any more, whoever tells of them.
    pub fn without(mut self, forgotten: Vec<Address>) -> Result<Self, NodesError> {
        if forgotten.len() > Self::MAX {
            return Err(NodesError::TooManyForgotten(forgotten.len()));
        }
        for (i, address) in forgotten.iter().enumerate() {
            if self.listed.contains(address) {
                return Err(NodesError::Both(address.clone()));
            }
            if forgotten[..i].contains(address) {
                return Err(NodesError::Duplicate(address.clone()));
            }
        }
        self.forgotten = forgotten;
        Ok(self)
    }

    /// The nodes that are watched in any case, in the order given.
    pub fn addresses(&self) -> &[Address] {
        &self.listed
    }

    /// The nodes that are not watched although the record or the primary knows them.
    pub fn forgotten(&self) -> &[Address] {
        &self.forgotten
    }

    /// Whether the operators have named this address: it is listed, or forgotten.
    pub fn names(&self, address: &Address) -> bool {
        self.addresses().contains(address) || self.forgotten().contains(address)
    }
}

impl Policy {
    /// How often each node is asked for its replication state while all is calm.
    pub const INFO_EVERY: Duration = Duration::from_secs(1);
    /// How often a node is asked while something is suspected.
    pub const SUSPICION_EVERY: Duration = Duration::from_millis(20);
    /// How long an unanswered request raises no suspicion.
    pub const MUTE_AFTER: Duration = Duration::from_millis(60);
    /// How long a replica that still reports its link up is given to apply what it has received.
    pub const DRAIN_WITHIN: Duration = Duration::from_millis(200);
    /// How long the first answers to a seal are waited for.
    pub const SEAL_WITHIN: Duration = Duration::from_millis(100);
    /// How long a switchover waits for the successor to come close, before writes have to wait.
    pub const APPROACH_WITHIN: Duration = Duration::from_secs(3);
    /// How long a switchover lets writes wait until the successor holds everything.
    pub const CATCH_UP_WITHIN: Duration = Duration::from_secs(1);
    /// How long a seal may stay unanswered while writes wait.
    pub const HANDOVER_SEALED_WITHIN: Duration = Duration::from_millis(500);
    /// After this long the primary lets waiting writes go on by itself, should we be gone.
    pub const PAUSE_WITHIN: Duration = Duration::from_millis(1_500);
    /// How many bytes the successor may be behind when a switchover begins.
    pub const SWITCHOVER_LAG: u64 = 16 * 1024 * 1024;
    /// How long a silent replica that is known to hold more than the best answer is waited for.
    pub const WAIT_FOR_BEST: Duration = Duration::from_secs(1);
    /// After this long without an answer the outcome of a command is unknown.
    pub const ACTION_WITHIN: Duration = Duration::from_secs(2);
    /// How long a refused connect waits for the replicas' word before it stands alone.
    pub const WITNESS_WITHIN: Duration = Duration::from_millis(20);
    /// How long the monitor may be late itself before its own evidence of silence is void.
    pub const LATE_AFTER: Duration = Duration::from_millis(100);
    /// How long at start every listed node is waited for before rivals are judged without it.
    pub const COLD_START_AFTER: Duration = Duration::from_secs(5);
    /// How long a topology changed by hand must be stable before it is adopted.
    pub const ADOPT_AFTER: Duration = Duration::from_millis(500);
    /// How long a broken replica is left to heal by itself before it is repaired.
    pub const REPAIR_AFTER: Duration = Duration::from_secs(2);
    /// How long the first pause between two failovers on undecidable evidence is; it doubles.
    pub const HOLD_OFF: Duration = Duration::from_secs(2);
    /// The longest pause between two failovers on undecidable evidence.
    pub const HOLD_OFF_MAX: Duration = Duration::from_secs(60);
    /// After this long without a failover the hold-off starts from the beginning.
    pub const HOLD_OFF_FORGET: Duration = Duration::from_secs(600);
    /// How long another monitor's opinion counts after it was heard.
    pub const OPINION_LASTS: Duration = Duration::from_secs(2);
    /// How often an opinion is told again while something is suspected.
    pub const TELL_EVERY: Duration = Duration::from_secs(1);
    /// How long an opinion that is no vote has to last before it is told.
    pub const TELL_AFTER: Duration = Duration::from_millis(20);
    /// How long a monitor that was late does not vote.
    pub const BLIND_FOR: Duration = Duration::from_secs(1);
    /// How long the others' agreement may be missing before that is told.
    pub const AGREE_WITHIN: Duration = Duration::from_millis(500);
    /// How long the holder of the lease may see something else than a quorum before it resigns.
    pub const RESIGN_AFTER: Duration = Duration::from_secs(2);
    /// How long a monitor that resigned leaves the lease to others.
    pub const RESIGNED_FOR: Duration = Duration::from_secs(5);
    /// How long a monitor that resigned does not resign again.
    pub const RESIGN_AGAIN: Duration = Duration::from_secs(30);
    /// The delay that `hang_after` adds to a node's own `busy-reply-threshold`.
    const BEYOND_BUSY: Duration = Duration::from_millis(500);
    /// How long a primary may be mute in strict mode.
    const STRICT_HANG_AFTER: Duration = Duration::from_secs(1);
    /// A stock server's `busy-reply-threshold`.
    const STOCK_BUSY_THRESHOLD: Duration = Duration::from_secs(5);

    /// Checks that every delay lies in its range.
    pub fn validated(self) -> Result<Self, Error> {
        let hour = Duration::from_secs(3600);
        let millis = Duration::from_millis;
        let check = |name, value: Duration, min: Duration, max: Duration| {
            if value < min || value > max {
                return Err(Error::OutOfRange {
                    name,
                    value,
                    min,
                    max,
                });
            }
            Ok(())
        };
        check("crash_after", self.crash_after, Duration::ZERO, hour)?;
        check("silent_after", self.silent_after, millis(100), hour)?;
        check(
            "probe_every",
            self.probe_every,
            millis(10),
            Duration::from_secs(10),
        )?;
        if let Some(hang_after) = self.hang_after {
            check("hang_after", hang_after, millis(100), hour)?;
        }
        Ok(self)
    }

    /// How long a primary whose `busy-reply-threshold` is `busy_threshold` may be mute.
    pub fn hang_after(&self, busy_threshold: Option<Duration>) -> Duration {
        let default = || match self.ack_replicas {
            0 => busy_threshold
                .unwrap_or(Self::STOCK_BUSY_THRESHOLD)
                .saturating_add(Self::BEYOND_BUSY),
            _ => Self::STRICT_HANG_AFTER,
        };
        self.hang_after.unwrap_or_else(default)
    }

    /// The probe interval in force: never more than a quarter of the shortest delay.
    pub fn probe_every(&self) -> Duration {
        let shortest = self
            .silent_after
            .min(self.hang_after.unwrap_or(self.silent_after));
        self.probe_every.min(shortest / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn a_hang_is_measured_from_beyond_the_busy_threshold() {
        let policy = Policy::default();
        assert_eq!(policy.hang_after(None).as_millis(), 5_500);
        assert_eq!(
            policy.hang_after(Some(Duration::from_secs(1))).as_millis(),
            1_500
        );
        let strict = Policy {
            ack_replicas: 1,
            ..policy.clone()
        };
        assert_eq!(strict.hang_after(None).as_secs(), 1);
        let set = Policy {
            hang_after: Some(Duration::from_secs(2)),
            ..policy
        };
        assert_eq!(set.hang_after(Some(Duration::from_secs(9))).as_secs(), 2);
    }

    #[test]
    fn probes_are_never_rarer_than_a_quarter_of_the_shortest_delay() {
        let policy = Policy {
            silent_after: Duration::from_millis(400),
            ..Policy::default()
        };
        assert_eq!(policy.probe_every().as_millis(), 100);
        assert_eq!(Policy::default().probe_every().as_millis(), 125);
    }

    #[test]
    fn a_delay_out_of_range_is_refused_by_name() {
        let policy = Policy {
            silent_after: Duration::ZERO,
            ..Policy::default()
        };
        assert_eq!(
            policy.validated().unwrap_err().to_string(),
            "silent_after must lie between 100ms and 3600s, not 0ns"
        );
    }

    #[test]
    fn a_node_listed_twice_is_refused() {
        let a: Address = "10.0.0.1".parse().unwrap();
        let error = Nodes::new(vec![a.clone(), "10.0.0.1:6379".parse().unwrap()]).unwrap_err();
        assert_eq!(error, NodesError::Duplicate(a));
        assert_eq!(Nodes::new(vec![]), Err(NodesError::Empty));
    }

    #[test]
    fn a_node_is_not_listed_and_forgotten() {
        let node = |text: &str| text.parse::<Address>().unwrap();
        let nodes = || Nodes::new(vec![node("a"), node("b")]).unwrap();
        let both = nodes().without(vec![node("c"), node("b")]);
        assert_eq!(both, Err(NodesError::Both(node("b"))));
        let twice = nodes().without(vec![node("c"), node("c")]);
        assert_eq!(twice, Err(NodesError::Duplicate(node("c"))));
        let many = (1..=65).map(|port| Address::new("c", port)).collect();
        assert_eq!(nodes().without(many), Err(NodesError::TooManyForgotten(65)));
    }
}
