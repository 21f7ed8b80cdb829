//! Several monitors on one real etcd, and what etcd can do to them.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use rcm_core::id::{Address, GroupName, MonitorId, ReplicationId, Revision};
use rcm_core::lineage::Chain;
use rcm_core::record::{Primary, Record};
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config::{Credentials, Etcd as Settings, Secret, Tls, etcd};
use redis_cluster_monitor::local::Etcd;
use redis_cluster_monitor::store::etcd::{Etcd as Connected, OpenError};
use redis_cluster_monitor::store::{Error, Fleet, Leadership, Membership, Store};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::monitor::SOON;

/// Some monitors, each with a folder of its own, and the etcd that they share.
struct Stage {
    etcd: Etcd,
    folders: Vec<TempDir>,
}

impl Stage {
    fn new(members: usize, arguments: &[&str]) -> Self {
        let etcd = Etcd::with(members, arguments).unwrap();
        let folders = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
        Self { etcd, folders }
    }

    fn settings(&self) -> Settings {
        let endpoints = self.etcd.endpoints();
        let address = endpoints
            .iter()
            .map(|it| Address::new("127.0.0.1", it.port()));
        Settings {
            endpoints: address.collect(),
            prefix: etcd::PREFIX.to_owned(),
            tls: None,
            credentials: None,
            forget_after: etcd::FORGET_AFTER,
        }
    }

    async fn monitor(&self, number: usize) -> Store {
        self.monitor_with(number, &self.settings()).await.unwrap()
    }

    async fn monitor_with(&self, number: usize, settings: &Settings) -> Result<Store, OpenError> {
        open(settings, self.folders[number].path()).await
    }
}

/// One per process, as in the program.
static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::start);

async fn open(settings: &Settings, folder: &Path) -> Result<Store, OpenError> {
    let connected = Connected::open(settings, folder, *CLOCK).await;
    connected.map(Store::Etcd)
}

/// Each test has a runtime of one thread, as the program has.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

fn group() -> GroupName {
    "mymaster".parse().unwrap()
}

fn record() -> Record {
    let primary = Primary {
        address: Address::new("10.0.0.1", 6379),
        run_id: None,
    };
    Record::first(
        primary,
        Chain::new(ReplicationId::from_number(1)),
        Vec::new(),
    )
}

async fn wait_for<T>(what: &str, told: &mut watch::Receiver<T>, is: impl FnMut(&T) -> bool) {
    timeout(SOON, told.wait_for(is)).await.expect(what).unwrap();
}

async fn leads(part: &mut Membership) {
    let leads = |it: &Leadership| *it != Leadership::None;
    wait_for("the lead", &mut part.leadership, leads).await;
}

async fn follows(part: &mut Membership) {
    let follows = |it: &Leadership| *it == Leadership::None;
    wait_for("the end of the lead", &mut part.leadership, follows).await;
}

