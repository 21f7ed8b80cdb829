//! How a group is, in one line.

use std::fmt::Write as _;

use rcm_core::status::{NodeRole, Status};
use rcm_core::verdict::Verdict;

/// `2 replicas with 127.0.0.1:6379 as primary.`, and what is not as it should be.
pub fn text(status: &Status, clients: u64) -> String {
    let mut text = match &status.primary {
        Some(primary) => {
            let replicas = match status.replicas() {
                0 => "no replicas".to_owned(),
                1 => "1 replica".to_owned(),
                several => format!("{several} replicas"),
            };
            format!("{replicas} with {primary} as primary")
        }
        None => match status.nodes.len() {
            1 => "no primary, and 1 node".to_owned(),
            nodes => format!("no primary among {nodes} nodes"),
        },
    };
    let mut add = |separator: &str, words: &str| {
        write!(text, "{separator} {words}").expect("a string takes all");
    };
    if status.verdict != Verdict::Healthy {
        add(":", status.verdict.code());
    }
    for node in &status.nodes {
        let words = match (node.failure, node.role) {
            (Some(failure), _) => failure.in_words(),
            (None, NodeRole::Detached) => "does not receive the stream",
            (None, NodeRole::Rival) => "says that it is a primary too",
            (None, NodeRole::Primary | NodeRole::Replica | NodeRole::Unknown) => continue,
        };
        add(";", &format!("{} {words}", node.address));
    }
    if status.halted {
        add(";", "halted, see above");
    } else if status.observing {
        add(";", "only observing");
    }
    match clients {
        0 => {}
        1 => add(";", "1 client at the proxy"),
        several => add(";", &format!("{several} clients at the proxy")),
    }
    text.push('.');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statuses;
    use rcm_core::id::Address;
    use rcm_core::observation::Failure;
    use rcm_core::status::NodeStatus;

    fn node(port: u16, role: NodeRole, failure: Option<Failure>) -> NodeStatus {
        NodeStatus {
            failure,
            down: failure.is_some(),
            ..statuses::node(Address::new("127.0.0.1", port), role)
        }
    }

    fn status(verdict: Verdict, nodes: Vec<NodeStatus>) -> Status {
        let primary = nodes.iter().find(|node| node.role == NodeRole::Primary);
        Status {
            primary: primary.map(|node| node.address.clone()),
            verdict,
            nodes,
            ..Status::unknown("mymaster".parse().unwrap())
        }
    }

    #[test]
    fn a_summary_says_what_is_there_and_what_is_wrong() {
        let primary = || node(6379, NodeRole::Primary, None);
        let replica = |port| node(port, NodeRole::Replica, None);
        let refused = |port, role| node(port, role, Some(Failure::Refused));
        for (verdict, nodes, expected) in [
            (
                Verdict::Healthy,
                vec![primary(), replica(6380), replica(6381)],
                "2 replicas with 127.0.0.1:6379 as primary.",
            ),
            (
                Verdict::Healthy,
                vec![primary(), replica(6380)],
                "1 replica with 127.0.0.1:6379 as primary.",
            ),
            (
                Verdict::Healthy,
                vec![primary()],
                "no replicas with 127.0.0.1:6379 as primary.",
            ),
            (
                Verdict::Healthy,
                vec![primary(), replica(6380), refused(6381, NodeRole::Unknown)],
                "1 replica with 127.0.0.1:6379 as primary; 127.0.0.1:6381 refuses connections.",
            ),
            (
                Verdict::PrimaryCrashed,
                vec![refused(6379, NodeRole::Primary), replica(6380)],
                "1 replica with 127.0.0.1:6379 as primary: primary-crashed; 127.0.0.1:6379 refuses \
                 connections.",
            ),
            (
                Verdict::RivalPrimary,
                vec![primary(), node(6380, NodeRole::Rival, None)],
                "no replicas with 127.0.0.1:6379 as primary: rival-primary; 127.0.0.1:6380 says \
                 that it is a primary too.",
            ),
            (
                Verdict::ColdStart,
                vec![
                    node(6379, NodeRole::Unknown, None),
                    node(6380, NodeRole::Unknown, None),
                    node(6381, NodeRole::Unknown, None),
                ],
                "no primary among 3 nodes: cold-start.",
            ),
        ] {
            assert_eq!(text(&status(verdict, nodes), 0), expected);
        }
    }

    #[test]
    fn clients_at_the_proxy_are_counted() {
        let status = status(Verdict::Healthy, vec![node(6379, NodeRole::Primary, None)]);
        let alone = "no replicas with 127.0.0.1:6379 as primary; 1 client at the proxy.";
        assert_eq!(text(&status, 1), alone);
        assert!(text(&status, 12).ends_with("; 12 clients at the proxy."));
    }

    #[test]
    fn a_monitor_that_does_not_act_says_so() {
        let nodes = vec![node(6379, NodeRole::Primary, None)];
        let observing = Status {
            observing: true,
            ..status(Verdict::Healthy, nodes)
        };
        let expected = "no replicas with 127.0.0.1:6379 as primary; only observing.";
        assert_eq!(text(&observing, 0), expected);
        let halted = Status {
            halted: true,
            ..observing
        };
        assert!(text(&halted, 0).ends_with("; halted, see above."));
    }
}
