//! Real scripts: what they are given, and that none of them harms anybody.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcm_core::event::{Event, Kind};
use rcm_core::id::{Address, Epoch};
use rcm_core::time::Instant;
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config;
use redis_cluster_monitor::hooks::{Group, Handle, Hooks, Limits, Notice, Progress, ScriptLimits};
use redis_cluster_monitor::local::{Group as Servers, Version, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::broadcast;

use crate::monitor::{Result, SOON, State, builder, check};

/// A script that does what its payload says is the notification script of the group `shop`.
struct Shop {
    hooks: Hooks,
    events: broadcast::Sender<Arc<Event>>,
    results: broadcast::Receiver<Notice>,
    folder: TempDir,
}

impl Shop {
    fn open(limits: Limits) -> Self {
        Self::told_by(script("obey.sh"), limits)
    }

    fn told_by(notification: PathBuf, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scripts = config::Scripts {
            notification: Some(notification),
            client_reconfig: Some(recorder(folder.path())),
        };
        let events = broadcast::Sender::new(16);
        let group = Group {
            name: "shop".parse().unwrap(),
            scripts,
            observes: false,
            events: events.subscribe(),
        };
        let hooks = Hooks::start(vec![group], Vec::new(), limits, Clock::start()).unwrap();
        let results = hooks.handle().results();
        Self {
            hooks,
            events,
            results,
            folder,
        }
    }

    /// Runs the notification script, in the folder, with a payload.
    fn tell(&self, payload: &str) {
        let folder = self.folder.path().display();
        tell(&self.hooks.handle(), format!("cd '{folder}'; {payload}"));
    }

    fn switch(&self, from: u16, to: u16) {
        let event = Event {
            at: Instant::ZERO,
            rule: None,
            kind: Kind::PrimarySwitched {
                epoch: Epoch(2),
                from: Address::new("10.0.0.1", from),
                to: Address::new("10.0.0.2", to),
                planned: false,
                after: Duration::ZERO,
            },
        };
        self.events.send(Arc::new(event)).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits for a line in a file of the folder, and gives the file.
    fn wait_for(&self, name: &str) -> String {
        let path = self.file(name);
        let text = || fs::read_to_string(&path).unwrap_or_default();
        wait_for(SOON, name, || text().ends_with('\n')).unwrap();
        text()
    }

    fn wait_until_idle(&self) {
        let handle = self.hooks.handle();
        wait_for(SOON, "the end of all scripts", || {
            handle.pending_scripts().is_empty()
        })
        .unwrap();
    }

    /// The next script that failed, as channel and payload without its path.
    fn result(&mut self) -> (&'static str, String) {
        let notice = self.results.blocking_recv().unwrap();
        assert_eq!(notice.group, None);
        let (_, rest) = notice.payload.split_once(' ').unwrap();
        (notice.channel, rest.to_owned())
    }
}

fn tell(hooks: &Handle, payload: String) {
    hooks.notice(&Notice {
        group: Some("shop".parse().unwrap()),
        channel: "+sdown",
        payload,
    });
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    folder.join(name)
}

/// A script of its own in the folder. A copy could not be run while another test starts a process,
/// which has the file open for writing for a moment.
fn recorder(folder: &Path) -> PathBuf {
    let path = folder.join("record");
    symlink(script("record.sh"), &path).unwrap();
    path
}

fn scripts(limits: ScriptLimits) -> Limits {
    Limits {
        scripts: limits,
        ..Limits::default()
    }
}

fn pids(text: &str) -> Vec<i32> {
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// Whether the process runs; what nobody has waited for yet does not.
fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.starts_with('Z'));
    state == Some(false)
}

fn wait_until_gone(pids: &[i32]) {
    wait_for(SOON, "the end of all processes", || {
        !pids.iter().copied().any(runs)
    })
    .unwrap();
}

#[test]
fn a_notification_script_gets_the_event_and_its_payload_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::told_by(recorder(folder.path()), Limits::default());
    let payload = "replica \"x\"  $(touch y) ; `id` \\ 'z' *";
    let notice = |group: Option<&str>| Notice {
        group: group.map(|group| group.parse().unwrap()),
        channel: "+sdown",
        payload: payload.to_owned(),
    };
    let handle = shop.hooks.handle();
    // Nobody's, and of a group without a script.
    handle.notice(&notice(None));
    handle.notice(&notice(Some("other")));
    assert_eq!(handle.pending_scripts(), []);
    handle.notice(&notice(Some("shop")));
    shop.wait_until_idle();
    let arguments = fs::read_to_string(folder.path().join("record.arguments")).unwrap();
    assert_eq!(arguments, format!("+sdown\n{payload}\n"));
}

