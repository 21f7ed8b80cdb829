//! The program as a user meets it: what it prints where, and with which exit code it ends.

use std::fs;
use std::process::{Command, Output, Stdio};

/// Runs the program with a clean environment.
fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program was built")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"));
    command.args(arguments).env_clear().env("HOME", "/home/me");
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program writes text")
}

/// A configuration file with a password file beside it that everybody can read.
fn config() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("monitor.toml");
    let source = "[groups.shop]\nnodes = [\"10.0.0.1\", \"10.0.0.2:6380\"]\n\
                  hang_after = \"1s\"\nusername = \"rcm\"\npassword_file = \"secret\"\n";
    fs::write(&path, source).expect("a file");
    fs::write(folder.path().join("secret"), "hunter2\n").expect("a file");
    (folder, path.display().to_string())
}

#[test]
fn check_shows_the_groups_on_standard_output_and_warnings_on_standard_error() {
    let (_folder, path) = config();
    let output = run(&["check", "--config", &path]);
    assert_eq!(output.status.code(), Some(0));
    let table = "GROUP  ACTS  CRASH AFTER  SILENT AFTER  HANG AFTER  PROBE EVERY  NODES\n\
                 shop   yes   0s           500ms         1s          125ms        10.0.0.1:6379 \
                 10.0.0.2:6380\n";
    assert_eq!(text(&output.stdout), table);
    assert!(text(&output.stderr).starts_with("warning: every user of this machine can read"));
}

#[test]
fn check_speaks_json_and_never_tells_the_password() {
    let (_folder, path) = config();
    let output = run(&["check", "--config", &path, "--output", "json"]);
    let json = text(&output.stdout);
    for part in [
        "\"name\": \"shop\"",
        "\"10.0.0.2:6380\"",
        "\"has_password\": true",
        "\"username\": \"rcm\"",
    ] {
        assert!(json.contains(part), "no {part} in {json}");
    }
    assert!(!json.contains("hunter2") && !text(&output.stderr).contains("hunter2"));
}

#[test]
fn what_is_wrong_is_told_on_standard_error_with_code_two() {
    let (_folder, path) = config();
    fs::write(&path, "[groups.shop]\nnodes = [\"10.0.0.1:\"]\n").unwrap();
    for arguments in [
        &["check", "--config", &path][..],
        &["run", "--config", &path],
        &["10.0.0.1:"],
        &["--hang-after", "5", "10.0.0.1"],
        &["check"],
        &[],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.starts_with("error: "), "{arguments:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}

#[test]
fn each_mistake_in_how_a_proxy_is_started_has_a_remedy() {
    let (folder, path) = config();
    fs::write(&path, "[proxy]\nhold_fr = \"1s\"\n").unwrap();
    let gone = folder.path().join("gone").display().to_string();
    for (line, remedy) in [
        ("LISTEN", "--monitors <HOST:PORT,...>"),
        ("MONITORS", "--listen <IP:PORT>"),
        (
            "LISTEN --monitors 10.0.0.1",
            "write HOST:PORT, such as 10.0.0.1:26379",
        ),
        ("LISTEN --monitors 10.0.0.1:1,", "write HOST:PORT, such as"),
        (
            "MONITORS --listen 6379",
            "write IP:PORT, such as 127.0.0.1:6379",
        ),
        (
            "MONITORS --listen-replicas localhost:6379",
            "write IP:PORT, such as",
        ),
        (
            "MONITORS --listen [::1]:7 --listen-replicas [::1]:7",
            "help: give each one of its own",
        ),
        ("MONITORS LISTEN --http 8379", "write IP:PORT"),
        ("MONITORS LISTEN --name a:b", "letters"),
        ("MONITORS LISTEN --hold-for 5", "write 5ms, 5s or 5m"),
        (
            "MONITORS LISTEN --hold-for 0",
            "must be longer than nothing",
        ),
        ("MONITORS LISTEN --threads 65", "a number from 1 to 64"),
        ("MONITORS LISTEN --max-clients 0", "a number above zero"),
        (
            "MONITORS LISTEN --share maybe",
            "[possible values: true, false]",
        ),
        (
            "MONITORS LISTEN --indeterminate retry",
            "\"disconnect\", \"error\"",
        ),
        (
            "MONITORS LISTEN --proxy-protocol-from 10.0.0.0/33",
            "write 10.0.0.0/8",
        ),
        ("MONITORS LISTEN --report-every 5", "write 5ms, 5s or 5m"),
        ("MONITORS LISTEN --hold-four 5s", "'--hold-for'"),
        ("MONITORS LISTEN --username app", "--password-file <FILE>"),
        (
            "MONITORS LISTEN --password-file GONE",
            "cannot read the password file",
        ),
        ("MONITORS LISTEN --config GONE", "cannot read"),
        ("MONITORS LISTEN --config FILE", "did you mean `hold_for`?"),
        ("MONITORS LISTEN 10.0.0.1:6379", "Usage:"),
    ] {
        let line = line
            .replace("MONITORS", "--monitors 10.0.0.1:26379")
            .replace("LISTEN", "--listen 127.0.0.1:0")
            .replace("GONE", &gone)
            .replace("FILE", &path);
        let words: Vec<_> = std::iter::once("proxy").chain(line.split(' ')).collect();
        let output = run(&words);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {error}");
        assert_eq!(text(&output.stdout), "", "{line}");
        let is_clear = error.starts_with("error: ") && error.contains(remedy);
        assert!(is_clear, "{line}: no {remedy} in {error}");
    }
}

#[test]
fn nobody_reading_is_no_reason_to_panic() {
    let (_folder, path) = config();
    for arguments in [&["check", "--config", &path][..], &["10.0.0.1:"]] {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        let code = child.wait().unwrap().code();
        assert!(
            code == Some(0) || code == Some(2),
            "{arguments:?}: {code:?}"
        );
    }
}
