//! A primary with its replicas.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Builder, Error, Server, wait_for};

/// A replica looks for its primary once a second, and tries again after a second.
const SYNC_DEADLINE: Duration = Duration::from_secs(20);

/// Servers that replicate from one of them. Which one that is may change; their numbers do not.
#[derive(Debug)]
pub struct Group {
    nodes: Vec<Server>,
}

impl Group {
    /// Starts a primary, node 0, and `replicas` replicas, all with the same settings, and waits
    /// until they are in step.
    pub fn start(settings: &Builder, replicas: usize) -> Result<Self, Error> {
        let primary = settings.clone().start()?;
        let primary_address = primary.address();
        let mut nodes = vec![primary];
        for _ in 0..replicas {
            nodes.push(settings.clone().replica_of(primary_address).start()?);
        }
        Self::of(nodes)
    }

    /// Servers that were started one by one. Node 0 is the primary of all others; returns when they
    /// are in step.
    pub fn of(nodes: Vec<Server>) -> Result<Self, Error> {
        let group = Self { nodes };
        group.wait_until_in_step(0, SYNC_DEADLINE)?;
        Ok(group)
    }

    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    pub fn nodes_mut(&mut self) -> &mut [Server] {
        &mut self.nodes
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Server::address).collect()
    }

    /// Waits until every node that was not killed replicates from node number `primary` and has all
    /// that it has. Under a stream of writes that may never be so.
    pub fn wait_until_in_step(&self, primary: usize, deadline: Duration) -> Result<(), Error> {
        let primary = &self.nodes[primary];
        wait_for(
            deadline,
            &format!("every node in step with {}", primary.address()),
            || {
                let others = self
                    .nodes
                    .iter()
                    .filter(|node| node.address() != primary.address());
                others
                    .filter(|node| node.pid().is_some())
                    .all(|node| is_in_step(node, primary))
            },
        )
    }
}

/// A node that does not answer is not in step.
fn is_in_step(node: &Server, primary: &Server) -> bool {
    let (Ok(its), Ok(primarys)) = (node.info("replication"), primary.info("replication")) else {
        return false;
    };
    let is = |field: &str, value: &str| its.get(field).is_some_and(|its| its == value);
    is("role", "slave")
        && is("master_host", &primary.address().ip().to_string())
        && is("master_port", &primary.port().to_string())
        && is("master_link_status", "up")
        && its.get("slave_repl_offset") == primarys.get("master_repl_offset")
}
