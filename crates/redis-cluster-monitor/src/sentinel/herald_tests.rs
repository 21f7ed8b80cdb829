use super::*;
use crate::statuses;
use rcm_core::id::{Epoch, Offset};
use rcm_core::status::NodeRole;
use rcm_core::time::Instant;
use rcm_core::verdict::Verdict;
use std::time::Duration;

fn address(port: u16) -> Address {
    Address::new("10.0.0.1", port)
}

fn node(port: u16, role: NodeRole, down: bool) -> NodeStatus {
    NodeStatus {
        run_id: Some(RunId::from_number(port.into())),
        down,
        ..statuses::node(address(port), role)
    }
}

/// Three nodes, of which the one on `primary` is in office and those on `down` are down.
fn status(primary: u16, verdict: Verdict, down: &[u16]) -> Status {
    let nodes = [1, 2, 3].map(|port| {
        let role = if port == primary {
            NodeRole::Primary
        } else {
            NodeRole::Replica
        };
        node(port, role, down.contains(&port))
    });
    Status {
        primary: Some(address(primary)),
        verdict,
        nodes: nodes.to_vec(),
        ..Status::unknown("mymaster".parse().unwrap())
    }
}

fn event(kind: Kind) -> Event {
    Event {
        at: Instant::ZERO,
        rule: None,
        kind,
    }
}

fn verdict_changed(to: Verdict) -> Event {
    event(Kind::VerdictChanged {
        primary: Some(address(1)),
        from: Verdict::Healthy,
        to,
        failure: None,
        tally: None,
    })
}

fn switched(from: u16, to: u16) -> Event {
    event(Kind::PrimarySwitched {
        epoch: Epoch(2),
        from: address(from),
        to: address(to),
        planned: false,
        after: Duration::ZERO,
    })
}

/// The events of a failover from 1 to 2 after its verdict.
fn failover() -> Vec<Event> {
    let kinds = [
        Kind::FailoverStarted {
            primary: address(1),
            cause: Verdict::PrimaryCrashed,
            epoch: Epoch(2),
        },
        Kind::CandidateChosen {
            node: address(2),
            offset: Offset(7),
            among: Vec::new(),
            refused: Vec::new(),
            missing: Vec::new(),
        },
        Kind::NodePromoted {
            node: address(2),
            after: Duration::ZERO,
        },
    ];
    let begun = kinds.into_iter().map(event);
    begun.chain([switched(1, 2)]).collect()
}

fn started() -> Herald {
    let mut herald = Herald::new("mymaster", false);
    herald.see(&status(1, Verdict::Healthy, &[]));
    herald
}

fn lines(messages: &[Message]) -> Vec<String> {
    let line = |it: &Message| format!("{} {}", it.channel, String::from_utf8_lossy(&it.payload));
    messages.iter().map(line).collect()
}

#[test]
fn a_failover_is_told_in_the_order_of_a_leading_sentinel() {
    let mut herald = started();
    let lost = status(1, Verdict::PrimaryCrashed, &[1]);
    let mut told = herald.hear(&verdict_changed(Verdict::PrimaryCrashed), &lost);
    let healthy = status(2, Verdict::Healthy, &[1]);
    for event in failover() {
        let is_switch = matches!(event.kind, Kind::PrimarySwitched { .. });
        told.extend(herald.hear(&event, if is_switch { &healthy } else { &lost }));
    }
    assert_eq!(
        lines(&told),
        [
            "+sdown master mymaster 10.0.0.1 1",
            "+odown master mymaster 10.0.0.1 1 #quorum 1/1",
            "+new-epoch 2",
            "+try-failover master mymaster 10.0.0.1 1",
            "+elected-leader master mymaster 10.0.0.1 1",
            "+failover-state-select-slave master mymaster 10.0.0.1 1",
            "+selected-slave slave 10.0.0.1:2 10.0.0.1 2 @ mymaster 10.0.0.1 1",
            "+failover-state-send-slaveof-noone slave 10.0.0.1:2 10.0.0.1 2 @ mymaster 10.0.0.1 1",
            "+failover-state-wait-promotion slave 10.0.0.1:2 10.0.0.1 2 @ mymaster 10.0.0.1 1",
            "+promoted-slave slave 10.0.0.1:2 10.0.0.1 2 @ mymaster 10.0.0.1 1",
            "+failover-state-reconf-slaves master mymaster 10.0.0.1 1",
            "-odown master mymaster 10.0.0.1 1",
            "+switch-master mymaster 10.0.0.1 1 10.0.0.1 2",
            "+slave slave 10.0.0.1:1 10.0.0.1 1 @ mymaster 10.0.0.1 2",
            "+slave slave 10.0.0.1:3 10.0.0.1 3 @ mymaster 10.0.0.1 2",
            "+sdown slave 10.0.0.1:1 10.0.0.1 1 @ mymaster 10.0.0.1 2",
        ]
    );
}