/// Writes until it is known to be stored, as an engine does: an unknown outcome is read back.
async fn write(store: &Store) -> Revision {
    let written = async {
        loop {
            if let Ok((_, revision)) = store.read(&group()).await
                && let Ok(revision) = store.write(&group(), record(), revision).await
            {
                return revision;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, written).await.expect("a write")
}

#[test]
fn one_monitor_leads_and_the_other_is_told_what_it_writes() {
    run(async {
        let stage = Stage::new(1, &[]);
        let (one, two) = (stage.monitor(0).await, stage.monitor(1).await);
        assert_eq!(one.deployment(), two.deployment());
        assert_ne!(one.monitor(), two.monitor());
        let mut first = one.join(&group(), true);
        leads(&mut first).await;
        let mut second = two.join(&group(), true);
        let revision = one.write(&group(), record(), Revision(0)).await.unwrap();
        wait_for("the revision", &mut second.stored, |it| *it == revision).await;
        assert_eq!(*second.leadership.borrow(), Leadership::None);
        let refused = two.write(&group(), record(), revision).await;
        assert_eq!(refused, Err(Error::Conflict), "only the leader writes");

        first.resign(CLOCK.now() + Duration::from_secs(5));
        leads(&mut second).await;
        assert_eq!(*first.leadership.borrow(), Leadership::None);
        two.write(&group(), record(), revision).await.unwrap();

        // An end with a farewell needs no lease to end.
        two.leave().await;
        leads(&mut first).await;
    });
}

#[test]
fn the_groups_of_a_monitor_that_dies_are_led_by_another() {
    run(async {
        let stage = Stage::new(1, &[]);
        let (one, two) = (stage.monitor(0).await, stage.monitor(1).await);
        let mut first = one.join(&group(), true);
        leads(&mut first).await;
        let mut second = two.join(&group(), true);
        let id = one.monitor().clone();
        // Its tasks end, and nobody says goodbye.
        drop((first, one));
        leads(&mut second).await;
        let mut fleet = two.fleet();
        let is_absent = |fleet: &Fleet| fleet.0.get(&id).is_some_and(|it| !it.is_alive);
        wait_for("its absence", &mut fleet, is_absent).await;
    });
}

#[test]
fn an_etcd_that_stops_ends_the_lead_by_the_monitors_own_clock() {
    run(async {
        let stage = Stage::new(1, &[]);
        let store = stage.monitor(0).await;
        let mut part = store.join(&group(), true);
        leads(&mut part).await;
        stage.etcd.pause(0).unwrap();
        follows(&mut part).await;
        assert!(store.read(&group()).await.is_err());
        assert!(store.probe().await.is_err());
        stage.etcd.resume(0).unwrap();
        leads(&mut part).await;
        let revision = write(&store).await;
        wait_for("the revision", &mut part.stored, |it| *it == revision).await;
    });
}

#[test]
fn any_member_of_three_may_be_missing() {
    run(async {
        let mut stage = Stage::new(3, &[]);
        let store = stage.monitor(0).await;
        let mut part = store.join(&group(), true);
        leads(&mut part).await;
        for member in 0..3 {
            if member == 1 {
                stage.etcd.pause(member).unwrap();
            } else {
                stage.etcd.kill(member);
            }
            leads(&mut part).await;
            let revision = write(&store).await;
            wait_for("the revision", &mut part.stored, |it| *it == revision).await;
            if member == 1 {
                stage.etcd.resume(member).unwrap();
            } else {
                stage.etcd.restart(member).unwrap();
            }
        }
    });
}

#[test]
fn without_a_majority_nobody_leads_and_nothing_is_stored() {
    run(async {
        let mut stage = Stage::new(3, &[]);
        let store = stage.monitor(0).await;
        let mut part = store.join(&group(), true);
        leads(&mut part).await;
        stage.etcd.kill(0);
        stage.etcd.kill(1);
        follows(&mut part).await;
        let refused = store.write(&group(), record(), Revision(0)).await;
        assert!(refused.is_err(), "{refused:?}");
        stage.etcd.restart(0).unwrap();
        leads(&mut part).await;
        write(&store).await;
    });
}

#[test]
fn what_was_compacted_while_nobody_listened_is_read_anew() {
    run(async {
        let mut stage = Stage::new(1, &[]);
        let (one, two) = (stage.monitor(0).await, stage.monitor(1).await);
        let mut first = one.join(&group(), true);
        leads(&mut first).await;
        let mut second = two.join(&group(), true);
        let mut revision = one.write(&group(), record(), Revision(0)).await.unwrap();
        wait_for("the revision", &mut second.stored, |it| *it == revision).await;
        for _ in 0..5 {
            revision = one.write(&group(), record(), revision).await.unwrap();
        }
        let compact = json!({ "revision": revision.0.to_string(), "physical": true });
        stage.etcd.call(0, "kv/compaction", &compact).unwrap();
        stage.etcd.restart(0).unwrap();
        leads(&mut first).await;
        let revision = write(&one).await;
        wait_for("the revision", &mut second.stored, |it| *it == revision).await;
    });
}

#[test]
fn a_full_etcd_is_noticed_and_stores_again_once_there_is_room() {
    run(async {
        let stage = Stage::new(1, &["--quota-backend-bytes", "262144"]);
        let store = stage.monitor(0).await;
        let mut part = store.join(&group(), true);
        leads(&mut part).await;
        let revision = store.write(&group(), record(), Revision(0)).await.unwrap();
        let fill = json!({ "key": "eA==", "value": "eHh4".repeat(5_000) });
        let refused = (0..100).find_map(|_| stage.etcd.call(0, "kv/put", &fill).err());
        let refused = refused.unwrap().to_string();
        assert!(refused.contains("space exceeded"), "{refused}");
        let refused = store.write(&group(), record(), revision).await;
        assert!(
            matches!(&refused, Err(Error::Unknown(text)) if text.contains("alarm")),
            "{refused:?}"
        );
        let probed = store.probe().await;
        assert!(
            matches!(&probed, Err(Error::Failed(text)) if text.contains("space exceeded")),
            "{probed:?}"
        );
        // The lease needs no space.
        leads(&mut part).await;

        let head = stage
            .etcd
            .call(0, "kv/range", &json!({ "key": "eA==" }))
            .unwrap();
        let now = head["header"]["revision"].as_str().unwrap();
        let compact = json!({ "revision": now, "physical": true });
        stage.etcd.call(0, "kv/compaction", &compact).unwrap();
        stage
            .etcd
            .call(0, "maintenance/defragment", &json!({}))
            .unwrap();
        let alarms = stage
            .etcd
            .call(0, "maintenance/alarm", &json!({ "action": "GET" }))
            .unwrap();
        let disarm = json!({
            "action": "DEACTIVATE",
            "memberID": alarms["alarms"][0]["memberID"],
            "alarm": "NOSPACE",
        });
        stage.etcd.call(0, "maintenance/alarm", &disarm).unwrap();
        write(&store).await;
        store.probe().await.unwrap();
    });
}

#[test]
fn a_token_that_etcd_forgot_is_asked_for_again() {
    run(async {
        let mut stage = Stage::new(1, &[]);
        let call = |method: &str, body| stage.etcd.call(0, method, &body).unwrap();
        for (name, password) in [("root", "r"), ("rcm", "secret")] {
            call(
                "auth/user/add",
                json!({ "name": name, "password": password }),
            );
        }
        call("auth/role/add", json!({ "name": "root" }));
        call("auth/user/grant", json!({ "user": "root", "role": "root" }));
        call("auth/role/add", json!({ "name": "rcm" }));
        // The prefix: `/redis-cluster-monitor/` up to, and without, `/redis-cluster-monitor0`.
        let permission = json!({
            "permType": "READWRITE",
            "key": "L3JlZGlzLWNsdXN0ZXItbW9uaXRvci8=",
            "range_end": "L3JlZGlzLWNsdXN0ZXItbW9uaXRvcjA=",
        });
        call(
            "auth/role/grant",
            json!({ "name": "rcm", "perm": permission }),
        );
        call("auth/user/grant", json!({ "user": "rcm", "role": "rcm" }));
        call("auth/enable", json!({}));

        let with = |password: &str| Settings {
            credentials: Some(Credentials {
                username: Some("rcm".to_owned()),
                password: Secret::new(password),
            }),
            ..stage.settings()
        };
        let right = with("secret");
        let refused = stage.monitor_with(0, &with("wrong")).await.unwrap_err();
        assert!(
            refused.to_string().contains("invalid user ID or password"),
            "{refused}"
        );
        let store = stage.monitor_with(0, &right).await.unwrap();
        let mut part = store.join(&group(), true);
        leads(&mut part).await;
        write(&store).await;
        // A member forgets all tokens when it ends.
        stage.etcd.restart(0).unwrap();
        leads(&mut part).await;
        let revision = write(&store).await;
        wait_for("the revision", &mut part.stored, |it| *it == revision).await;
    });
}

#[test]
fn tls_with_an_authority_and_a_certificate_of_our_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let path = |name: &str| folder.join(name).display().to_string();
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    run(async {
        let arguments = [
            &format!("--cert-file={}", path("localhost.pem")),
            &format!("--key-file={}", path("localhost.key")),
            "--client-cert-auth",
            &format!("--trusted-ca-file={}", path("client.pem")),
        ];
        let stage = Stage::new(1, &arguments);
        let listens = stage.etcd.endpoints()[0];
        let identity = (text("client.pem"), Secret::new(text("client.key")));
        let with = |identity| Settings {
            endpoints: vec![Address::new("localhost", listens.port())],
            tls: Some(Tls {
                ca: Some(text("ca.pem")),
                identity,
            }),
            ..stage.settings()
        };
        let store = stage.monitor_with(0, &with(Some(identity))).await.unwrap();
        let mut part = store.join(&group(), true);
        leads(&mut part).await;
        write(&store).await;
        let refused = stage.monitor_with(1, &with(None)).await;
        assert!(
            matches!(refused, Err(OpenError::Unusable(_))),
            "{refused:?}"
        );
    });
}

#[test]
fn a_second_process_with_the_same_id_is_refused() {
    run(async {
        let stage = Stage::new(1, &[]);
        let one = stage.monitor(0).await;
        let copy = tempfile::tempdir().unwrap();
        for name in ["journal.0", "journal.1"] {
            fs::copy(stage.folders[0].path().join(name), copy.path().join(name)).unwrap();
        }
        let refused = open(&stage.settings(), copy.path()).await.unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, OpenError::Taken(_)), "{text}");
        assert!(
            text.contains(one.monitor().as_str()) && text.contains("--state-dir"),
            "{text}"
        );
        // Whoever was killed is not in its own way.
        drop(one);
        open(&stage.settings(), copy.path()).await.unwrap();
    });
}

