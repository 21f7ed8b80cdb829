use super::*;
use crate::id::NodeId;
use crate::observation::{Attached, Identity, Observation, Seen};
use crate::time::Instant;
use alloc::string::String;

fn see(view: &mut View, node: NodeId, seen: Seen) {
    let at = Instant::from_millis(1_000);
    view.apply(Observation {
        node,
        asked_at: at,
        at,
        seen,
    });
}

fn named(host: &str) -> Address {
    Address::new(host, 6379)
}

/// A group of two that are known by name; its primary is another process now, with other data, and
/// feeds somebody at this address.
fn restarted(view: &mut View, feeds: &str) -> (Record, NodeId) {
    let [primary, replica] = ["redis-a", "redis-b"].map(|host| {
        let at = Instant::from_millis(0);
        view.add(named(host), true, at)
    });
    see(view, replica, Seen::Resolved([10, 0, 0, 2].into()));
    let members = [(primary, "redis-a"), (replica, "redis-b")];
    let members = members.map(|(node, host)| Member {
        address: named(host),
        run_id: Some(RunId::from_number(u64::from(node.0))),
        offset: Offset(100),
        upstream: None,
        seat: None,
    });
    let in_office = Primary {
        address: named("redis-a"),
        run_id: members[0].run_id,
    };
    let chain = Chain::new(ReplicationId::from_number(1));
    let identity = Identity {
        run_id: RunId::from_number(9),
        version: String::new(),
        busy_threshold: None,
        can_replicate: true,
    };
    see(view, primary, Seen::Identity(identity));
    let attached = Attached {
        address: named(feeds),
        offset: Offset(5),
        online: true,
    };
    let replication = Replication {
        id: ReplicationId::from_number(2),
        previous: None,
        offset: Offset(5),
        role: Role::Primary {
            replicas: [attached].into(),
            good_replicas: None,
        },
        loading: false,
    };
    see(view, primary, Seen::Replication(replication));
    (Record::first(in_office, chain, members.into()), primary)
}

fn includes(feeds: &str) -> bool {
    let mut view = View::default();
    let (record, primary) = restarted(&mut view, feeds);
    let nodes = Nodes::new([named("redis-a"), named("redis-b")].into()).unwrap();
    record.includes(view.get(primary).unwrap(), &view, &nodes)
}

#[test]
fn a_primary_that_feeds_a_member_by_its_number_is_no_stranger() {
    assert!(includes("10.0.0.2"));
}

#[test]
fn a_server_that_feeds_only_nodes_of_others_is_a_stranger() {
    assert!(!includes("10.0.0.77"));
}