#[test]
fn a_client_reconfig_script_gets_what_sentinel_gives() {
    let shop = Shop::open(Limits::default());
    shop.switch(7001, 7002);
    let arguments = shop.wait_for("record.arguments");
    let expected = [
        "shop", "leader", "start", "10.0.0.1", "7001", "10.0.0.2", "7002",
    ];
    assert_eq!(arguments.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_script_gets_nothing_of_ours_but_the_environment() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let shop = Shop::open(Limits::default());
    shop.tell("ls -l /proc/$$/fd >files; read -r word; echo \"[$word]$PATH\" >seen");
    let seen = shop.wait_for("seen");
    assert_eq!(seen, format!("[]{}\n", std::env::var("PATH").unwrap()));
    let files = shop.wait_for("files");
    assert!(!files.contains("socket:"), "{files}");
    drop(listener);
}

#[test]
fn a_hung_script_is_killed_with_all_that_it_started() {
    let mut shop = Shop::open(scripts(ScriptLimits {
        run_time: Duration::from_secs(3),
        runs: 1,
        ..ScriptLimits::default()
    }));
    shop.tell("sleep 1000 & echo $$ $! >pids; wait");
    let pids = pids(&shop.wait_for("pids"));
    let expected = ("-script-timeout", pids[0].to_string());
    assert_eq!(shop.result(), expected);
    assert_eq!(shop.result(), ("-script-error", "9 0".to_owned()));
    wait_until_gone(&pids);
}

#[test]
fn exit_code_1_and_signals_are_repeated_and_others_are_not() {
    let mut shop = Shop::open(scripts(ScriptLimits {
        first_retry: Duration::from_millis(1),
        runs: 3,
        ..ScriptLimits::default()
    }));
    for (payload, runs, result) in [
        ("exit 1", 3, "0 1"),
        ("kill -TERM $$", 3, "15 0"),
        ("exit 2", 1, "0 2"),
        ("exit 255", 1, "0 255"),
    ] {
        shop.tell(&format!("echo run >>runs; {payload}"));
        assert_eq!(shop.result(), ("-script-error", result.to_owned()));
        let text = fs::read_to_string(shop.file("runs")).unwrap();
        assert_eq!(text.lines().count(), runs, "{payload}");
        fs::remove_file(shop.file("runs")).unwrap();
    }
    shop.tell("test -e again && echo done >end; touch again; exit 1");
    shop.wait_for("end");
}

#[test]
fn a_script_that_cannot_be_started_is_given_up_at_once() {
    let mut shop = Shop::told_by("/no/such/script".into(), Limits::default());
    shop.tell("");
    assert_eq!(shop.result(), ("-script-error", "0 2".to_owned()));
    shop.wait_until_idle();
}

#[test]
fn a_flood_of_hung_scripts_is_bounded_holds_up_no_switch_and_leaves_nothing() {
    let shop = Shop::open(Limits {
        grace: Duration::ZERO,
        ..Limits::default()
    });
    for number in 0..1000 {
        shop.tell(&format!(": {number}; sleep 1000"));
    }
    let pending = shop.hooks.handle().pending_scripts();
    assert!(pending.len() <= 16 + 256, "{}", pending.len());
    // It does not wait for a place.
    shop.switch(7001, 7002);
    shop.wait_for("record.arguments");
    let handle = shop.hooks.handle();
    let started = || {
        let pending = handle.pending_scripts().into_iter();
        pending.filter(|script| matches!(script.progress, Progress::Running { pid: Some(_), .. }))
    };
    wait_for(SOON, "twelve scripts", || started().count() == 12).unwrap();
    assert!(started().all(|script| script.runs == 1 && script.argv[1] == "+sdown"));
    let pids: Vec<i32> = started()
        .map(|script| match script.progress {
            Progress::Running { pid: Some(pid), .. } => i32::try_from(pid).unwrap(),
            _ => unreachable!("they all run"),
        })
        .collect();
    assert!(pids.iter().copied().all(runs));
    let Shop { hooks, folder, .. } = shop;
    drop(hooks);
    wait_until_gone(&pids);
    assert_eq!(handle.pending_scripts(), []);
    drop(folder);
}

#[test]
fn a_script_that_runs_when_the_monitor_stops_may_end() {
    let shop = Shop::open(Limits {
        grace: SOON,
        ..Limits::default()
    });
    shop.tell("echo >begun; sleep 0.2; echo >done");
    shop.wait_for("begun");
    let (hooks, folder) = (shop.hooks, shop.folder);
    drop(hooks);
    assert!(folder.path().join("done").exists());
}

#[test]
fn a_script_that_talks_much_or_leaves_something_behind_holds_up_nothing() {
    let shop = Shop::open(Limits::default());
    shop.tell("head -c 1000000 /dev/zero >&2; sleep 1000 & echo $! >pid");
    let pid = pids(&shop.wait_for("pid"));
    shop.wait_until_idle();
    assert!(runs(pid[0]), "what a script starts on purpose is its own");
    kill_process(Pid::from_raw(pid[0]).unwrap(), Signal::KILL).unwrap();
}

/// The program with a real group and the script that the documentation shows.
#[test]
fn the_example_in_the_documentation_remembers_the_new_primary() {
    check(the_example());
}

fn the_example() -> Result {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/primary-file.sh");
    let script = script.canonicalize().unwrap();
    let mut servers = Servers::start(&builder(Version::System)?, 1)?;
    let state = State::new().with_variable("PRIMARY_FOLDER", folder.path().to_owned());
    let nodes = servers.addresses();
    let file = format!(
        "[defaults]\nclient_reconfig_script = \"{}\"\n[groups.shop]\nnodes = [\"{}\", \"{}\"]\n",
        script.display(),
        nodes[0],
        nodes[1],
    );
    let path = state.path().with_extension("toml");
    fs::write(&path, file).unwrap();
    let monitor = state.subcommand(&["run", "--config", path.to_str().unwrap()]);
    monitor.wait_for("primary-adopted")?;
    monitor.explain(servers.wait_until_in_step(0, SOON))?;
    servers.nodes_mut()[0].kill();
    monitor.wait_for("primary-switched")?;
    let remembered = folder.path().join("shop");
    let text = || fs::read_to_string(&remembered).unwrap_or_default();
    let expected = format!("{}\n", nodes[1]);
    monitor.explain(wait_for(SOON, "the file", || text() == expected))
}

#[test]
fn hung_hooks_delay_no_failover_and_end_with_the_program() {
    check(hung_hooks());
}

fn hung_hooks() -> Result {
    let folder = tempfile::tempdir().unwrap();
    let hung = folder.path().join("hang");
    symlink(script("hang.sh"), &hung).unwrap();
    // It accepts and never answers.
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = builder(Version::System)?.password("open-sesame");
    let mut servers = Servers::start(&settings, 1)?;
    let state = State::new()
        .with_variable("RCM_PASSWORD", "open-sesame".into())
        .with_variable("RCM_SENTINEL_PASSWORD", "open-sesame".into())
        .with_variable("RCM_STORE_PASSWORD", "open-sesame".into());
    let nodes = servers.addresses();
    let file = format!(
        "[groups.shop]\nnodes = [\"{}\", \"{}\"]\nclient_reconfig_script = \"{}\"\n[[webhooks]]\nurl \
         = \"http://{}\"\n",
        nodes[0],
        nodes[1],
        hung.display(),
        receiver.local_addr().unwrap(),
    );
    let path = state.path().with_extension("toml");
    fs::write(&path, file).unwrap();
    let monitor = state.subcommand(&["run", "--config", path.to_str().unwrap()]);
    monitor.wait_for("primary-adopted")?;
    monitor.explain(servers.wait_until_in_step(0, SOON))?;
    servers.nodes_mut()[0].kill();
    monitor.wait_for_nth("primary-switched", 1)?;
    let pid_file = folder.path().join("hang.pid");
    let pid = || fs::read_to_string(&pid_file).unwrap_or_default();
    monitor.explain(wait_for(SOON, "the script", || pid().ends_with('\n')))?;
    // There is a process and no password.
    let hung = pids(&pid());
    servers.nodes_mut()[0].restart()?;
    monitor.explain(servers.wait_until_in_step(1, SOON))?;
    servers.nodes_mut()[1].kill();
    monitor.wait_for_nth("primary-switched", 2)?;
    assert!(runs(hung[0]));
    assert!(monitor.terminate().success());
    wait_until_gone(&hung);
    Ok(())
}

#[test]
fn the_documentation_shows_the_example_as_it_is() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = fs::read_to_string(docs.join("hooks.md")).unwrap();
    let example = fs::read_to_string(docs.join("examples/primary-file.sh")).unwrap();
    assert!(page.contains(&format!("```sh\n{example}```\n")));
}