#[test]
fn everybody_knows_who_belongs_and_what_they_see() {
    run(async {
        let stage = Stage::new(1, &[]);
        let (one, two) = (stage.monitor(0).await, stage.monitor(1).await);
        let (first, second): (MonitorId, MonitorId) =
            (one.monitor().clone(), two.monitor().clone());
        let (mut fleet, part) = (two.fleet(), two.join(&group(), false));
        let mut opinions = part.opinions.clone();
        let address = "127.0.0.1:26379".parse().unwrap();
        one.announce(address);
        for word in ["suspected", "down"] {
            one.say(&group(), word.to_owned());
        }
        wait_for("both", &mut fleet, |fleet| {
            let known = fleet.0.get(&first);
            fleet.0.contains_key(&second)
                && known.is_some_and(|it| it.is_alive && it.sentinel == Some(address))
        })
        .await;
        let says = |text: Option<&'static str>| {
            let first = first.clone();
            move |said: &redis_cluster_monitor::store::Opinions| {
                said.get(&first).map(|said| said.text.as_str()) == text
            }
        };
        wait_for("the opinion", &mut opinions, says(Some("down"))).await;
        one.leave().await;
        wait_for("silence", &mut opinions, says(None)).await;
        wait_for("the farewell", &mut fleet, |fleet| {
            !fleet.0.contains_key(&first)
        })
        .await;
        assert_eq!(
            *part.leadership.borrow(),
            Leadership::None,
            "who does not run does not lead"
        );
    });
}

