//! The Sentinel API of a running monitor: what its clients see of a failover, and what they cannot
//! do to it.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rcm_resp::Frame;
use redis_cluster_monitor::local::{Group, Version, wait_for};

use crate::door::{Caller, field, texts};
use crate::monitor::{Monitor, Result, SOON, State, Watched, builder, check};

const DOOR: [&str; 2] = ["--sentinel", "127.0.0.1:0"];

impl Monitor {
    /// Where its Sentinel API listens.
    pub(crate) fn door(&self) -> SocketAddr {
        let mut door = None;
        let opened = wait_for(SOON, "the Sentinel API", || {
            let lines = self.lines();
            door = lines
                .iter()
                .filter(|line| line["message"] == "the Sentinel API listens")
                .find_map(|line| line["address"].as_str()?.parse().ok());
            door.is_some()
        });
        self.explain(opened).unwrap();
        door.unwrap()
    }
}

#[test]
fn a_crash_is_told_once_and_all_answers_agree_with_it() {
    check((|| {
        let mut watched = Watched::with(&builder(Version::System)?, &DOOR)?;
        let door = watched.monitor.door();
        let addresses = watched.group.addresses();
        let (mut listener, mut caller) = (Caller::connect(door), Caller::resp3(door));
        let address_of = |caller: &mut Caller| {
            let words = caller.texts("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster");
            words.join(":")
        };
        assert_eq!(address_of(&mut caller), addresses[0].to_string());
        listener.ask("PSUBSCRIBE *");
        watched.node(0).kill();
        let mut told = Vec::new();
        let new = loop {
            let (channel, payload) = listener.message();
            // A replica may be missed for a moment too.
            if channel != "+sdown" || payload.starts_with("master ") {
                told.push(channel.clone());
            }
            if channel == "+switch-master" {
                // Whoever was told asks at once.
                let now = address_of(&mut caller);
                let primary = caller.texts("SENTINEL MASTERS");
                assert_eq!(field(&primary, "flags").as_deref(), Some("master"));
                let old = addresses[0].to_string().replace(':', " ");
                let expected = format!("mymaster {old} {}", now.replace(':', " "));
                assert_eq!(payload, expected);
                break now;
            }
        };
        let steps = [
            "+sdown",
            "+odown",
            "+new-epoch",
            "+try-failover",
            "+elected-leader",
            "+selected-slave",
            "+promoted-slave",
            "-odown",
            "+switch-master",
        ];
        let seen: Vec<&str> = told
            .iter()
            .map(String::as_str)
            .filter(|channel| steps.contains(channel))
            .collect();
        assert_eq!(seen, steps);
        let heir = addresses.iter().position(|it| it.to_string() == new);
        watched.node(0).restart()?;
        watched.wait_until_whole(heir.unwrap())?;
        let mut rest: Vec<String> = Vec::new();
        let told = |rest: &[String], awaited: &str| rest.iter().any(|channel| channel == awaited);
        while !told(&rest, "-sdown") || !told(&rest, "+failover-end") {
            rest.push(listener.message().0);
        }
        assert!(!told(&rest, "+switch-master"));
        let well = wait_for(SOON, "two replicas and nothing wrong with them", || {
            let replicas = caller.texts("SENTINEL REPLICAS mymaster");
            let flags = replicas.iter().zip(replicas.iter().skip(1));
            let flags = flags.filter(|(name, _)| *name == "flags");
            flags.map(|(_, flags)| flags.as_str()).collect::<Vec<_>>() == ["slave", "slave"]
        });
        watched.monitor.explain(well)?;
        let kept = wait_for(SOON, "what the nodes said last", || {
            let info = caller.texts("SENTINEL INFO-CACHE mymaster");
            assert_eq!(info.len(), 4);
            info[1].contains("role:master") && info[2].contains("role:slave")
        });
        watched.monitor.explain(kept)
    })());
}

#[test]
fn a_flood_at_the_door_does_not_stop_a_failover() {
    check((|| {
        let mut watched = Watched::with(&builder(Version::System)?, &DOOR)?;
        let flood = Flood::start(watched.monitor.door());
        flood.wait_for_more()?;
        watched.node(0).kill();
        let heir = watched.wait_for_heir(0)?;
        let switched = watched.monitor.wait_for("primary-switched")?;
        flood.wait_for_more()?;
        println!("switched under a flood after {}ms", switched["after_ms"]);
        watched.wait_until_whole(heir)
    })());
}

