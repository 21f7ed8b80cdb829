//! Switchovers on request.

use std::fs;
use std::net::{SocketAddr, TcpListener};

use redis_cluster_monitor::local::wait_for;
use serde_json::{Value, json};

use super::{command, get, switch_over, told, watched};
use crate::eyes;
use crate::monitor::{Result, SOON, State, check};
use crate::proxy::counting::Counting;
use crate::proxy::late::{Round, until_played};

#[test]
fn a_switchover_is_answered_when_it_has_ended_and_no_writer_notices() {
    eyes::check(until_played(async || switchovers_under_writers()));
}

fn switchovers_under_writers() -> Result<Round> {
    let (watched, http) = watched(&["--proxy", "127.0.0.1:0"])?;
    let proxy = watched.monitor.proxy()?;
    let counting: Vec<_> = (0..3)
        .map(|number| Counting::start(proxy, format!("count{number}")))
        .collect();
    let nodes = watched.group.addresses().into_iter();
    let nodes: Vec<_> = nodes.map(|node| node.to_string()).collect();
    let body = json!({ "to": nodes[1] }).to_string();
    both_follow(http, &nodes[0])?;
    let answer = unless_premature(|| switch_over(http, &body), |it| it.body.to_string());
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    assert_eq!(answer.body["from"], *nodes[0]);
    assert_eq!(answer.body["to"], *nodes[1]);
    assert_eq!(answer.body["planned"], true);
    assert!(answer.body["writes_waited_ms"].as_f64() <= answer.body["duration_ms"].as_f64());
    // It has ended: nobody has to wait for anything.
    let group = get(http, "/v1/groups/mymaster").body;
    assert_eq!(
        (&group["primary"], &group["epoch"]),
        (&json!(nodes[1]), &answer.body["epoch"])
    );

    both_follow(http, &nodes[1])?;
    let order =
        |words: &[&str]| unless_premature(|| command(http, words), |it| told(it).2.to_owned());
    let output = order(&["--to", &nodes[2]]);
    let (code, stdout, stderr) = told(&output);
    assert_eq!(code, Some(0), "{stderr}");
    let epoch = &get(http, "/v1/groups/mymaster").body["epoch"];
    let expected = format!(
        "{} is the primary, epoch {epoch}, was {}; writes waited ",
        nodes[2], nodes[1]
    );
    assert!(
        stdout.starts_with(&expected) && stdout.ends_with("ms at most.\n"),
        "{stdout}"
    );

    both_follow(http, &nodes[2])?;
    let output = order(&["--group", "mymaster", "--output", "json"]);
    let (code, stdout, stderr) = told(&output);
    assert_eq!(code, Some(0), "{stderr}");
    let switched: Value = serde_json::from_str(stdout).unwrap();
    let group = get(http, "/v1/groups/mymaster").body;
    assert_eq!(
        (&switched["from"], &switched["epoch"]),
        (&json!(nodes[2]), &group["epoch"])
    );
    if watched.monitor.found_replies_late() {
        return Ok(Round::Void);
    }

    let primary = nodes
        .iter()
        .position(|node| switched["to"] == **node)
        .unwrap();
    let passed = &group["proxies"][0];
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
    Ok(Round::Played)
}

/// Asks again while the group is being changed, and when a server was late and the switchover was given
/// up: both are told in what was `said`.
fn unless_premature<T>(ask: impl Fn() -> T, said: impl Fn(&T) -> String) -> T {
    let mut answer = None;
    let asked = wait_for(SOON, "an end", || {
        let said = said(answer.insert(ask()));
        !said.contains("being changed") && !said.contains("given up")
    });
    // Whoever asked sees what is wrong with the last answer.
    drop(asked);
    answer.unwrap()
}

/// Waits until the monitor has seen that both replicas receive this primary's stream: before, it
/// hands over to neither.
fn both_follow(http: SocketAddr, primary: &str) -> Result {
    let follows = |node: &Value| {
        let following = &node["reports"]["following"];
        following["address"] == primary && following["link_up"] == true
    };
    wait_for(SOON, "both replicas are seen in step", || {
        let group = get(http, "/v1/groups/mymaster").body;
        let nodes = group["nodes"].as_array().unwrap();
        nodes.iter().filter(|node| follows(node)).count() == 2
    })
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
