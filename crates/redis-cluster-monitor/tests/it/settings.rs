//! Policy and nodes that live in the store: changed at one monitor, in force at all of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use redis_cluster_monitor::local::{Etcd, Group, Server, Version, wait_for};
use serde_json::{Value, json};

use crate::http::{get, send, told, watched};
use crate::monitor::{Monitor, Result, SOON, State, Watched, builder, check};

pub(crate) const SETTINGS: &str = "/v1/groups/mymaster/settings";

/// Runs a command against the door of a monitor.
fn command(http: SocketAddr, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"));
    command.arg(words[0]).args(["--http", &http.to_string()]);
    command
        .env_remove("USER")
        .args(&words[1..])
        .output()
        .unwrap()
}

/// Runs it, and gives what it says when it is done.
pub(crate) fn done(http: SocketAddr, words: &[&str]) -> String {
    let output = command(http, words);
    let (code, stdout, stderr) = told(&output);
    assert_eq!(code, Some(0), "{words:?}: {stderr}");
    stdout.to_owned()
}

fn put(http: SocketAddr, version: u64, settings: &Value) -> crate::http::Answer {
    let headers = format!("host: localhost\r\nif-match: \"{version}\"\r\n");
    let body = json!({ "settings": settings, "by": "a test" }).to_string();
    send(http, "PUT", SETTINGS, &headers, &body)
}

/// The nodes that a door shows.
fn nodes(http: SocketAddr) -> BTreeSet<String> {
    let group = get(http, "/v1/groups/mymaster").body;
    let nodes = group["nodes"].as_array().cloned().unwrap_or_default();
    let address = |node: &Value| node["address"].as_str().unwrap().to_owned();
    nodes.iter().map(address).collect()
}

fn follows(server: &Server, primary: &Server) -> bool {
    let Ok(info) = server.info("replication") else {
        return false;
    };
    let port = primary.port().to_string();
    info.get("master_port") == Some(&port)
        && info.get("master_link_status").is_some_and(|it| it == "up")
}

/// Three monitors on one etcd, and a server beside their group that nobody knows.
struct Three {
    group: Group,
    spare: Server,
    monitors: Vec<(Monitor, SocketAddr)>,
    _states: Vec<State>,
    _etcd: Etcd,
}

impl Three {
    fn start() -> Result<Self> {
        let etcd = Etcd::start()?;
        let group = Group::start(&builder(Version::System)?, 2)?;
        let spare = builder(Version::System)?.start()?;
        let states: Vec<_> = (0..3).map(|_| State::new()).collect();
        let store = etcd.store();
        let own = ["--hang-after", "1h"];
        let options = [&["--store", &store, "--http", "127.0.0.1:0"][..], &own].concat();
        let mut monitors = Vec::new();
        for state in &states {
            let monitor = state.monitor(&group.addresses(), &options);
            let http = monitor.http()?;
            monitors.push((monitor, http));
        }
        let three = Self {
            group,
            spare,
            monitors,
            _states: states,
            _etcd: etcd,
        };
        three.wait_until("everybody has a primary", |http| {
            get(http, "/readyz").status == 200
        })?;
        three.group.wait_until_in_step(0, SOON)?;
        Ok(three)
    }

    fn http(&self, number: usize) -> SocketAddr {
        self.monitors[number].1
    }

    /// Waits until this holds at every door.
    fn wait_until(&self, what: &str, holds: impl Fn(SocketAddr) -> bool) -> Result {
        let reached = wait_for(SOON, what, || self.monitors.iter().all(|it| holds(it.1)));
        let explain = |result, (monitor, _): &(Monitor, _)| monitor.explain(result);
        self.monitors.iter().fold(reached, explain)
    }

    /// Waits until all have told an event so often.
    fn wait_until_all_tell(&self, code: &str, count: usize) -> Result {
        let tell = |(monitor, _): &(Monitor, _)| monitor.told(code).len() >= count;
        let reached = wait_for(SOON, code, || self.monitors.iter().all(tell));
        let explain = |result, (monitor, _): &(Monitor, _)| monitor.explain(result);
        self.monitors.iter().fold(reached, explain)
    }
}

#[test]
fn a_node_is_added_and_forgotten_at_one_monitor_for_all() {
    check(added_and_forgotten());
}

