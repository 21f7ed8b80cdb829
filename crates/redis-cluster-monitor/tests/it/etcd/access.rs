//! Users, passwords and certificates.

use std::fs;
use std::path::Path;

use rcm_core::id::Address;
use redis_cluster_monitor::config::{Credentials, Etcd as Settings, Secret, Tls};
use redis_cluster_monitor::store::etcd::OpenError;
use serde_json::json;

use super::{Stage, group, leads, run, wait_for, write};

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
