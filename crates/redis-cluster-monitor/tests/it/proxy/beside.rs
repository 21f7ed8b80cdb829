//! The proxy as a process of its own, led by monitors elsewhere.

use std::net::{SocketAddr, TcpListener};

use redis_cluster_monitor::local::{Version, wait_for};

use super::Wire;
use super::counting::Counting;
use super::late::{Round, until_played};
use crate::door::Caller;
use crate::eyes;
use crate::monitor::{Monitor, Result, SOON, State, Watched, builder, check};

/// A group, its monitor, and a proxy that knows only the monitor and an address where nobody is.
struct Beside {
    watched: Watched,
    sentinel: SocketAddr,
    proxy: Monitor,
    address: SocketAddr,
}

impl Beside {
    fn start() -> Result<Self> {
        let options = ["--sentinel", "127.0.0.1:0"];
        let watched = Watched::with(&builder(Version::System)?, &options)?;
        let sentinel = watched.monitor.sentinel()?;
        let monitors = format!("{},{sentinel}", nobody());
        let proxy = watched
            .state
            .proxy(&["--monitors", &monitors, "--listen", "127.0.0.1:0"]);
        let address = proxy.proxy()?;
        let beside = Self {
            watched,
            sentinel,
            proxy,
            address,
        };
        beside.says(&format!("monitor {sentinel} is followed"))?;
        Ok(beside)
    }

    /// Hands over, and gives the number of the new primary.
    fn switch_over(&self) -> Result<usize> {
        let primary = self.watched.switch_over()?;
        self.watched.wait_until_followed(primary)?;
        Ok(primary)
    }

    /// Waits until the proxy has logged a line with this text.
    fn says(&self, text: &str) -> Result {
        let found =
            |line: &serde_json::Value| line["message"].as_str()?.contains(text).then_some(());
        self.proxy.find(text, found)
    }
}

fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn ten_switchovers_pass_unnoticed_beside_an_application() {
    eyes::check(until_played(async || ten_switchovers()));
}

fn ten_switchovers() -> Result<Round> {
    let beside = Beside::start()?;
    let mut idle = Wire::connect(beside.address);
    assert_eq!(idle.ask("CLIENT SETNAME idle"), "OK");
    let counting: Vec<_> = (0..4)
        .map(|number| Counting::start(beside.address, format!("count{number}")))
        .collect();
    let mut primary = 0;
    for _ in 0..10 {
        primary = beside.switch_over()?;
    }
    if beside.watched.monitor.found_replies_late() {
        return Ok(Round::Void);
    }
    for (number, counting) in counting.into_iter().enumerate() {
        let counted = counting.end();
        let stored = beside.watched.get(primary, &format!("count{number}"))?;
        assert_eq!(stored, counted.to_string());
    }
    assert_eq!(idle.ask("SET where here"), "OK");
    assert_eq!(idle.ask("CLIENT GETNAME"), "idle");
    let switches = beside.watched.monitor.told("primary-switched");
    let epoch = &switches.last().unwrap()["epoch"];
    beside.says(&format!(", epoch {epoch}"))?;
    Ok(Round::Played)
}

#[test]
fn a_killed_primary_costs_a_client_beside_it_a_pause() {
    check((|| {
        let mut beside = Beside::start()?;
        let mut client = Wire::connect(beside.address);
        assert_eq!(client.ask("SET key value"), "OK");
        beside.watched.wait_until_whole(0)?;
        beside.watched.node(0).kill();
        assert_eq!(client.ask("GET key"), "value");
        assert_eq!(client.ask("SET key newer"), "OK");
        let heir = beside.watched.wait_for_heir(0)?;
        assert_eq!(beside.watched.get(heir, "key")?, "newer");
        Ok(())
    })());
}

#[test]
fn without_a_monitor_the_last_primary_is_served_until_there_is_one_again() {
    eyes::check(until_played(async || another_monitor()));
}

fn another_monitor() -> Result<Round> {
    let mut beside = Beside::start()?;
    let counting = Counting::start(beside.address, "count".to_owned());
    let sentinel = beside.sentinel.to_string();
    let nodes = beside.watched.group.addresses();
    beside.watched.monitor.stop();
    beside.says("no monitor answers; ")?;
    let mut client = Wire::connect(beside.address);
    assert_eq!(client.ask("SET key value"), "OK");
    let follows = || {
        let text = format!("monitor {sentinel} is followed");
        let lines = beside.proxy.lines();
        lines.iter().filter(|line| line["message"] == *text).count()
    };
    let before = follows();
    let options = ["--sentinel", &sentinel];
    beside.watched.monitor = beside.watched.state.monitor(&nodes, &options);
    let again = wait_for(SOON, "the monitor is followed again", || follows() > before);
    beside.proxy.explain(again)?;
    let primary = beside.switch_over()?;
    if beside.watched.monitor.found_replies_late() {
        return Ok(Round::Void);
    }
    let counted = counting.end();
    assert_eq!(beside.watched.get(primary, "count")?, counted.to_string());
    Ok(Round::Played)
}

#[test]
fn whoever_is_no_monitor_is_named() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let address = server.address().to_string();
        let state = State::new();
        let proxy = state.proxy(&["--monitors", &address, "--listen", "127.0.0.1:0"]);
        let named = |line: &serde_json::Value| {
            let text = line["message"].as_str()?;
            let is_named = text.contains(&address) && text.contains("it refuses to be followed");
            is_named.then_some(())
        };
        proxy.find("the server is named", named)
    })());
}

#[test]
fn a_follower_that_never_answers_delays_nobody_for_long_and_has_to_go() {
    check((|| {
        let beside = Beside::start()?;
        let mut mute = Caller::connect(beside.sentinel);
        assert_eq!(mute.texts("SENTINEL RCM-FOLLOW mymaster"), ["OK"]);
        let mut client = Wire::connect(beside.address);
        assert_eq!(client.ask("SET key value"), "OK");
        beside.switch_over()?;
        assert_eq!(client.ask("GET key"), "value");
        // What it was told, and then the end.
        let mut told = Vec::new();
        while let Some(frame) = mute.next() {
            told.extend(crate::door::texts(&frame));
        }
        assert!(told.contains(&"rcm-hold".to_owned()), "{told:?}");
        assert!(beside.watched.monitor.found_replies_late());
        Ok(())
    })());
}

#[test]
fn who_may_not_act_may_not_be_waited_for() {
    check((|| {
        let state = State::new();
        let password = state.path().with_extension("password");
        std::fs::write(&password, "hunter2").unwrap();
        let file = password.to_str().unwrap();
        let options = [
            "--sentinel",
            "127.0.0.1:0",
            "--sentinel-password-file",
            file,
        ];
        let monitor = state.program(&[&options[..], &["127.0.0.1:1"]].concat());
        let sentinel = monitor.sentinel()?;
        let mut stranger = Caller::connect(sentinel);
        let refused = stranger.texts("SENTINEL RCM-FOLLOW mymaster").concat();
        assert!(refused.starts_with("NOAUTH"), "{refused}");

        let monitors = sentinel.to_string();
        let words = [
            "--monitors",
            &monitors,
            "--listen",
            "127.0.0.1:0",
            "--password-file",
            file,
        ];
        let proxy = state.proxy(&words);
        let followed = format!("monitor {sentinel} is followed");
        proxy.find(&followed, |line| {
            (line["message"] == *followed).then_some(())
        })
    })());
}
