//! Snapshots as tests need them.

use rcm_core::id::Address;
use rcm_core::status::{NodeRole, NodeStatus};

/// A listed node that answers, and of which nothing else is known.
pub(crate) fn node(address: Address, role: NodeRole) -> NodeStatus {
    NodeStatus {
        address,
        ip: None,
        listed: true,
        run_id: None,
        version: None,
        role,
        reports: None,
        failure: None,
        failing_since: None,
        down: false,
        offset: None,
        lag: None,
        acknowledges: false,
    }
}
