//! One battery for every store.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rcm_core::id::{Address, Epoch, GroupName, ReplicationId, Revision, RunId, Version};
use rcm_core::lineage::Chain;
use rcm_core::record::{Primary, Record};
use tokio::time::timeout;

use super::etcd::{self, Etcd};
use super::file::{File, OpenError};
use super::memory::Memory;
use super::settings::{Document, Edit, Kept};
use super::{Error, Leadership, Membership, Store};
use crate::clock::Clock;
use crate::{config, local};

pub(super) fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

pub(super) fn record(epoch: u64) -> Record {
    let primary = Primary {
        address: Address::new("10.0.0.1", 6379),
        run_id: Some(RunId::from_number(7)),
    };
    let mut chain = Chain::new(ReplicationId::from_number(0));
    for id in 1..5 {
        let id = ReplicationId::from_number(id);
        chain = chain.extended(id, chain.head(), rcm_core::id::Offset(epoch));
    }
    Record {
        epoch: Epoch(epoch),
        ..Record::first(primary, chain, Vec::new())
    }
}

fn memory() -> Store {
    Store::Memory(Memory::new("d1".parse().unwrap(), "m1".parse().unwrap()))
}

fn file(path: &Path) -> Store {
    Store::File(File::open(path, 1).unwrap())
}

/// Runs `test` on every store.
async fn on_each(test: impl AsyncFn(Store)) {
    test(memory()).await;
    let folder = tempfile::tempdir().unwrap();
    test(file(folder.path())).await;
    let etcd = local::Etcd::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    test(Store::Etcd(etcd_of(&etcd, folder.path()).await.unwrap())).await;
}

/// How an etcd of this machine is reached.
pub(super) fn settings_of(etcd: &local::Etcd) -> config::Etcd {
    let endpoints = etcd.endpoints();
    let address = |it: &SocketAddr| Address::new(it.ip().to_string(), it.port());
    config::Etcd {
        endpoints: endpoints.iter().map(address).collect(),
        prefix: config::etcd::PREFIX.to_owned(),
        tls: None,
        credentials: None,
        forget_after: config::etcd::FORGET_AFTER,
    }
}

pub(super) async fn etcd_of(etcd: &local::Etcd, folder: &Path) -> Result<Etcd, etcd::OpenError> {
    Etcd::open(&settings_of(etcd), folder, Clock::start()).await
}

/// Longer than anything takes on a machine with many tests at once.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// Waits until this monitor may write the record of `group`.
pub(super) async fn lead(store: &Store, group: &GroupName) -> Membership {
    let mut membership = store.join(group, true);
    let leads = |leadership: &Leadership| *leadership != Leadership::None;
    let led = timeout(SOON, membership.leadership.wait_for(leads)).await;
    led.expect("nobody leads").unwrap();
    membership
}

#[tokio::test]
async fn a_record_is_read_as_it_was_written() {
    on_each(async |store| {
        let a = group("a");
        let _leads = lead(&store, &a).await;
        assert_eq!(store.read(&a).await, Ok((None, Revision(0))));
        let mut revision = Revision(0);
        for epoch in 1..20 {
            let next = store.write(&a, record(epoch), revision).await.unwrap();
            assert!(next > revision);
            assert_eq!(store.read(&a).await, Ok((Some(record(epoch)), next)));
            revision = next;
        }
        store.probe().await.unwrap();
        assert_eq!(
            store.read(&group("b")).await,
            Ok((None, Revision(0))),
            "groups are apart"
        );
    })
    .await;
}

#[tokio::test]
async fn a_write_that_expects_another_revision_is_a_conflict() {
    on_each(async |store| {
        let a = group("a");
        let _leads = lead(&store, &a).await;
        let one = store.write(&a, record(1), Revision(0)).await.unwrap();
        for wrong in [Revision(0), one.next()] {
            assert_eq!(
                store.write(&a, record(9), wrong).await,
                Err(Error::Conflict)
            );
        }
        assert_eq!(store.read(&a).await, Ok((Some(record(1)), one)));
    })
    .await;
}

