//! What the proxy beside an application has besides the way to the primary: readers, settings, HTTP,
//! a summary, and an end that costs nobody a reply.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use redis_cluster_monitor::local::{Server, Version, wait_for};
use serde_json::{Value, json};

use super::replicas::port;
use super::trouble::waits_to_be_read;
use super::{Wire, show, wire};
use crate::http::get;
use crate::monitor::{Monitor, Result, SOON, Watched, builder, check};

/// A group whose monitor can be followed.
fn watched(options: &[&str]) -> Result<(Watched, String)> {
    let options = [&["--sentinel", "127.0.0.1:0"], options].concat();
    let watched = Watched::with(&builder(Version::System)?, &options)?;
    let sentinel = watched.monitor.sentinel()?.to_string();
    Ok((watched, sentinel))
}

fn beside(watched: &Watched, sentinel: &str, options: &[&str]) -> Monitor {
    let usual = ["--monitors", sentinel];
    watched.state.proxy(&[&usual[..], options].concat())
}

/// Waits until a reader is at one of these nodes.
fn until_at(reader: &mut Wire, watched: &Watched, nodes: &[usize]) -> Result<usize> {
    let ports: Vec<u16> = watched.group.nodes().iter().map(Server::port).collect();
    let mut place = None;
    wait_for(SOON, &format!("a reader at {nodes:?}"), || {
        let at = port(reader);
        place = nodes.iter().copied().find(|node| Some(ports[*node]) == at);
        place.is_some()
    })?;
    Ok(place.unwrap())
}

#[test]
fn readers_beside_an_application_go_where_a_replica_is_in_step() {
    check((|| {
        let (mut watched, sentinel) = watched(&[])?;
        let proxy = beside(&watched, &sentinel, &["--listen-replicas", "127.0.0.1:0"]);
        let address = proxy.proxy_to_replicas()?;
        let mut readers = [Wire::connect(address), Wire::connect(address)];
        let mut places = [0; 2];
        wait_for(SOON, "readers shared between the replicas", || {
            let mut place = |reader| until_at(&mut readers[reader], &watched, &[1, 2]).unwrap();
            places = [place(0), place(1)];
            places[0] != places[1]
        })?;
        assert!(readers[0].ask("SET key value").starts_with("-READONLY"));

        // One is stopped: what was asked of it is asked again elsewhere.
        watched.node(places[0]).pause()?;
        assert_eq!(readers[0].ask("ECHO here"), "here");
        until_at(&mut readers[0], &watched, &[places[1]])?;
        watched.node(places[0]).resume()?;

        // The primary is lost: one of the two takes its place, and the other serves both.
        watched.wait_until_whole(0)?;
        watched.node(0).kill();
        let heir = watched.wait_for_heir(0)?;
        let left = if heir == 1 { 2 } else { 1 };
        for reader in &mut readers {
            until_at(reader, &watched, &[left])?;
        }
        Ok(())
    })());
}

#[test]
fn without_a_monitor_replicas_are_read_until_they_may_be_too_old() {
    check((|| {
        let (mut watched, sentinel) = watched(&[])?;
        let address = |options: &[&str]| {
            let door = ["--listen-replicas", "127.0.0.1:0"];
            let proxy = beside(&watched, &sentinel, &[&door[..], options].concat());
            Ok((proxy.proxy_to_replicas()?, proxy))
        };
        let (bounded, _first) = address(&["--replica-max-lag", "300ms"])?;
        let (boundless, _second) = address(&["--replica-max-lag", "off"])?;
        let (strict, _third) = address(&[
            "--replica-max-lag=300ms",
            "--replica-fallback=false",
            "--hold-for=100ms",
        ])?;
        let mut readers = [bounded, boundless, strict].map(Wire::connect);
        for reader in &mut readers {
            until_at(reader, &watched, &[1, 2])?;
        }
        watched.monitor.stop();
        until_at(&mut readers[0], &watched, &[0])?;
        let last = &mut readers[2];
        wait_for(SOON, "nobody for readers", || {
            last.ask("GET key").starts_with("-NOREPLICA")
        })?;
        until_at(&mut readers[1], &watched, &[1, 2])?;
        Ok(())
    })());
}

