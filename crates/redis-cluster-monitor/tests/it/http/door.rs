//! What is shown, and to whom.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use redis_cluster_monitor::local::wait_for;
use serde_json::{Value, json};

use super::{command, connect, get, read, send, switch_over, told, watched};
use crate::monitor::{SOON, State, check};

#[test]
fn groups_are_shown_in_the_words_of_the_page() {
    check((|| {
        let (watched, http) = watched(&["--proxy", "127.0.0.1:0"])?;
        let primary = watched.group.addresses()[0].to_string();
        let line = json!({
            "group": "mymaster", "epoch": 1, "primary": primary, "verdict": "healthy", "replicas": 2,
        });
        let list = json!({ "groups": [line] });
        wait_for(SOON, "the groups as they are", || {
            get(http, "/v1/groups").body == list
        })?;

        let group = get(http, "/v1/groups/mymaster").body;
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/http.md");
        let page = fs::read_to_string(page).unwrap();
        for object in [
            &group,
            &group["nodes"][0],
            &group["proxies"][0],
            &list["groups"][0],
        ] {
            for field in object.as_object().unwrap().keys() {
                assert!(
                    page.contains(&format!("`{field}`")),
                    "{field} is not explained"
                );
            }
        }
        for node in group["nodes"].as_array().unwrap() {
            let role = if node["address"] == *primary {
                "primary"
            } else {
                "replica"
            };
            assert_eq!(node["role"], role, "{node:#}");
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(get(http, path).status, 200, "{path}");
        }
        let head = send(http, "HEAD", "/v1/groups", "host: localhost\r\n", "");
        assert_eq!((head.status, head.body), (200, Value::Null));
        Ok(())
    })());
}

#[test]
fn a_monitor_that_knows_no_primary_is_live_and_not_ready() {
    check((|| {
        let state = State::new();
        let monitor = state.program(&["--http", "127.0.0.1:0", "127.0.0.1:1"]);
        let http = monitor.http()?;
        assert_eq!(get(http, "/livez").status, 200);
        let ready = get(http, "/readyz");
        assert_eq!(
            (ready.status, &ready.body["groups"]),
            (503, &json!(["mymaster"]))
        );
        let refused = switch_over(http, "");
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (503, &"not-ready".into())
        );
        let output = command(http, &[]);
        let (code, _, stderr) = told(&output);
        assert_eq!(code, Some(5), "{stderr}");
        Ok(())
    })());
}

#[test]
fn a_page_in_a_browser_gets_and_changes_nothing() {
    check((|| {
        let (_watched, http) = watched(&["--observe"])?;
        let path = "/v1/groups/mymaster/switchover";
        for (method, path, headers, status, code) in [
            (
                "POST",
                path,
                "origin: http://localhost\r\n",
                403,
                "from-a-browser",
            ),
            (
                "POST",
                path,
                "sec-fetch-site: none\r\n",
                403,
                "from-a-browser",
            ),
            (
                "GET",
                "/v1/groups",
                "host: evil.example\r\n",
                403,
                "foreign-host",
            ),
            (
                "POST",
                path,
                "host: evil.example:8379\r\n",
                403,
                "foreign-host",
            ),
            ("POST", "/v1/groups", "", 405, "wrong-method"),
            ("GET", path, "", 405, "wrong-method"),
            ("GET", "/", "", 404, "not-found"),
            ("GET", "/v1/groups/", "", 404, "unknown-group"),
            ("GET", "/v1/groups/mymaster/", "", 404, "not-found"),
            ("GET", "/v1/groups/other", "", 404, "unknown-group"),
            ("POST", path, "", 409, "observing"),
        ] {
            let headers = if headers.starts_with("host") {
                headers.to_owned()
            } else {
                format!("host: localhost\r\n{headers}")
            };
            let answer = send(http, method, path, &headers, "");
            let found = (answer.status, &answer.body["code"]);
            assert_eq!(found, (status, &code.into()), "{method} {path} {headers}");
            assert!(!answer.head.contains("access-control"), "{}", answer.head);
        }
        let answer = send(http, "PUT", path, "host: localhost\r\n", "");
        assert!(answer.head.contains("\r\nallow: post"), "{}", answer.head);
        Ok(())
    })());
}

#[test]
fn whoever_sends_too_much_or_comes_too_often_is_turned_away_and_others_are_served() {
    check((|| {
        let state = State::new();
        let monitor = state.program(&["--http", "127.0.0.1:0", "127.0.0.1:1"]);
        let http = monitor.http()?;
        let long = format!("host: localhost\r\nx: {}\r\n", "y".repeat(32 * 1024));
        let many = "host: localhost\r\n".to_owned() + &"x: y\r\n".repeat(100);
        for headers in [long, many] {
            assert_eq!(send(http, "GET", "/livez", &headers, "").status, 431);
        }
        let mut garbage = connect(http);
        garbage.write_all(b"\x16\x03\x01 no http\r\n\r\n").unwrap();
        assert_eq!(read(garbage).status, 400);

        let mute: Vec<TcpStream> = (0..128).map(|_| connect(http)).collect();
        let turned_away = || read(connect(http)).status == 503;
        wait_for(SOON, "somebody is turned away", turned_away)?;
        drop(mute);
        wait_for(SOON, "others are served again", || {
            let mut stream = connect(http);
            let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
            let mut text = String::new();
            // Until there is room, the connection is reset at some point of this.
            stream.write_all(request).is_ok()
                && stream.read_to_string(&mut text).is_ok()
                && text.starts_with("HTTP/1.1 200")
        })
    })());
}

#[test]
fn who_says_nothing_has_to_go() {
    check((|| {
        let state = State::new();
        let monitor = state.program(&["--http", "127.0.0.1:0", "127.0.0.1:1"]);
        let mut mute = connect(monitor.http()?);
        mute.write_all(b"GET /livez HTTP/1.1\r\nhost: ").unwrap();
        let mut rest = Vec::new();
        mute.read_to_end(&mut rest).unwrap();
        Ok(())
    })());
}

#[test]
fn an_address_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let state = State::new();
    let monitor = state.program(&["--http", &address, "127.0.0.1:1"]);
    let (code, log) = monitor.ended();
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains(&address) && log.contains("--http off"),
        "{log}"
    );
}