#[test]
fn a_snapshot_that_is_ahead_of_its_events_changes_neither_order_nor_number() {
    let mut herald = started();
    let healthy = status(2, Verdict::Healthy, &[1]);
    let mut told = herald.see(&healthy);
    assert_eq!(told, []);
    assert!(herald.is_behind(&healthy));
    told.extend(herald.hear(&verdict_changed(Verdict::PrimaryCrashed), &healthy));
    for event in failover() {
        told.extend(herald.hear(&event, &healthy));
    }
    told.extend(herald.hear(&verdict_changed(Verdict::Healthy), &healthy));
    told.extend(herald.catch_up(&healthy));
    let told = lines(&told);
    assert_eq!(told[0], "+sdown master mymaster 10.0.0.1 1");
    let switches = told.iter().filter(|line| line.starts_with("+switch"));
    assert_eq!(switches.count(), 1);
    let position = |start: &str| told.iter().position(|line| line.starts_with(start));
    assert!(position("+promoted-slave") < position("+switch-master"));
}

#[test]
fn events_that_were_lost_are_made_up_for_from_the_snapshot() {
    let mut herald = started();
    let told = lines(&herald.catch_up(&status(3, Verdict::Healthy, &[])));
    assert_eq!(told[0], "+switch-master mymaster 10.0.0.1 1 10.0.0.1 3");
    assert_eq!(herald.catch_up(&status(3, Verdict::Healthy, &[])), []);
}

#[test]
fn a_primary_that_stays_in_office_is_not_told_again() {
    let mut herald = started();
    let healthy = status(1, Verdict::Healthy, &[]);
    assert_eq!(herald.hear(&switched(1, 1), &healthy), []);
}

#[test]
fn a_name_that_is_resolved_is_no_switch() {
    let mut herald = Herald::new("mymaster", false);
    let named = |ip: Option<&str>| {
        let mut status = status(1, Verdict::Healthy, &[]);
        status.primary = Some(Address::new("a.example.net", 1));
        status.nodes[0].address = Address::new("a.example.net", 1);
        status.nodes[0].ip = ip.and_then(|ip| ip.parse().ok());
        status
    };
    assert_eq!(herald.see(&named(None)), []);
    let told = lines(&herald.see(&named(Some("10.0.0.1"))));
    assert_eq!(told[0], "+monitor master mymaster 10.0.0.1 1 quorum 1");
    assert!(!told.iter().any(|line| line.starts_with("+switch-master")));
}

#[test]
fn a_replica_goes_and_comes_back_once_each() {
    let mut herald = started();
    let gone = status(1, Verdict::Healthy, &[3]);
    let inst = "slave 10.0.0.1:3 10.0.0.1 3 @ mymaster 10.0.0.1 1";
    assert_eq!(lines(&herald.see(&gone)), [format!("+sdown {inst}")]);
    assert_eq!(herald.see(&gone), []);
    let mut back = status(1, Verdict::Healthy, &[]);
    back.nodes[2].run_id = Some(RunId::from_number(99));
    assert_eq!(
        lines(&herald.see(&back)),
        [format!("-sdown {inst}"), format!("+reboot {inst}")]
    );
}

#[test]
fn a_role_that_changes_is_told_with_whether_it_should() {
    let mut herald = started();
    let now = status(1, Verdict::Healthy, &[]);
    let up = |port, is_primary| {
        event(if is_primary {
            Kind::PrimaryUp {
                node: address(port),
                version: String::new(),
                replicas: 0,
            }
        } else {
            Kind::ReplicaUp {
                node: address(port),
                version: String::new(),
                primary: address(1),
                link_up: true,
            }
        })
    };
    assert_eq!(herald.hear(&up(2, false), &now), []);
    let inst = "slave 10.0.0.1:2 10.0.0.1 2 @ mymaster 10.0.0.1 1";
    assert_eq!(
        lines(&herald.hear(&up(2, true), &now)),
        [format!("-role-change {inst} new reported role is master")]
    );
    assert_eq!(
        lines(&herald.hear(&up(2, false), &now)),
        [format!("+role-change {inst} new reported role is slave")]
    );
}