/// Clients that say as much as they can, sense and nonsense, and others that only come and go.
struct Flood {
    stop: Arc<AtomicBool>,
    said: Arc<AtomicUsize>,
    clients: Vec<thread::JoinHandle<()>>,
}

impl Flood {
    fn start(door: SocketAddr) -> Self {
        let (stop, said) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |number| {
            let (stop, said) = (Arc::clone(&stop), Arc::clone(&said));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    said.fetch_add(flood(door, number), Ordering::Relaxed);
                }
            })
        };
        let clients = (0..6).map(client).collect();
        Self {
            stop,
            said,
            clients,
        }
    }

    /// Waits until it has said something that it had not said before.
    fn wait_for_more(&self) -> Result {
        let before = self.said.load(Ordering::Relaxed);
        wait_for(SOON, "a flood", || {
            self.said.load(Ordering::Relaxed) > before + 1_000
        })
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().ok();
        }
    }
}

/// One connection's worth; it may be ended at any time.
fn flood(door: SocketAddr, number: usize) -> usize {
    let mut caller = Caller::connect(door);
    let stream = caller.stream();
    let requests: &[u8] = match number % 3 {
        0 => b"SENTINEL MASTERS\r\nCOMMAND\r\nINFO everything\r\nPSUBSCRIBE a* *b\r\n",
        1 => b"*2\r\n$4\r\nPING\r\n$99999\r\n\x00\xff*1\r\n\r\n\r\n",
        _ => b"SUBSCRIBE +switch-master\r\n",
    };
    let mut said = 0;
    for _ in 0..200 {
        if stream.write_all(requests).is_err() {
            break;
        }
        said += 4;
    }
    said
}

#[test]
fn who_reads_nothing_is_dropped_and_the_others_are_served() {
    check((|| {
        let watched = Watched::with(&builder(Version::System)?, &DOOR)?;
        let door = watched.monitor.door();
        let mut deaf = Caller::connect(door);
        let stream = deaf.stream();
        stream.set_nonblocking(true).unwrap();
        let full = wait_for(SOON, "a connection that takes no more", || {
            stream.write(&b"COMMAND\r\n".repeat(1_000)).is_err()
        });
        watched.monitor.explain(full)?;
        let dropped = wait_for(SOON, "an end of it", || {
            let lines = watched.monitor.lines();
            let mut texts = lines.iter().filter_map(|line| line["message"].as_str());
            texts.any(|text| text.contains("it does not read its replies"))
        });
        assert_eq!(Caller::connect(door).ask("PING"), Frame::simple("PONG"));
        watched.monitor.explain(dropped)
    })());
}

/// A monitor with a door as in `table`, and its state.
fn with_table(table: &str) -> (State, Monitor) {
    let state = State::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "[sentinel]\n{table}\n[groups.mymaster]\n\
         nodes = [\"127.0.0.1:1\"]\nobserve = true\n"
    );
    fs::write(file.path(), text).unwrap();
    let path = file.path().display().to_string();
    let [option, address] = DOOR;
    let monitor = state.subcommand(&["run", "--config", &path, option, address]);
    // Until then the file is needed.
    monitor.door();
    (state, monitor)
}

#[test]
fn there_are_no_more_clients_than_there_may_be() {
    let (_state, monitor) = with_table("max_clients = 2");
    let door = monitor.door();
    let mut first = Caller::connect(door);
    let mut second = Caller::connect(door);
    assert_eq!(first.ask("PING"), Frame::simple("PONG"));
    assert_eq!(second.ask("PING"), Frame::simple("PONG"));
    let mut third = Caller::connect(door);
    let refusal = Frame::error("ERR max number of clients reached");
    assert_eq!(third.next(), Some(refusal));
    assert_eq!(third.next(), None);
    assert_eq!(second.ask("QUIT"), Frame::ok());
    assert_eq!(second.next(), None);
    let free = wait_for(SOON, "the place of the second", || {
        Caller::connect(door).ask("PING") == Frame::simple("PONG")
    });
    check(free);
}