#[tokio::test]
async fn of_many_writers_of_one_group_exactly_one_wins() {
    on_each(async |store| {
        let _leads = lead(&store, &group("a")).await;
        let mut writers = tokio::task::JoinSet::new();
        for epoch in 1..=50 {
            let store = store.clone();
            writers.spawn(async move {
                store
                    .write(&group("a"), record(epoch), Revision(0))
                    .await
                    .map(|revision| (epoch, revision))
            });
        }
        let outcomes = writers.join_all().await;
        let won: Vec<_> = outcomes.iter().flatten().collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        let (epoch, revision) = *won[0];
        assert_eq!(
            store.read(&group("a")).await,
            Ok((Some(record(epoch)), revision))
        );
    })
    .await;
}

#[tokio::test]
async fn many_groups_are_written_at_once() {
    on_each(async |store| {
        let mut writers = tokio::task::JoinSet::new();
        for i in 1..=60 {
            let store = store.clone();
            writers.spawn(async move {
                let name = group(&format!("g{i}"));
                let _leads = lead(&store, &name).await;
                store.write(&name, record(i), Revision(0)).await.unwrap();
            });
        }
        writers.join_all().await;
        for i in 1..=60 {
            let (found, _) = store.read(&group(&format!("g{i}"))).await.unwrap();
            assert_eq!(found, Some(record(i)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_record_that_is_too_large_is_certainly_not_stored() {
    on_each(async |store| {
        let _leads = lead(&store, &group("a")).await;
        let mut large = record(1);
        large.primary.address = Address::new("x".repeat(70_000), 1);
        let error = store.write(&group("a"), large, Revision(0)).await;
        assert!(matches!(error, Err(Error::Failed(text)) if text.contains("65536")));
        assert_eq!(store.read(&group("a")).await, Ok((None, Revision(0))));
    })
    .await;
}

fn document(before: Option<&Document>, node: &str) -> Document {
    let version = Version(before.map_or(1, |before| before.version.0 + 1));
    let edit = Edit {
        version,
        at: "2026-01-02T03:04:05Z".to_owned(),
        by: "me".to_owned(),
        changes: Vec::new(),
    };
    let values = serde_json::json!({ "nodes": [node] });
    Document::after(before, values.as_object().unwrap().clone(), edit)
}

#[tokio::test]
async fn settings_are_changed_by_whoever_knows_them_and_all_are_told() {
    on_each(async |store| {
        let a = group("a");
        let mut told = store.join(&a, false).settings;
        assert_eq!(store.settings(&a).await, Ok(Kept::Nothing));
        let one = document(None, "10.0.0.1:6379");
        let two = document(Some(&one), "10.0.0.2:6379");
        for wrong in [Version(1), Version(7)] {
            let lost = store.change_settings(&a, two.clone(), wrong).await;
            assert_eq!(lost, Err(Error::Conflict));
        }
        for (document, expect) in [(one.clone(), Version(0)), (two, Version(1))] {
            let stored = store.change_settings(&a, document.clone(), expect).await;
            assert_eq!(stored, Ok(()));
            let kept = Kept::Document(document.into());
            assert_eq!(store.settings(&a).await, Ok(kept.clone()));
            let told = timeout(SOON, told.wait_for(|told| *told == kept)).await;
            told.expect("it is not told").unwrap();
            let late = store.change_settings(&a, one.clone(), expect).await;
            assert_eq!(late, Err(Error::Conflict));
        }
        assert_eq!(store.settings(&group("b")).await, Ok(Kept::Nothing));
    })
    .await;
}

#[tokio::test]
async fn of_many_who_change_the_same_settings_exactly_one_wins() {
    on_each(async |store| {
        let mut writers = tokio::task::JoinSet::new();
        for port in 1..=30 {
            let (store, document) = (store.clone(), document(None, &format!("10.0.0.1:{port}")));
            writers.spawn(async move {
                let expect = Version(0);
                store.change_settings(&group("a"), document, expect).await
            });
        }
        let outcomes = writers.join_all().await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn settings_outlive_the_process_and_what_cannot_be_used_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let (a, one) = (group("a.b"), document(None, "10.0.0.1:6379"));
    let stored = store.change_settings(&a, one.clone(), Version(0)).await;
    assert_eq!(stored, Ok(()));
    drop(store);
    let newer = folder.path().join("settings-c.json");
    fs::write(&newer, "{\"format\":2}").unwrap();
    let store = file(folder.path());
    assert_eq!(store.settings(&a).await, Ok(Kept::Document(one.into())));
    let c = group("c");
    let kept = store.settings(&c).await.unwrap();
    assert!(
        matches!(&kept, Kept::Unusable(why) if why.contains("format 2")),
        "{kept:?}"
    );
    let late = store
        .change_settings(&c, document(None, "a"), Version(0))
        .await;
    assert_eq!(late, Err(Error::Conflict));
    assert_eq!(fs::read_to_string(&newer).unwrap(), "{\"format\":2}");
}

#[tokio::test]
async fn whoever_begins_a_deployment_in_etcd_brings_its_settings_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let one = document(None, "10.0.0.1:6379");
    let stored = store
        .change_settings(&group("a"), one.clone(), Version(0))
        .await;
    assert_eq!(stored, Ok(()));
    drop(store);
    let etcd = local::Etcd::start().unwrap();
    let store = Store::Etcd(etcd_of(&etcd, folder.path()).await.unwrap());
    let told = store.join(&group("a"), false).settings;
    assert_eq!(*told.borrow(), Kept::Document(one.into()));
}

#[tokio::test]
async fn memory_shared_by_two_monitors_is_one_store() {
    let Store::Memory(one) = memory() else {
        panic!("not memory")
    };
    let two = Store::Memory(one.shared_with("m2".parse().unwrap()));
    let one = Store::Memory(one);
    one.write(&group("a"), record(1), Revision(0))
        .await
        .unwrap();
    assert_eq!(
        two.write(&group("a"), record(2), Revision(0)).await,
        Err(Error::Conflict)
    );
    assert_eq!(one.deployment(), two.deployment());
    assert_ne!(one.monitor(), two.monitor());
}

#[tokio::test]
async fn a_reopened_folder_has_everything_and_keeps_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let names = (store.deployment().clone(), store.monitor().clone());
    let mut revision = Revision(0);
    // More than one journal holds.
    for epoch in 1..3000 {
        revision = store
            .write(&group("a"), record(epoch), revision)
            .await
            .unwrap();
    }
    drop(store);
    for _ in 0..3 {
        let store = Store::File(File::open(folder.path(), 100).unwrap());
        assert_eq!(names, (store.deployment().clone(), store.monitor().clone()));
        assert_eq!(
            store.read(&group("a")).await,
            Ok((Some(record(2999)), revision))
        );
    }
    let bytes = fs::metadata(folder.path().join("journal.1")).unwrap().len();
    assert_eq!(bytes, 100 * 32 * 1024, "more groups get larger journals");
}

#[tokio::test]
async fn a_second_monitor_is_locked_out_and_told_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let error = File::open(folder.path(), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the state folder {} is in use by another monitor (process {}); stop that one, or give \
             this one a folder of its own with --state-dir",
            folder.path().display(),
            std::process::id()
        )
    );
    drop(store);
    File::open(folder.path(), 1).unwrap();
}

#[tokio::test]
async fn only_the_owner_may_read_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state");
    let store = file(&path);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for name in ["lock", "journal.0", "journal.1"] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
    drop(store);
}

#[tokio::test]
async fn damage_is_refused_with_place_and_remedy_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    store
        .write(&group("a"), record(1), Revision(0))
        .await
        .unwrap();
    drop(store);
    let path = folder.path().join("journal.0");
    let mut bytes = fs::read(&path).unwrap();
    bytes[700] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = File::open(folder.path(), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the journal {}, line 2 (byte 512), cannot be trusted: the checksum or the length of \
             the line does not match its text; restore the folder from a backup, or move it away \
             and start again: the monitor then finds out the roles by asking the nodes",
            path.display()
        )
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
    fs::remove_file(&path).unwrap();
    let error = File::open(folder.path(), 1).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("state");
    let text = File::open(&path, 1).unwrap_err().to_string();
    let start = format!("cannot create the state folder {}: ", path.display());
    assert!(text.starts_with(&start), "{text}");
}
