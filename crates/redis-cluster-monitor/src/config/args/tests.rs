use super::*;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rcm_core::id::Address;

use crate::config::Config;
use crate::telemetry::{LogFormat, LogLevel};

/// Parses a command line in an environment, as far as the configuration.
fn config(line: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let words = std::iter::once("redis-cluster-monitor").chain(line.split_whitespace());
    let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
    let env: BTreeMap<_, _> = env.iter().copied().collect();
    let env = |name: &str| env.get(name).map(OsString::from);
    match args.command {
        None => args.watch.into_config(&env),
        Some(Command::Run(run)) => run.into_config(&env),
        Some(Command::Check(check)) => check.into_config(&env),
        Some(Command::Import(import)) => import.into_config(&env),
        Some(
            Command::Demo(_)
            | Command::Proxy(_)
            | Command::Switchover(_)
            | Command::Edit(_)
            | Command::Add(_)
            | Command::Forget(_)
            | Command::History(_),
        ) => {
            return Err("no monitor".to_owned());
        }
    }
    .map_err(|error| error.to_string())
}

const HOME: (&str, &str) = ("HOME", "/home/me");

#[test]
fn addresses_alone_are_enough() {
    let config = config("10.0.0.1:6379 10.0.0.2", &[HOME]).unwrap();
    let [group] = config.groups.as_slice() else {
        panic!("one group")
    };
    assert_eq!(group.name.as_str(), "mymaster");
    assert_eq!(group.nodes.addresses().len(), 2);
    assert_eq!(group.policy, rcm_core::policy::Policy::default());
    assert_eq!(group.credentials, None);
    assert_eq!(config.report_every, Duration::from_secs(5));
    assert_eq!(
        config.state_folder,
        PathBuf::from("/home/me/.local/state/redis-cluster-monitor")
    );
}

#[test]
fn a_quorum_is_a_majority_unless_told_otherwise() {
    let quorum = |line, env: &[(&str, &str)]| config(line, env).unwrap().groups[0].policy.quorum;
    let told = ("RCM_QUORUM", "2");
    assert_eq!(quorum("a", &[HOME]), None);
    assert_eq!(quorum("a", &[HOME, told]), Some(2));
    assert_eq!(quorum("--quorum 3 a", &[HOME, told]), Some(3));
}

#[test]
fn what_is_brought_from_etcd_needs_no_group() {
    let config = config("import --store etcd://10.0.0.1 --state-dir /s", &[]).unwrap();
    assert_eq!(
        config.etcd.unwrap().endpoints,
        [Address::new("10.0.0.1", 2379)]
    );
    assert_eq!(config.state_folder, PathBuf::from("/s"));
    assert_eq!(config.groups, []);
}

#[test]
fn mistakes_are_named_with_their_word_and_remedy() {
    for (line, parts) in [
        ("", ["no nodes given", "name at least one HOST:PORT"]),
        ("10.0.0.1:", ["`10.0.0.1:` has no valid port", "1 to 65535"]),
        (
            "10.0.0.1 10.0.0.1:6379",
            ["`10.0.0.1:6379` is listed twice", "help: remove one"],
        ),
        (
            "--hang-after 5 a",
            ["invalid value '5' for '--hang-after", "write 5ms, 5s or 5m"],
        ),
        (
            "--hang-after 1ms a",
            ["--hang-after", "between 100ms and 3600s"],
        ),
        (
            "--sentinel :26379 a",
            ["--sentinel", "write IP:PORT, such as 127.0.0.1:26379"],
        ),
        (
            "--proxy :6379 a",
            ["`:6379` is no address", "127.0.0.1:6380"],
        ),
        (
            "--sentinel-username u a",
            ["username `u` and no password", "RCM_SENTINEL_PASSWORD"],
        ),
        ("--store etc://h:2379 a", ["--store", "etcd://HOST:PORT"]),
        ("--quorum 0 a", ["--quorum", "number of monitors from 1 to"]),
        (
            "10.0.0.1 check",
            ["`check` is the word of a subcommand", "check:6379"],
        ),
        (
            "topology",
            ["`topology` is the word of a subcommand", "topology:6379"],
        ),
        (
            "--password x a",
            ["unexpected argument '--password'", "--password-file"],
        ),
        ("--observe check", ["`check` is the word", ""]),
        (
            "--username u a",
            ["username `u` and no password", "RCM_PASSWORD"],
        ),
        ("--name a:b a", ["`a:b` is not a name", ""]),
        ("-v -q a", ["cannot be used with", ""]),
        ("--log-format xml a", ["[possible values: text, json]", ""]),
        ("run", ["--config <FILE>", ""]),
        (
            "check --config /nonexistent",
            ["cannot read /nonexistent", "No such file"],
        ),
    ] {
        let error = config(line, &[HOME]).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{line}: no {part:?} in\n{error}");
        }
    }
}

