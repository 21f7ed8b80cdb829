//! Is the simulated server a fantasy? Scripts are played on it and on real servers at once, and both
//! have to say the same, in the words in which the core hears it.
//!
//! Each file of `scripts/` is one behaviour. Every command is done to both sides; what both answer
//! is written below it. Where versions differ, the first line says which ones the script is for:
//! `# Only: Redis 6`. `UPDATE_GOLDENFILES=1 cargo test -p rcm-sim --test differential` writes the
//! answers anew, also where the two sides differ; read the difference before you keep it.

#![expect(clippy::unwrap_used, reason = "a test fails where it is told wrongly")]

mod look;
mod real;
mod relay;
mod script;
mod side;
mod simulated;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use rcm_sim::stage::Version;
use redis_cluster_monitor::local::{self, Binary};
use redis_cluster_monitor::redis::info;

use script::Script;

/// Scripts mostly wait for the crons of real servers, so many run at once.
const AT_ONCE: usize = 12;

#[test]
fn redis_6_2_does_as_simulated() {
    play_all(local::Version::Redis62);
}

#[test]
fn the_systems_server_does_as_simulated() {
    play_all(local::Version::System);
}

#[test]
fn valkey_9_does_as_simulated() {
    play_all(local::Version::Valkey9);
}

/// How a server is called in scripts, and whose ways it is expected to have.
fn kind(binary: &Binary) -> (&'static str, Version) {
    let server = local::Server::start(binary).unwrap();
    let said = server.text(&["INFO", "server"]).unwrap();
    let version = info::parse_identity(&said).unwrap().version;
    if version.starts_with("Valkey") {
        ("Valkey 9", Version::Valkey9)
    } else if version.starts_with("Redis 6") {
        ("Redis 6", Version::Redis62)
    } else {
        ("Redis 7", Version::Redis7)
    }
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "no scripts in {}", folder.display());
    scripts
}

fn play_all(version: local::Version) {
    let binary = Binary::of(version).unwrap();
    let (name, simulated) = kind(&binary);
    let waiting = Mutex::new(scripts());
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap().pop();
            let Some(path) = next else { break };
            if let Err(why) = play(name, &binary, simulated, &path) {
                failed.lock().unwrap().push(why);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

fn play(name: &str, binary: &Binary, version: Version, path: &Path) -> Result<(), String> {
    let told = std::fs::read_to_string(path).unwrap();
    let only = told
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# Only: "));
    if only.is_some_and(|only| !only.split(", ").any(|it| it == name)) {
        return Ok(());
    }
    let script = path.file_name().unwrap().to_string_lossy();
    let mut player = Script::new(name, binary, version);
    let seen = goldenscript::generate(&mut player, &told)
        .map_err(|error| format!("{script} on {name}: {error}\n{}", player.logs()))?;
    let differences = player.differences();
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        std::fs::write(path, &seen).unwrap();
    }
    if !differences.is_empty() {
        let logs = player.logs();
        return Err(format!("{script}: {}\n{logs}", differences.join("\n")));
    }
    if seen != told {
        let lines = seen.lines().zip(told.lines()).zip(1..);
        let other = lines.into_iter().find(|((seen, told), _)| seen != told);
        return Err(format!(
            "{script} on {name}: both sides agree, but not with what is written: {other:?}"
        ));
    }
    Ok(())
}
