//! What clients of one monitor are told of another one.

use redis_cluster_monitor::local::{Etcd, Group, Version, wait_for};

use super::Watching;
use crate::monitor::{Result, SOON, State, builder, check};

#[test]
fn a_monitor_is_known_by_the_address_that_it_announces() {
    check(is_known_as_announced());
}

fn is_known_as_announced() -> Result {
    let etcd = Etcd::start()?;
    let group = Group::start(&builder(Version::System)?, 1)?;
    let (nodes, store) = (group.addresses(), etcd.store());
    let witness = Watching::start(State::new(), &nodes, &store)?;
    let state = State::new();
    let options = ["--sentinel", "127.0.0.2:0", "--sentinel-announce"];
    let announced = state.monitor(
        &nodes,
        &[&options[..], &["127.0.0.3:7000", "--store", &store]].concat(),
    );
    assert!(announced.sentinel()?.to_string().starts_with("127.0.0.2:"));
    let is_known = || {
        let others = witness.others();
        others.is_ok_and(|others| others.contains_key("127.0.0.3:7000"))
    };
    let known = wait_for(SOON, "the address that is announced", is_known);
    witness.monitor.explain(announced.explain(known))
}
