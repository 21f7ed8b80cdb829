//! The demo as somebody sees it who has just arrived.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use redis_cluster_monitor::local::wait_for;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::monitor::SOON;

/// The program with a folder of its own for everything that it starts.
fn demo(options: &[&str]) -> (TempDir, Command) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"));
    command.arg("demo").args(options);
    command.env("TMPDIR", folder.path()).stdin(Stdio::null());
    (folder, command)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program writes text")
}

/// Neither files nor processes.
fn check_nothing_is_left(folder: &Path) {
    let files: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert!(files.is_empty(), "{files:?}");
    let name = folder.to_str().unwrap();
    let is_left = |process: &Path| {
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        let home = fs::read_link(process.join("cwd")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(name) || home.to_string_lossy().contains(name)
    };
    let gone = wait_for(SOON, "the end of all that was started", || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        !processes.map(|it| it.path()).any(|it| is_left(&it))
    });
    gone.unwrap();
}

/// Runs it to its end, and gives the rows of the table.
fn rows(options: &[&str], heading: &str) -> Vec<String> {
    let (folder, mut command) = demo(options);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let (shown, log) = (text(&stdout), text(&stderr));
    assert_eq!(status.code(), Some(0), "{shown}\n{log}");
    check_nothing_is_left(folder.path());
    let table = shown.lines().skip_while(|line| !line.contains(heading));
    let rows = table.skip(1).take_while(|line| !line.is_empty());
    rows.map(str::to_owned).collect()
}

#[test]
fn one_monitor_shows_three_failovers_and_leaves_nothing() {
    let rows = rows(&[], "killed            took over");
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row.contains(" ms   ")), "{rows:?}");
}

#[test]
fn three_monitors_lose_the_one_that_acts_and_leave_nothing() {
    let rows = rows(&["--monitors", "3"], "seen to by");
    let [first, second] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    let names = |row: &str| row.matches("monitor ").count();
    assert_eq!((names(first), names(second)), (1, 2), "{rows:?}");
}

#[test]
fn an_interrupted_demo_leaves_nothing() {
    let (folder, mut command) = demo(&["--monitors", "3"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let shown = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut shown = shown.map_while(Result::ok);
    assert!(shown.any(|line| line.contains("kill -9 of the primary")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    check_nothing_is_left(folder.path());
}

#[test]
fn who_has_no_etcd_is_told_how_to_get_one() {
    let (folder, mut command) = demo(&["--monitors", "3"]);
    let output = command.env("RCM_ETCD", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("apt-get install etcd-server"), "{error}");
    check_nothing_is_left(folder.path());
}
