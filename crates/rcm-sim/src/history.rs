//! What a node really holds: the ground truth that no offset and no replication id can fake.

/// Names the bytes that one process wrote during one time in office.
pub(crate) type Branch = u64;

/// Every byte that a node holds, by who wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    parts: Vec<(Branch, u64)>,
    length: u64,
    /// Whether any of it is more than the servers' own talk.
    holds_keys: bool,
}

impl History {
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    pub(crate) const fn holds_keys(&self) -> bool {
        self.holds_keys
    }

    pub(crate) fn append(&mut self, branch: Branch, bytes: u64, holds_keys: bool) {
        if bytes == 0 {
            return;
        }
        self.holds_keys |= holds_keys;
        match self.parts.last_mut() {
            Some((last, length)) if *last == branch => *length += bytes,
            _ => self.parts.push((branch, bytes)),
        }
        self.length += bytes;
    }

    /// The last `bytes` bytes, in order.
    pub(crate) fn tail(&self, bytes: u64) -> Vec<(Branch, u64)> {
        let mut left = bytes;
        let mut tail = Vec::new();
        for &(branch, length) in self.parts.iter().rev() {
            if left == 0 {
                break;
            }
            let taken = left.min(length);
            tail.push((branch, taken));
            left -= taken;
        }
        tail.reverse();
        tail
    }

    /// Who wrote the byte at this place, counted from one.
    pub(crate) fn branch_at(&self, place: u64) -> Option<Branch> {
        let mut end = 0;
        let mut parts = self.parts.iter();
        let part = parts.find(|(_, length)| {
            end += length;
            end >= place
        });
        part.map(|(branch, _)| *branch)
    }

    /// How many bytes the two have in common from the beginning.
    pub(crate) fn common(&self, other: &Self) -> u64 {
        let mut common = 0;
        for (&(branch, length), &(other, other_length)) in self.parts.iter().zip(&other.parts) {
            if branch != other {
                break;
            }
            common += length.min(other_length);
            if length != other_length {
                break;
            }
        }
        common
    }

    pub(crate) fn is_prefix_of(&self, other: &Self) -> bool {
        self.common(other) == self.length
    }
}