#[test]
fn who_says_nothing_for_too_long_is_dropped_unless_it_listens() {
    let (_state, monitor) = with_table("idle_after = \"1s\"");
    let door = monitor.door();
    let mut listener = Caller::connect(door);
    listener.ask("SUBSCRIBE +switch-master");
    let mut silent = Caller::connect(door);
    assert_eq!(silent.ask("PING"), Frame::simple("PONG"));
    assert_eq!(silent.next(), None);
    assert_eq!(texts(&listener.ask("PING")), ["pong", ""]);
}

#[test]
fn a_password_is_needed_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "hunter2\n").unwrap();
    let table = format!("password_file = {file:?}\nread_without_auth = true");
    let (_state, monitor) = with_table(&table);
    let mut caller = Caller::connect(monitor.door());
    assert_eq!(caller.ask("PING"), Frame::simple("PONG"));
    let refused = texts(&caller.ask("SENTINEL FAILOVER mymaster"));
    assert_eq!(refused, ["NOAUTH Authentication required."]);
    assert!(texts(&caller.ask("AUTH hunter3"))[0].starts_with("WRONGPASS"));
    assert_eq!(caller.ask("AUTH hunter2"), Frame::ok());
    let lines = monitor.lines();
    assert!(
        lines
            .iter()
            .all(|line| !line.to_string().contains("hunter"))
    );
}

#[test]
fn an_address_that_is_in_use_is_named_with_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let state = State::new();
    let monitor = state.program(&["--sentinel", &address, "127.0.0.1:1"]);
    let (code, log) = monitor.ended();
    assert_eq!(code, Some(1));
    assert!(
        log.contains(&address) && log.contains("--sentinel off"),
        "{log}"
    );
}

#[test]
fn a_failover_on_request_is_a_switchover_and_ends_old_connections() {
    check((|| {
        let watched = Watched::with(&builder(Version::System)?, &DOOR)?;
        let mut old = watched.group.nodes()[0].client()?;
        old.text(&["SET", "key", "value"])?;
        let new = watched.switch_over()?;
        assert_eq!(watched.get(new, "key")?, "value");
        assert!(old.text(&["GET", "key"]).is_err());
        watched.wait_until_whole(new)?;
        assert_eq!(watched.monitor.told("failover-started").len(), 0);
        Ok(())
    })());
}

#[test]
fn a_failover_on_request_without_a_good_replica_is_refused() {
    check((|| {
        let mut watched = Watched::with(&builder(Version::System)?, &DOOR)?;
        let mut caller = Caller::connect(watched.monitor.door());
        for replica in [1, 2] {
            watched.node(replica).kill();
        }
        let refused = wait_for(SOON, "the refusal", || {
            let answer = caller.ask("SENTINEL FAILOVER mymaster");
            answer == Frame::error("NOGOODSLAVE No suitable replica to promote")
        });
        watched.monitor.explain(refused)?;
        assert_eq!(watched.primary(), Some(0));
        Ok(())
    })());
}

#[test]
fn warnings_run_the_notification_script_also_with_the_door_closed() {
    check((|| {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("append");
        let appender = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/append.sh");
        std::os::unix::fs::symlink(appender, &script).unwrap();
        let mut group = Group::start(&builder(Version::System)?, 1)?;
        let nodes = group.addresses();
        let text = format!(
            "[groups.shop]\nnodes = [\"{}\", \"{}\"]\nnotification_script = \"{}\"\n",
            nodes[0],
            nodes[1],
            script.display()
        );
        let state = State::new();
        let file = state.path().with_extension("toml");
        fs::write(&file, text).unwrap();
        let monitor = state.subcommand(&["run", "--config", file.to_str().unwrap()]);
        monitor.wait_for("primary-adopted")?;
        monitor.explain(group.wait_until_in_step(0, SOON))?;
        group.nodes_mut()[0].kill();
        let log = folder.path().join("append.log");
        let told = || fs::read_to_string(&log).unwrap_or_default();
        let (old, new) = (nodes[0].port(), nodes[1].port());
        let expected = format!("+switch-master shop 127.0.0.1 {old} 127.0.0.1 {new}\n");
        let switched = wait_for(SOON, "the switch", || told().contains(&expected));
        monitor.explain(switched)?;
        let quiet = ["+slave ", "+role-change ", "+reboot "];
        assert!(!quiet.iter().any(|channel| told().contains(channel)));
        Ok(())
    })());
}
