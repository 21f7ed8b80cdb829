//! How many members make a promise in strict mode, and how many have to be asked about it.
//!
//! A write is acknowledged once `ack_replicas` members besides the primary hold it. A failover seals
//! so many voters that one of them was among those, whoever they were.
//!
//! Always holds: every seal quorum and every group of members that held an acknowledged write have a
//! member in common.

/// The sizes that follow from the number of members and from how many of them have to confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    members: usize,
    ack_replicas: usize,
}

impl Quorum {
    /// The quorum of so many members; `None` in async mode, and when there are too few members to
    /// acknowledge anything.
    pub fn new(members: usize, ack_replicas: u32) -> Option<Self> {
        let ack_replicas = usize::try_from(ack_replicas).ok()?;
        (ack_replicas > 0 && ack_replicas < members).then_some(Self {
            members,
            ack_replicas,
        })
    }

    /// How many members hold a write when it is acknowledged, the primary included.
    pub const fn to_hold(self) -> usize {
        self.ack_replicas + 1
    }

    /// How many voters have to be sealed before one of them may be promoted.
    pub const fn to_seal(self) -> usize {
        self.members - self.ack_replicas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_hold_a_write_and_those_who_are_sealed_always_meet() {
        for members in 2..=64 {
            for ack_replicas in 1..members {
                let ack_replicas = u32::try_from(ack_replicas).unwrap();
                let quorum = Quorum::new(members, ack_replicas).unwrap();
                assert_eq!(quorum.to_hold() + quorum.to_seal(), members + 1);
            }
        }
    }

    #[test]
    fn without_acknowledgements_or_members_there_is_no_quorum() {
        assert_eq!(Quorum::new(3, 0), None);
        assert_eq!(Quorum::new(1, 1), None);
        assert_eq!(Quorum::new(2, 2), None);
        let three = Quorum::new(3, 1).unwrap();
        assert_eq!((three.to_hold(), three.to_seal()), (2, 2));
    }
}