fn added_and_forgotten() -> Result {
    let mut three = Three::start()?;
    let spare = three.spare.address().to_string();
    let said = done(three.http(0), &["add", &spare, "--by", "alice"]);
    assert_eq!(said, format!("{spare} is added\nsettings version 1.\n"));
    three.wait_until("all know it", |http| nodes(http).contains(&spare))?;
    three.wait_until_all_tell("node-added", 1)?;
    let primary = &three.group.nodes()[0];
    let attached = wait_for(SOON, "it follows", || follows(&three.spare, primary));
    three.monitors[0].0.explain(attached)?;

    // It is alive and attached: it is left as it is, and does not come back by itself.
    let said = done(three.http(1), &["forget", &spare]);
    assert_eq!(said, format!("{spare} is forgotten\nsettings version 2.\n"));
    three.wait_until("nobody knows it", |http| !nodes(http).contains(&spare))?;
    three.wait_until_all_tell("node-forgotten", 1)?;
    assert!(follows(&three.spare, primary));

    // A dead one, which the record knows, is forgotten for good: a failover does without it.
    three.group.nodes_mut()[2].kill();
    let dead = three.group.addresses()[2].to_string();
    three.wait_until("it is seen dead", |http| {
        let group = get(http, "/v1/groups/mymaster").body;
        let mut nodes = group["nodes"].as_array().unwrap().iter();
        nodes.any(|node| node["address"] == *dead && node["failure"] == "refused")
    })?;
    done(three.http(2), &["forget", &dead]);
    let kept = BTreeSet::from([0, 1].map(|it: usize| three.group.addresses()[it].to_string()));
    three.wait_until("two are left", |http| nodes(http) == kept)?;
    three.group.nodes_mut()[0].kill();
    let heir = three.group.addresses()[1].to_string();
    three.wait_until("the other one is in office", |http| {
        get(http, "/v1/groups/mymaster").body["primary"] == *heir
    })?;
    three.wait_until("and nobody else is there", |http| nodes(http) == kept)?;

    let history = done(three.http(0), &["history"]);
    let lines: Vec<_> = history.lines().collect();
    assert_eq!(lines.len(), 3, "{history}");
    assert!(
        lines[2].starts_with("1  ") && lines[2].ends_with(&format!("  alice  {spare} is added"))
    );
    assert!(lines[0].contains("  127.0.0.1  "), "{history}");
    Ok(())
}

#[test]
fn a_hang_is_judged_by_the_new_delay_and_of_two_editors_one_loses() {
    check(edited_delay());
}

fn edited_delay() -> Result {
    let mut three = Three::start()?;
    let read = get(three.http(0), SETTINGS);
    assert_eq!((read.status, &read.body["version"]), (200, &json!(0)));
    let mut settings = read.body["settings"].clone();
    settings["hang_after"] = json!("700ms");
    let answers = [0, 1].map(|number| {
        let (http, settings) = (three.http(number), settings.clone());
        std::thread::spawn(move || put(http, 0, &settings))
    });
    let mut answers = answers.map(|answer| answer.join().unwrap());
    answers.sort_by_key(|answer| answer.status);
    let [won, lost] = answers;
    assert_eq!(
        (won.status, &won.body["version"]),
        (200, &json!(1)),
        "{:#}",
        won.body
    );
    assert_eq!(
        (lost.status, &lost.body["code"]),
        (412, &json!("settings-changed"))
    );
    three.wait_until_all_tell("settings-changed", 1)?;

    // By their own settings it would be an hour.
    three.group.nodes_mut()[0].pause()?;
    three.wait_until("another one is in office", |http| {
        let group = get(http, "/v1/groups/mymaster").body;
        group["epoch"] == 2 && group["stage"] == "idle"
    })?;
    let started = |it: &(Monitor, _)| it.0.told("failover-started").pop();
    let started = three.monitors.iter().find_map(started).unwrap();
    assert_eq!(started["cause"], "primary-hung");
    three.group.nodes_mut()[0].resume()
}

#[test]
fn one_monitor_keeps_its_settings_over_a_restart_and_says_that_they_rule() {
    check(kept_over_a_restart());
}