#[test]
fn what_happened_beside_an_application_is_told_by_http_and_in_the_log() {
    check((|| {
        let (mut watched, sentinel) = watched(&[])?;
        let doors = "--listen 127.0.0.1:0 --listen-replicas 127.0.0.1:0 --http 127.0.0.1:0 \
                     --report-every 50ms";
        let doors: Vec<_> = doors.split_whitespace().collect();
        let proxy = beside(&watched, &sentinel, &doors);
        let http = proxy.http()?;
        wait_for(SOON, "a primary", || get(http, "/readyz").status == 200)?;
        let mut writer = Wire::connect(proxy.proxy()?);
        let mut reader = Wire::connect(proxy.proxy_to_replicas()?);
        assert_eq!(writer.ask("SET key value"), "OK");
        until_at(&mut reader, &watched, &[1, 2])?;

        let told = get(http, "/v1/proxy").body;
        // The first request may have come before its thread had heard of the primary.
        let held = told["proxies"][0]["held"].as_u64().unwrap();
        // One request waits for the heir.
        watched.wait_until_whole(0)?;
        watched.node(0).kill();
        assert_eq!(writer.ask("GET key"), "value");
        let heir = watched.wait_for_heir(0)?;

        let mut told = Value::Null;
        wait_for(SOON, "the end of the failover", || {
            told = get(http, "/v1/proxy").body;
            told["outlook"] == "open"
        })?;
        let primary = watched.group.addresses()[heir].to_string();
        assert_eq!(told["group"], "mymaster");
        assert_eq!(
            (&told["epoch"], &told["primary"]),
            (&json!(2), &json!(primary))
        );
        assert_eq!(
            told["monitors"],
            json!([{ "address": sentinel, "followed": true }])
        );
        let at = |door: usize, field: &str| told["proxies"][door][field].as_u64().unwrap();
        assert_eq!(told["proxies"][0]["address"], proxy.proxy()?.to_string());
        for (field, count) in [
            ("clients", 1),
            ("accepted", 1),
            ("requests", 2),
            ("indeterminate", 0),
            ("dropped", 0),
        ] {
            assert_eq!(at(0, field), count, "{field} of {told:#}");
        }
        assert!(at(0, "held") > held && at(0, "held_micros") > 0);
        assert_eq!(at(1, "clients"), 1);

        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/http.md");
        let page = fs::read_to_string(page).unwrap();
        for field in told.as_object().unwrap().keys() {
            assert!(
                page.contains(&format!("`{field}`")),
                "{field} is not explained"
            );
        }
        assert_eq!(get(http, "/v1/groups").body, json!({ "groups": [] }));
        proxy.find("a summary", |line| {
            let text = line["message"].as_str()?;
            let is_it = text.contains(&format!("{primary} is served, epoch 2; 1 client"));
            (is_it && text.ends_with('.') && text.contains("; 1 reader")).then_some(())
        })?;

        watched.monitor.stop();
        wait_for(SOON, "the monitor's absence", || {
            get(http, "/v1/proxy").body["monitors"][0]["followed"] == false
        })?;
        assert_eq!(get(http, "/readyz").status, 200);
        proxy.find("a summary without a monitor", |line| {
            let text = line["message"].as_str()?;
            text.starts_with("no monitor answers, ").then_some(())
        })
    })());
}

#[test]
fn who_has_no_primary_yet_is_not_ready() {
    check((|| {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let monitors = nobody.local_addr().unwrap().to_string();
        let state = crate::monitor::State::new();
        let words = [
            "--monitors",
            &monitors,
            "--listen",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
        ];
        let proxy = state.proxy(&words);
        let answer = get(proxy.http()?, "/readyz");
        let body = json!({ "status": "not-ready", "groups": ["mymaster"] });
        assert_eq!((answer.status, answer.body), (503, body));
        Ok(())
    })());
}

#[test]
fn the_proxy_beside_an_application_behaves_as_its_settings_say() {
    check((|| {
        let (watched, sentinel) = watched(&[])?;
        let file = watched.state.path().with_extension("toml");
        fs::write(&file, "[proxy]\nmax_clients = 1\n").unwrap();
        let file = file.to_str().unwrap();
        for (options, refused) in [
            (&["--config", file][..], true),
            (&["--config", file, "--max-clients", "2"], false),
        ] {
            let options = [&["--listen", "127.0.0.1:0"], options].concat();
            let proxy = beside(&watched, &sentinel, &options);
            let address: SocketAddr = proxy.proxy()?;
            let mut first = Wire::connect(address);
            assert_eq!(first.ask("PING"), "PONG");
            let mut second = Wire::connect(address);
            let answer = second.ask("PING");
            let is_refused = answer == "-ERR max number of clients reached";
            assert_eq!(is_refused, refused, "{answer}");
        }
        Ok(())
    })());
}

#[test]
fn beside_an_application_what_is_due_is_answered_before_the_end() {
    check((|| {
        // Nobody takes the office away from a server that is stopped for a moment.
        let (mut watched, sentinel) = watched(&["--hang-after", "1m"])?;
        let doors = [
            "--listen",
            "127.0.0.1:0",
            "--listen-replicas",
            "127.0.0.1:0",
        ];
        let proxy = beside(&watched, &sentinel, &doors);
        let address = proxy.proxy()?;
        let mut client = Wire::connect(address);
        let mut idle = [address, proxy.proxy_to_replicas()?].map(Wire::connect);
        assert_eq!(client.ask("INCR a"), "1");
        for idle in &mut idle {
            assert_eq!(idle.ask("PING"), "PONG");
        }
        watched.node(0).pause()?;
        client.send("INCR a");
        let port = watched.node(0).port();
        wait_for(SOON, "the request at the server", || {
            waits_to_be_read(port, &wire("INCR a"))
        })?;
        let ended = std::thread::spawn(|| proxy.terminate());
        for idle in &mut idle {
            assert!(idle.try_frame().is_none());
        }
        watched.node(0).resume()?;
        assert_eq!(show(&client.frame()), "2");
        assert!(client.try_frame().is_none());
        assert_eq!(ended.join().unwrap().code(), Some(0));
        assert!(std::net::TcpStream::connect(address).is_err());
        Ok(())
    })());
}