#[test]
fn a_monitor_that_stays_away_is_forgotten_by_the_leader() {
    run(async {
        let stage = Stage::new(1, &[]);
        let settings = Settings {
            forget_after: Duration::from_millis(500),
            ..stage.settings()
        };
        let one = stage.monitor_with(0, &settings).await.unwrap();
        let two = stage.monitor_with(1, &settings).await.unwrap();
        let (mut fleet, gone) = (one.fleet(), two.monitor().clone());
        let mut part = one.join(&group(), true);
        leads(&mut part).await;
        wait_for("both", &mut fleet, |fleet| fleet.0.contains_key(&gone)).await;
        drop(two);
        wait_for("oblivion", &mut fleet, |fleet| !fleet.0.contains_key(&gone)).await;
        assert!(
            fleet.borrow().0.contains_key(one.monitor()),
            "who is alive is not forgotten"
        );
    });
}

#[test]
fn deployments_with_other_prefixes_do_not_see_each_other() {
    run(async {
        let stage = Stage::new(1, &[]);
        let one = stage.monitor(0).await;
        let other = Settings {
            prefix: format!("{}-2", etcd::PREFIX),
            ..stage.settings()
        };
        let two = stage.monitor_with(1, &other).await.unwrap();
        assert_ne!(one.deployment(), two.deployment());
        let (mut first, mut second) = (one.join(&group(), true), two.join(&group(), true));
        leads(&mut first).await;
        leads(&mut second).await;
        write(&one).await;
        assert_eq!(two.read(&group()).await, Ok((None, Revision(0))));
    });
}
