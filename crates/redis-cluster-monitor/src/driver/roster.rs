//! What those who pass reads on need to know of a group.

use std::net::SocketAddr;

use rcm_core::id::{Offset, RunId};
use rcm_core::status::{NodeRole, NodeStatus, Status};

use super::Lead;

/// The servers of a group, and how each stands to the primary in office.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Where requests to the primary go.
    pub lead: Lead,
    /// Somebody looks at the servers: otherwise nobody knows how far they have come since.
    pub is_watched: bool,
    /// Those whose address is known.
    pub servers: Vec<Server>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub process: Option<RunId>,
    /// What it is to the group.
    pub standing: Standing,
    /// How much of the stream it has applied.
    pub offset: Option<Offset>,
    /// How many bytes it is behind the primary, as last seen.
    pub lag: Option<u64>,
}

/// What a server is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The primary in office.
    Primary,
    /// It answers, and receives the primary's stream.
    InStep,
    /// Neither.
    Astray,
}

impl Roster {
    /// What a published status says.
    pub fn of(status: &Status) -> Self {
        let primary = status.primary_node();
        let servers = status.nodes.iter().filter_map(|node| {
            let in_step = node.role == NodeRole::Replica && node.failure.is_none() && !node.down;
            let standing = if primary.is_some_and(|primary| primary.address == node.address) {
                Standing::Primary
            } else if in_step && !status.halted {
                Standing::InStep
            } else {
                Standing::Astray
            };
            Some(Server {
                address: socket(node)?,
                process: node.run_id,
                standing,
                offset: node.offset,
                lag: node.lag,
            })
        });
        Self {
            lead: Lead::of(status),
            is_watched: true,
            servers: servers.collect(),
        }
    }

    /// The server in office.
    pub fn primary(&self) -> Option<&Server> {
        let mut servers = self.servers.iter();
        servers.find(|server| server.standing == Standing::Primary)
    }
}

/// Where a node is; its name was resolved by whoever asked it.
fn socket(node: &NodeStatus) -> Option<SocketAddr> {
    let endpoint = node.endpoint();
    Some(SocketAddr::new(endpoint.ip()?, endpoint.port()))
}

impl Standing {
    /// All of them, with the words that they have on the wire.
    const WORDS: [(Self, &'static str); 3] = [
        (Self::Primary, "primary"),
        (Self::InStep, "in-step"),
        (Self::Astray, "astray"),
    ];

    /// The stable word.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(standing, _)| *standing == self);
        found.map_or("astray", |(_, word)| word)
    }

    /// What a stable word means.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(_, it)| it.as_bytes() == word);
        found.map(|(standing, _)| *standing)
    }
}

#[cfg(test)]
mod tests {
    use rcm_core::id::Address;
    use rcm_core::observation::Failure;

    use super::*;
    use crate::statuses;

    fn node(port: u16, role: NodeRole) -> NodeStatus {
        statuses::node(Address::new("10.0.0.1", port), role)
    }

    fn standings(change: impl FnOnce(&mut Status)) -> Vec<Standing> {
        let mut status = Status {
            primary: Some(Address::new("10.0.0.1", 1)),
            nodes: vec![node(1, NodeRole::Primary), node(2, NodeRole::Replica)],
            ..Status::unknown("mymaster".parse().unwrap())
        };
        change(&mut status);
        let servers = Roster::of(&status).servers;
        servers.iter().map(|server| server.standing).collect()
    }

    #[test]
    fn only_who_answers_and_receives_the_primary_s_stream_is_in_step() {
        assert_eq!(standings(|_| ()), [Standing::Primary, Standing::InStep]);
        let changes: [fn(&mut Status); 6] = [
            |status| status.nodes[1].role = NodeRole::Detached,
            |status| status.nodes[1].role = NodeRole::Rival,
            |status| status.nodes[1].role = NodeRole::Unknown,
            |status| status.nodes[1].failure = Some(Failure::Mute),
            |status| status.nodes[1].down = true,
            |status| status.halted = true,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let expected = [Standing::Primary, Standing::Astray];
            assert_eq!(standings(change), expected, "{number}");
        }
    }

    #[test]
    fn a_server_without_an_address_is_of_no_use() {
        let renamed = standings(|status| status.nodes[1].address = Address::new("cache-2", 2));
        assert_eq!(renamed, [Standing::Primary]);
        let resolved = standings(|status| {
            status.nodes[1].address = Address::new("cache-2", 2);
            status.nodes[1].ip = "10.0.0.2".parse().ok();
        });
        assert_eq!(resolved, [Standing::Primary, Standing::InStep]);
    }
}
