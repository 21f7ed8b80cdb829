//! Who belongs to a deployment, and what its monitors know of each other.

use std::fs;
use std::time::Duration;

use rcm_core::id::{MonitorId, Revision};
use redis_cluster_monitor::config::{Etcd as Settings, etcd};
use redis_cluster_monitor::store::Leadership;
use redis_cluster_monitor::store::etcd::OpenError;

use super::{Stage, group, leads, open, run, wait_for, write};

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
