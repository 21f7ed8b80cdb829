//! What cannot be seen from outside, with a real etcd.

use std::time::Duration;

use rcm_core::id::Revision;

use super::records;
use crate::local;
use crate::store::conformance::{etcd_of, group, lead, record};
use crate::store::{Error, Store};

#[tokio::test]
async fn a_deposed_leader_stores_nothing_although_nobody_wrote_since() {
    let etcd = local::Etcd::start().unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = etcd_of(&etcd, folders[0].path()).await.unwrap();
    let two = etcd_of(&etcd, folders[1].path()).await.unwrap();
    let a = group("a");
    let first = lead(&Store::Etcd(one.clone()), &a).await;
    let revision = one.write(&a, &record(1), Revision(0)).await.unwrap();
    let lease = one.0.session.borrow().unwrap().lease;
    let term = one.0.board.term(&a, lease).unwrap();
    first.resign(one.0.clock.now() + Duration::from_secs(5));
    let _second = lead(&Store::Etcd(two), &a).await;

    let (client, keys) = (&one.0.client, &one.0.keys);
    let late = records::write(client, keys, &a, &record(2), revision, term).await;
    assert_eq!(late, Err(Error::Conflict));
    assert_eq!(one.read(&a).await, Ok((Some(record(1)), revision)));
}