fn kept_over_a_restart() -> Result {
    let (watched, http) = watched(&[])?;
    let Watched {
        group,
        state,
        monitor,
    } = watched;
    let said = done(http, &["edit", "hang_after=2s", "persist_roles=false"]);
    let told = "hang_after is 2s, was by the node\npersist_roles is false, was true\n\
                settings version 1.\n";
    assert_eq!(said, told);
    assert_eq!(
        done(http, &["edit", "hang_after=2s"]),
        "nothing is changed; settings version 1.\n"
    );
    let forgotten = group.addresses()[2].to_string();
    done(http, &["forget", &forgotten]);
    wait_for(SOON, "two nodes", || nodes(http).len() == 2)?;
    monitor.terminate();

    let monitor = state.monitor(&group.addresses(), &["--http", "127.0.0.1:0"]);
    let http = monitor.http()?;
    monitor.find("the warning", |line| {
        let text = line["message"].as_str()?;
        let named = text.contains("version 2, rule over this monitor's own: hang_after is 2s");
        (named && text.contains(&forgotten)).then_some(())
    })?;
    wait_for(SOON, "it is ready", || get(http, "/readyz").status == 200)?;
    assert_eq!(get(http, SETTINGS).body["settings"]["hang_after"], "2s");
    assert!(!nodes(http).contains(&forgotten));
    Ok(())
}

#[test]
fn settings_that_make_no_sense_are_refused_with_every_mistake() {
    check(refused());
}

fn refused() -> Result {
    let (watched, http) = watched(&[])?;
    let settings = get(http, SETTINGS).body["settings"].clone();
    let with = |key: &str, value: Value| {
        let mut settings = settings.clone();
        settings[key] = value;
        settings
    };
    let [primary, replica] =
        [0, 1].map(|number: usize| watched.group.addresses()[number].to_string());
    let mut wrong = with("hang_after", json!("5"));
    wrong["hang_aftr"] = json!("1s");
    wrong["quorum"] = json!(0);
    let mistakes = put(http, 0, &wrong);
    assert_eq!(
        (mistakes.status, &mistakes.body["code"]),
        (422, &json!("bad-settings"))
    );
    assert_eq!(
        mistakes.body["mistakes"].as_array().unwrap().len(),
        3,
        "{:#}",
        mistakes.body
    );
    for (settings, status, code) in [
        (with("nodes", json!([])), 422, "bad-settings"),
        (with("nodes", json!([replica])), 409, "is-primary"),
        (
            with("nodes", json!([primary, replica, "no.such.invalid"])),
            422,
            "bad-settings",
        ),
        (
            with("forgotten", json!(["10.0.0.9:6379"])),
            404,
            "unknown-node",
        ),
    ] {
        let answer = put(http, 0, &settings);
        let found = (answer.status, &answer.body["code"]);
        assert_eq!(found, (status, &json!(code)), "{:#}", answer.body);
    }
    let blind = send(
        http,
        "PUT",
        SETTINGS,
        "host: localhost\r\n",
        "{\"settings\": {}}",
    );
    assert_eq!(
        (blind.status, &blind.body["code"]),
        (428, &json!("version-missing"))
    );
    let page = "host: localhost\r\nif-match: \"0\"\r\norigin: http://evil.example\r\n";
    assert_eq!(send(http, "PUT", SETTINGS, page, "{}").status, 403);
    let output = command(http, &["forget", &primary]);
    let (code, _, stderr) = told(&output);
    assert_eq!(code, Some(5), "{stderr}");
    assert!(stderr.contains("switch over first"), "{stderr}");
    let output = command(http, &["forget", "10.0.0.9:6379"]);
    let (code, _, stderr) = told(&output);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.starts_with("error: no node of mymaster listens at 10.0.0.9:6379; its nodes are: "),
        "{stderr}"
    );
    let output = command(http, &["edit", "hang_after"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(get(http, SETTINGS).body["version"], 0);
    Ok(())
}

#[test]
fn what_was_edited_in_an_editor_is_stored_when_the_operator_says_so() {
    check(edited_in_an_editor());
}

fn edited_in_an_editor() -> Result {
    let (_watched, http) = watched(&[])?;
    let edit = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"));
        command
            .args(["edit", "--http", &http.to_string()])
            .args(words);
        command
            .env_remove("VISUAL")
            .env("EDITOR", "sed -i 's/^# hang_after =/hang_after = \"3s\"/'");
        command.stdin(Stdio::null()).output().unwrap()
    };
    let asked = edit(&[]);
    let (code, stdout, stderr) = told(&asked);
    assert_eq!(
        (code, stdout),
        (Some(0), "nothing is changed; settings version 0.\n")
    );
    let shown = "- hang_after = null\n+ hang_after = \"3s\"\n\
                 Change this in the settings of mymaster? [y/N] ";
    assert_eq!(stderr, shown);
    let stored = edit(&["--yes"]);
    let (code, stdout, stderr) = told(&stored);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(
        stdout,
        "hang_after is 3s, was by the node\nsettings version 1.\n"
    );
    Ok(())
}