#[test]
fn all_bad_addresses_are_shown_at_once() {
    let error = config("a: b: c", &[HOME]).unwrap_err();
    assert_eq!(error.matches("error: ").count(), 2, "{error}");
}

#[test]
fn every_door_can_be_off() {
    let config = config("--sentinel off --proxy off --http off a", &[HOME]).unwrap();
    assert_eq!((config.sentinel, config.http), (None, None));
    assert_eq!(config.groups[0].proxy, None);
}

#[test]
fn http_is_served_to_this_machine_unless_told_otherwise() {
    let http = |line: &str, env: &[(&str, &str)]| {
        let config = config(line, &[&[HOME], env].concat()).unwrap();
        config.http.map(|address| address.to_string())
    };
    assert_eq!(http("a", &[]), Some("127.0.0.1:8379".to_owned()));
    let variable = [("RCM_HTTP", "127.0.0.1:1")];
    assert_eq!(http("a", &variable), Some("127.0.0.1:1".to_owned()));
    assert_eq!(
        http("--http [::1]:2 a", &variable),
        Some("[::1]:2".to_owned())
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    let run = format!("run --config {}", file.display());
    let groups = "[groups.a]\nnodes = [\"a\"]\n";
    fs::write(&file, format!("[http]\naddress = \"off\"\n{groups}")).unwrap();
    assert_eq!(http(&run, &[]), None);
    fs::write(&file, format!("[http]\nadress = \"off\"\n{groups}")).unwrap();
    let error = config(&run, &[HOME]).unwrap_err();
    assert!(error.contains("did you mean `address`?"), "{error}");
}

#[test]
fn a_switchover_is_asked_for_where_a_monitor_can_be() {
    let parse = |line: &str| {
        let words = line.split_whitespace();
        Args::try_parse_from(std::iter::once("redis-cluster-monitor").chain(words))
    };
    for line in [
        "switchover",
        "switchover --to 10.0.0.2 --group a --http h:1",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
    for address in ["off", "8379", "h", ":8379", "h:0", "h:x"] {
        let error = parse(&format!("switchover --http {address}")).unwrap_err();
        assert!(error.to_string().contains("write HOST:PORT"), "{error}");
    }
}

#[test]
fn each_group_has_a_proxy_of_its_own() {
    let proxy = |line: &str, env: &[(&str, &str)]| {
        let config = config(line, &[&[HOME], env].concat()).unwrap();
        config.groups[0].proxy.map(|address| address.to_string())
    };
    let variable = [("RCM_PROXY", "127.0.0.1:1")];
    assert_eq!(proxy("a", &[]), None);
    assert_eq!(proxy("a", &variable), Some("127.0.0.1:1".to_owned()));
    assert_eq!(
        proxy("--proxy [::1]:2 a", &variable),
        Some("[::1]:2".to_owned())
    );
    assert_eq!(proxy("--proxy off a", &variable), None);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    let group =
        |name, port| format!("[groups.{name}]\nnodes = [\"{name}\"]\nproxy = \"0.0.0.0:{port}\"\n");
    let check = |first, second| {
        fs::write(&file, group("a", first) + &group("b", second)).unwrap();
        config(&format!("run --config {}", file.display()), &[HOME])
    };
    assert!(check(1, 2).is_ok());
    assert!(check(0, 0).is_ok());
    let error = check(1, 1).unwrap_err();
    assert!(
        error.contains("the groups a and b have the same address"),
        "{error}"
    );
}

#[test]
fn options_beat_environment_beats_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["file", "env", "option"] {
        fs::write(path(name), name).unwrap();
    }
    fs::write(
        path("c.toml"),
        "report_every = \"1s\"\nlog_level = \"error\"\n\
         [groups.a]\nnodes = [\"h1\"]\npassword_file = \"file\"\nhang_after = \"3s\"\n",
    )
    .unwrap();
    let run = format!("run --config {}", path("c.toml"));
    let password = |line: &str, env: &[(&str, &str)]| {
        let config = config(line, &[env, &[HOME]].concat()).unwrap();
        let credentials = config.groups[0].credentials.clone().unwrap();
        credentials.password.reveal().to_owned()
    };
    assert_eq!(password(&run, &[]), "file");
    let env_file = path("env");
    assert_eq!(password(&run, &[("RCM_PASSWORD_FILE", &env_file)]), "env");
    assert_eq!(password(&run, &[("RCM_PASSWORD", "direct")]), "direct");
    let with_option = format!("{run} --password-file {}", path("option"));
    assert_eq!(password(&with_option, &[("RCM_PASSWORD", "x")]), "option");
    let both = [HOME, ("RCM_PASSWORD", "x"), ("RCM_PASSWORD_FILE", "y")];
    assert!(config(&run, &both).unwrap_err().contains("both set"));

    let plain = config(&run, &[HOME]).unwrap();
    assert_eq!(plain.report_every, Duration::from_secs(1));
    assert_eq!(plain.log.level, LogLevel::Error);
    assert!(!plain.groups[0].policy.observe);
    let line = format!("{run} --observe --report-every 0 -v --hang-after 4s --state-dir s");
    let options = config(&line, &[HOME]).unwrap();
    assert_eq!(options.report_every, Duration::ZERO);
    assert_eq!(options.log.level, LogLevel::Debug);
    assert_eq!(options.state_folder, PathBuf::from("s"));
    let policy = &options.groups[0].policy;
    assert!(policy.observe);
    assert_eq!(policy.hang_after, Some(Duration::from_secs(4)));
}

#[test]
fn the_environment_is_read_like_options_and_its_mistakes_are_named() {
    let set = [
        HOME,
        ("RCM_HANG_AFTER", "2s"),
        ("RCM_OBSERVE", "1"),
        ("RCM_NAME", "shop"),
        ("RCM_LOG_FORMAT", "json"),
        ("RCM_CRASH_AFTER", ""),
    ];
    let found = config("h1", &set).unwrap();
    let group = &found.groups[0];
    assert_eq!(group.name.as_str(), "shop");
    assert_eq!(group.policy.hang_after, Some(Duration::from_secs(2)));
    assert!(group.policy.observe);
    assert_eq!(found.log.format, LogFormat::Json);
    let over = config("h1 --observe=false --hang-after 3s --name a", &set).unwrap();
    assert!(!over.groups[0].policy.observe);
    assert_eq!(over.groups[0].name.as_str(), "a");

    let wrong = [
        HOME,
        ("RCM_HANG_AFTER", "2"),
        ("RCM_LOG_LEVEL", "loud"),
        ("RCM_STORE", "etcd:h"),
    ];
    let error = config("h1", &wrong).unwrap_err();
    for part in [
        "error: RCM_HANG_AFTER is set to `2`: `2` has no unit; write 2ms, 2s or 2m",
        "error: RCM_LOG_LEVEL is set to `loud`",
        "error: RCM_STORE is set to `etcd:h`: `etcd:h` is no store; write `file`",
    ] {
        assert!(error.contains(part), "no {part:?} in\n{error}");
    }
}

#[test]
fn an_etcd_of_the_command_line_takes_the_rest_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let text = r#"
        [store]
        kind = "etcd"
        endpoints = ["10.0.0.1"]
        prefix = "/rcm/eu"
        username = "rcm"
        [groups.a]
        nodes = ["10.0.0.2"]
    "#;
    fs::write(&path, text).unwrap();
    let run = format!("run --config {}", path.display());
    let etcd = |line: &str, env: &[(&str, &str)]| config(line, env).map(|config| config.etcd);
    assert!(
        etcd(&run, &[HOME])
            .unwrap_err()
            .contains("a username and a password")
    );
    let env = [HOME, ("RCM_STORE_PASSWORD", "secret")];
    let found = etcd(&format!("{run} --store etcd://h1:1,h2"), &env)
        .unwrap()
        .unwrap();
    let endpoints: Vec<_> = found.endpoints.iter().map(ToString::to_string).collect();
    assert_eq!(endpoints, ["h1:1", "h2:2379"]);
    assert_eq!((found.prefix.as_str(), found.tls), ("/rcm/eu", None));
    assert_eq!(found.credentials.unwrap().username.as_deref(), Some("rcm"));
    assert_eq!(etcd(&format!("{run} --store file"), &env), Ok(None));
}
