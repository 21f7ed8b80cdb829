//! The HTTP door, and the command that talks to it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use redis_cluster_monitor::local::{Version, wait_for};
use serde_json::{Value, json};

use crate::monitor::{Result, SOON, State, Watched, builder, check};
use crate::proxy::switch::Counting;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, SOON).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// Reads until the door closes the connection, as it does after every answer.
fn read(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect(&text);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let mut stream = connect(address);
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    read(stream)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, "host: localhost\r\n", "")
}

fn switch_over(address: SocketAddr, body: &str) -> Answer {
    let path = "/v1/groups/mymaster/switchover";
    send(address, "POST", path, "host: 127.0.0.1\r\n", body)
}

/// A watched group with an open door.
pub(crate) fn watched(options: &[&str]) -> Result<(Watched, SocketAddr)> {
    let options = [&["--http", "127.0.0.1:0"], options].concat();
    let watched = Watched::with(&builder(Version::System)?, &options)?;
    let http = watched.monitor.http()?;
    Ok((watched, http))
}

/// Runs the command against a door.
fn command(http: SocketAddr, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"));
    command.args(["switchover", "--http", &http.to_string()]);
    command.args(words).output().unwrap()
}

pub(crate) fn told(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_switchover_is_answered_when_it_has_ended_and_no_writer_notices() {
    check(switchovers_under_writers());
}

fn switchovers_under_writers() -> Result {
    let (watched, http) = watched(&["--proxy", "127.0.0.1:0"])?;
    let proxy = watched.monitor.proxy()?;
    let counting: Vec<_> = (0..3)
        .map(|number| Counting::start(proxy, format!("count{number}")))
        .collect();
    let nodes: Vec<String> = watched
        .group
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let answer = switch_over(http, &json!({ "to": nodes[1] }).to_string());
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    assert_eq!(answer.body["from"], *nodes[0]);
    assert_eq!(answer.body["to"], *nodes[1]);
    assert_eq!(
        (&answer.body["epoch"], &answer.body["planned"]),
        (&2.into(), &true.into())
    );
    assert!(answer.body["writes_waited_ms"].as_f64() <= answer.body["duration_ms"].as_f64());
    // It has ended: nobody has to wait for anything.
    let group = get(http, "/v1/groups/mymaster").body;
    assert_eq!(
        (&group["primary"], &group["epoch"]),
        (&json!(nodes[1]), &2.into())
    );

    watched.wait_until_whole(1)?;
    let output = command(http, &["--to", &nodes[2]]);
    let (code, stdout, stderr) = told(&output);
    assert_eq!(code, Some(0), "{stderr}");
    let expected = format!(
        "{} is the primary, epoch 3, was {}; writes waited ",
        nodes[2], nodes[1]
    );
    assert!(
        stdout.starts_with(&expected) && stdout.ends_with("ms at most.\n"),
        "{stdout}"
    );

    watched.wait_until_whole(2)?;
    let output = command(http, &["--group", "mymaster", "--output", "json"]);
    let (code, stdout, stderr) = told(&output);
    assert_eq!(code, Some(0), "{stderr}");
    let switched: Value = serde_json::from_str(stdout).unwrap();
    assert_eq!(
        (&switched["from"], &switched["epoch"]),
        (&json!(nodes[2]), &4.into())
    );

    let primary = nodes
        .iter()
        .position(|node| switched["to"] == **node)
        .unwrap();
    let passed = &get(http, "/v1/groups/mymaster").body["proxies"][0];
    assert_eq!(passed["address"], proxy.to_string());
    assert_eq!(
        (&passed["clients"], &passed["indeterminate"]),
        (&3.into(), &0.into())
    );
    let summed_up = |line: &Value| {
        let text = line["message"].as_str()?;
        text.contains("; 3 clients at the proxy.").then_some(())
    };
    watched.monitor.find("a summary with clients", summed_up)?;
    for (number, counting) in counting.into_iter().enumerate() {
        let counted = counting.end();
        let stored = watched.get(primary, &format!("count{number}"))?;
        assert_eq!(stored, counted.to_string());
    }
    Ok(())
}

#[test]
fn groups_are_shown_in_the_words_of_the_page() {
    check((|| {
        let (watched, http) = watched(&["--proxy", "127.0.0.1:0"])?;
        let list = get(http, "/v1/groups").body;
        let primary = watched.group.addresses()[0].to_string();
        let line = json!({
            "group": "mymaster", "epoch": 1, "primary": primary, "verdict": "healthy", "replicas": 2,
        });
        assert_eq!(list, json!({ "groups": [line] }));

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
fn what_cannot_be_done_is_refused_with_a_code_and_nothing_is_done() {
    check((|| {
        let (watched, http) = watched(&[])?;
        let primary = watched.group.addresses()[0].to_string();
        let to = |node: &str| json!({ "to": node }).to_string();
        for (body, status, code) in [
            (to("127.0.0.1:1"), 404, "unknown-node"),
            (to(&primary), 409, "already-primary"),
            ("{".to_owned(), 400, "bad-body"),
            (to("127.0.0.1:"), 400, "bad-body"),
            (
                format!("{{\"to\": \"{}\"}}", "a".repeat(4096)),
                413,
                "body-too-large",
            ),
        ] {
            let answer = switch_over(http, &body);
            assert_eq!(
                (answer.status, &answer.body["code"]),
                (status, &code.into()),
                "{body}"
            );
        }
        watched.group.nodes()[1].text(&["CONFIG", "SET", "replica-priority", "0"])?;
        watched.group.nodes()[2].text(&["CONFIG", "SET", "replica-priority", "0"])?;
        let refused = || switch_over(http, "").body["code"] == "no-candidate";
        // Until the monitor has looked again, one of them would be promoted.
        let seen = || {
            let group = get(http, "/v1/groups/mymaster").body;
            let nodes = group["nodes"].as_array().unwrap().clone();
            let priority = |node: &Value| node["reports"]["following"]["priority"].as_u64();
            nodes
                .iter()
                .filter(|node| priority(node) == Some(0))
                .count()
                == 2
        };
        wait_for(SOON, "both are seen", seen)?;
        assert!(refused());

        let output = command(http, &["--output", "json"]);
        let (code, stdout, stderr) = told(&output);
        assert_eq!(code, Some(5));
        let body: Value = serde_json::from_str(stdout).unwrap();
        assert_eq!(body["code"], "no-candidate");
        assert!(
            stderr.starts_with("error: no replica can take over: "),
            "{stderr}"
        );
        let output = command(http, &["--to", "127.0.0.1:1"]);
        let (code, _, stderr) = told(&output);
        assert_eq!(code, Some(2));
        assert!(
            stderr.contains("its nodes are: ") && stderr.contains(&primary),
            "{stderr}"
        );
        let output = command(http, &["--group", "other"]);
        let (code, _, stderr) = told(&output);
        assert_eq!(
            (code, stderr),
            (
                Some(2),
                "error: no group is called other; there are: mymaster\n"
            )
        );
        assert_eq!(get(http, "/v1/groups/mymaster").body["epoch"], 1);
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

#[test]
fn the_command_says_whom_it_did_not_reach() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = command(nobody, &[]);
    let (code, stdout, stderr) = told(&output);
    assert_eq!((code, stdout), (Some(1), ""));
    assert!(
        stderr.contains(&format!("nobody can be reached at {nobody}: ")),
        "{stderr}"
    );
    assert!(
        stderr.contains("name the address of its --http with --http ADDR"),
        "{stderr}"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.toml");
    let group = |name, port| format!("[groups.{name}]\nnodes = [\"127.0.0.1:{port}\"]\n");
    fs::write(&file, group("a", 1) + &group("b", 2)).unwrap();
    check((|| {
        let state = State::new();
        let monitor = {
            let config = ["--config", file.to_str().unwrap()];
            state.subcommand(&[&["run", "--http", "127.0.0.1:0"][..], &config].concat())
        };
        let output = command(monitor.http()?, &[]);
        let (code, _, stderr) = told(&output);
        assert_eq!(code, Some(2));
        assert!(
            stderr.ends_with("name one with --group: a, b\n"),
            "{stderr}"
        );
        Ok(())
    })());
}
