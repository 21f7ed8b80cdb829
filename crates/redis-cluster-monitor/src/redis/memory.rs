//! What the nodes of one group said last, for those who ask us instead of them.
//!
//! It is kept beside the published status: when a node was heard changes with every look, and a
//! status that did so too would be copied for nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcm_core::id::Address;
use rcm_core::time::Instant;

/// What each node of a group said last. All copies are the same memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<Address, Said>>>);

/// When one node was heard last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// With any reply.
    pub answered_at: Option<Instant>,
    /// With its replication state.
    pub info_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Said {
    heard: Heard,
    /// The text of each section of `INFO`, in the order in which a server has them.
    sections: BTreeMap<Section, String>,
}

/// The sections of `INFO` that are asked for, in the order in which a server has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Server,
    Clients,
    Memory,
    Persistence,
    Replication,
    Keyspace,
}

/// A section is never longer with a server that is one; the rest of it is not kept.
const SECTION_LENGTH: usize = 16 * 1024;

impl Memory {
    /// When the node at `address`, as the operator or its primary wrote it, was heard last.
    pub fn heard(&self, address: &Address) -> Heard {
        let nodes = self.nodes();
        nodes
            .get(address)
            .map_or_else(Heard::default, |said| said.heard)
    }

    /// The last `INFO` of the node at `address`, and when it told its replication state; `None` if
    /// it has not.
    pub fn info(&self, address: &Address) -> Option<(Instant, String)> {
        let nodes = self.nodes();
        let said = nodes.get(address)?;
        let sections: Vec<&str> = said.sections.values().map(String::as_str).collect();
        Some((said.heard.info_at?, sections.join("\r\n")))
    }

    /// Notes a reply, and the section that it was.
    pub(super) fn note(&self, address: &Address, at: Instant, section: Option<(Section, &[u8])>) {
        let mut nodes = self.nodes();
        if !nodes.contains_key(address) {
            nodes.insert(address.clone(), Said::default());
        }
        let Some(said) = nodes.get_mut(address) else {
            return;
        };
        said.heard.answered_at = Some(at);
        let Some((section, bytes)) = section else {
            return;
        };
        if section == Section::Replication {
            said.heard.info_at = Some(at);
        }
        let kept = bytes.get(..SECTION_LENGTH).unwrap_or(bytes);
        let text = said.sections.entry(section).or_default();
        text.clear();
        text.push_str(&String::from_utf8_lossy(kept));
    }

    /// The node is looked at no longer.
    pub(super) fn forget(&self, address: &Address) {
        self.nodes().remove(address);
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<Address, Said>> {
        // Every change leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_each_section_is_kept_in_the_order_of_a_server() {
        let memory = Memory::default();
        let node = Address::new("10.0.0.1", 6379);
        let at = Instant::from_millis;
        assert_eq!(memory.info(&node), None);
        memory.note(&node, at(1), Some((Section::Keyspace, b"# Keyspace\r\n")));
        assert_eq!(memory.info(&node), None);
        memory.note(&node, at(2), Some((Section::Replication, b"role:x\r\n")));
        memory.note(&node, at(3), Some((Section::Replication, b"role:y\r\n")));
        memory.note(&node, at(4), None);
        let text = "role:y\r\n\r\n# Keyspace\r\n".to_owned();
        assert_eq!(memory.info(&node), Some((at(3), text)));
        let heard = Heard {
            answered_at: Some(at(4)),
            info_at: Some(at(3)),
        };
        assert_eq!(memory.heard(&node), heard);
        memory.forget(&node);
        assert_eq!(memory.heard(&node), Heard::default());
    }
}
