use super::*;
use crate::telemetry::LogFormat;
use rcm_core::id::Address;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Every `NAME.toml` is read, and what comes of it is compared with `NAME.txt`. With
/// `UPDATE_GOLDEN` set, the texts are written instead.
#[test]
fn every_mistake_is_shown_where_it_stands() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap();
        let found = match parse(Path::new(name), &source) {
            Ok(file) => format!("{} groups\n", file.groups.len()),
            Err(error) => format!("{error}\n"),
        };
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{}", path.display());
        seen += 1;
    }
    assert!(seen > 5);
}

#[test]
fn defaults_hold_where_a_group_says_nothing() {
    let source = r#"
        report_every = "off"
        log_format = "json"
        [store]
        kind = "file"
        path = "state"
        [defaults]
        hang_after = "1s"
        observe = true
        [groups.a]
        nodes = ["10.0.0.1", "[::1]:6380"]
        hang_after = "2s"
        rename_commands = { replicaof = "r1" }
        [groups.b]
        nodes = ["10.0.0.2"]
    "#;
    let file = parse(Path::new("/etc/rcm/x.toml"), source).unwrap();
    assert_eq!(file.process.report_every, Some(Duration::ZERO));
    assert_eq!(file.process.log_format, Some(LogFormat::Json));
    assert_eq!(
        file.process.state_folder,
        Some(PathBuf::from("/etc/rcm/state"))
    );
    let [(a, nodes, first), (b, _, second)] = file.groups.as_slice() else {
        panic!("two groups: {file:?}");
    };
    assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
    let expected = [Address::new("10.0.0.1", 6379), Address::new("::1", 6380)];
    assert_eq!(nodes.addresses(), expected);
    assert_eq!(first.hang_after, Some(Duration::from_secs(2)));
    assert_eq!(first.observe, Some(true));
    let renamed = first.rename_commands.as_ref().unwrap();
    assert_eq!(renamed.get("REPLICAOF").unwrap(), "r1");
    assert_eq!(second.hang_after, Some(Duration::from_secs(1)));
}

#[test]
fn the_sentinel_table_sets_every_setting_of_the_door() {
    let source = r#"
        [sentinel]
        address = "0.0.0.0:26379"
        announce = "10.0.1.1:26379"
        announce_hostnames = true
        idle_after = "5m"
        max_clients = 12
        read_without_auth = true
        replay_on_subscribe = true
        username = "app"
        [groups.a]
        nodes = ["10.0.0.1"]
    "#;
    let file = parse(Path::new("/etc/rcm/x.toml"), source).unwrap();
    let expected = crate::config::sentinel::Settings {
        address: crate::config::sentinel::listen("0.0.0.0:26379").ok(),
        announce: "10.0.1.1:26379".parse().ok(),
        username: Some("app".to_owned()),
        password: None,
        read_without_auth: Some(true),
        max_clients: Some(12),
        idle_after: Some(Duration::from_secs(300)),
        announce_hostnames: Some(true),
        replay_on_subscribe: Some(true),
    };
    assert_eq!(file.process.sentinel, expected);
}
