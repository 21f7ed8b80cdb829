use super::*;
use crate::id::{Address, NodeId, Offset, ReplicationId, RunId};
use crate::observation::{Failure, Following, Identity, Observation, Replication, Role, Seen};
use crate::policy::Policy;
use crate::time::Instant;
use crate::view::View;
use alloc::string::String;
use alloc::vec::Vec;
use std::collections::BTreeSet;

const PRIMARY: NodeId = NodeId(0);
const REPLICA: NodeId = NodeId(1);

fn millis(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn see(view: &mut View, node: NodeId, at: u64, seen: Seen) {
    let at = millis(at);
    view.apply(Observation {
        node,
        asked_at: at,
        at,
        seen,
    });
}

fn identity(number: u64) -> Seen {
    Seen::Identity(Identity {
        run_id: RunId::from_number(number),
        version: String::new(),
        busy_threshold: None,
        can_replicate: true,
    })
}

fn replication(offset: u64, role: Role) -> Seen {
    Seen::Replication(Replication {
        id: ReplicationId::from_number(1),
        previous: None,
        offset: Offset(offset),
        role,
        loading: false,
    })
}

fn following(link_up: bool) -> Role {
    Role::Replica(Following {
        primary: Address::new("a", 6379),
        link_up,
        syncing: false,
        priority: 100,
    })
}

/// A primary and a replica that answered at one second.
fn group() -> View {
    let mut view = View::default();
    for (node, name) in [(PRIMARY, "a"), (REPLICA, "b")] {
        assert_eq!(view.add(Address::new(name, 6379), true, millis(0)), node);
        see(&mut view, node, 1_000, identity(u64::from(node.0)));
    }
    let role = Role::Primary {
        replicas: Vec::new(),
        good_replicas: None,
    };
    see(&mut view, PRIMARY, 1_000, replication(100, role));
    see(&mut view, REPLICA, 1_000, replication(100, following(true)));
    view
}

fn judge(view: &View, now: u64) -> Judgement {
    let subject = Subject {
        primary: PRIMARY,
        run_id: Some(RunId::from_number(0)),
        is_doubted: false,
    };
    diagnose(view, subject, &Policy::default(), millis(now))
}

#[test]
fn a_refused_connect_alone_is_no_crash() {
    let mut view = group();
    see(&mut view, PRIMARY, 1_100, Seen::Failed(Failure::Refused));
    see(&mut view, REPLICA, 1_110, replication(100, following(true)));
    // `CONFIG SET port` refuses too; our old connection still stands, and so does the replica's.
    assert_eq!(judge(&view, 60_000).verdict, Verdict::PrimarySuspected);
}

#[test]
fn a_refused_connect_and_a_lost_connection_are_a_crash_once_a_replica_agrees() {
    let mut view = group();
    see(&mut view, PRIMARY, 1_100, Seen::Failed(Failure::Closed));
    see(&mut view, PRIMARY, 1_101, Seen::Failed(Failure::Refused));
    let judgement = judge(&view, 1_101);
    assert_eq!(judgement.verdict, Verdict::PrimarySuspected);
    // Without a word from the replica it takes the witnesses' time.
    assert_eq!(judgement.ripens_at, Some(millis(1_301)));
    see(
        &mut view,
        REPLICA,
        1_103,
        replication(100, following(false)),
    );
    assert_eq!(judge(&view, 1_103).verdict, Verdict::PrimaryCrashed);
}

#[test]
fn a_replica_that_received_bytes_since_vetoes_every_class() {
    for failures in [
        &[Failure::Closed, Failure::Refused][..],
        &[Failure::Silent],
        &[Failure::Mute],
    ] {
        let mut view = group();
        for failure in failures {
            see(&mut view, PRIMARY, 1_100, Seen::Failed(*failure));
        }
        see(&mut view, REPLICA, 1_400, replication(100, following(true)));
        see(&mut view, REPLICA, 1_500, replication(150, following(true)));
        let verdict = judge(&view, 60_000).verdict;
        assert_eq!(
            verdict,
            Verdict::PrimaryUnreachableButReplicating,
            "{failures:?}"
        );
    }
}

#[test]
fn silence_without_a_witness_is_never_enough() {
    let mut view = group();
    see(&mut view, PRIMARY, 1_100, Seen::Failed(Failure::Silent));
    see(&mut view, REPLICA, 1_200, replication(100, following(true)));
    let judgement = judge(&view, 60_000);
    assert_eq!(judgement.verdict, Verdict::PrimarySuspected);
    assert_eq!(judgement.wants_witness, Some(REPLICA));
    see(
        &mut view,
        REPLICA,
        1_300,
        replication(100, following(false)),
    );
    assert_eq!(judge(&view, 1_599).verdict, Verdict::PrimarySuspected);
    assert_eq!(judge(&view, 1_600).verdict, Verdict::PrimarySilent);
}

#[test]
fn an_answer_erases_all_older_evidence() {
    let mut view = group();
    for failure in [
        Failure::Mute,
        Failure::Closed,
        Failure::Refused,
        Failure::Silent,
    ] {
        see(&mut view, PRIMARY, 1_100, Seen::Failed(failure));
    }
    let role = Role::Primary {
        replicas: Vec::new(),
        good_replicas: None,
    };
    see(&mut view, PRIMARY, 1_200, replication(100, role));
    assert_eq!(judge(&view, 60_000).verdict, Verdict::Healthy);
}

#[test]
fn an_answer_that_is_older_than_the_last_changes_nothing() {
    let mut view = group();
    let old = Observation {
        node: REPLICA,
        asked_at: millis(900),
        at: millis(1_500),
        seen: replication(7, following(false)),
    };
    view.apply(old);
    let node = view.get(REPLICA).unwrap();
    assert_eq!(node.offset(), Some((Offset(100), millis(1_000))));
}

#[test]
fn every_verdict_has_a_code_of_its_own() {
    let codes: BTreeSet<&str> = Verdict::ALL.iter().map(|verdict| verdict.code()).collect();
    assert_eq!(codes.len(), Verdict::ALL.len());
}
