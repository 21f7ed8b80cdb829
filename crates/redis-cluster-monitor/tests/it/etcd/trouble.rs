//! Members of etcd that stop, die, forget or are full.

use rcm_core::id::Revision;
use redis_cluster_monitor::store::Error;
use serde_json::json;

use super::{Stage, follows, group, leads, record, run, wait_for, write};

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
        let mut revision = write(&one).await;
        wait_for("the revision", &mut second.stored, |it| *it == revision).await;
        for _ in 0..5 {
            revision = write(&one).await;
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
        let revision = write(&store).await;
        let fill = json!({ "key": "eA==", "value": "eHh4".repeat(5_000) });
        let fills = (0..100).map(|_| stage.etcd.call(0, "kv/put", &fill));
        let mut refusals = fills.filter_map(|filled| filled.err().map(|it| it.to_string()));
        assert!(refusals.any(|it| it.contains("space exceeded")));
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
