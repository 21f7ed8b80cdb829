//! Client libraries that know nothing but the address of our Sentinel API.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis_cluster_monitor::local::{Library, Version, Writing, wait_for};

use crate::monitor::{Result, SOON, Watched, builder, check};

const WRITE_EVERY: Duration = Duration::from_millis(5);

/// Between them everything is in order, before the fault and after it.
const UNDISTURBED: usize = 20;

macro_rules! with_every_library {
    ($($module:ident $library:ident)*) => {
        $(mod $module {
            use redis_cluster_monitor::local::Library;
            #[test] fn writes_on_after_a_crash() { crate::monitor::check(super::writes_on_after_a_crash(Library::$library)); }
            #[test] fn writes_on_after_a_hang() { crate::monitor::check(super::writes_on_after_a_hang(Library::$library)); }
            #[test] fn follows_a_switchover() { crate::monitor::check(super::follows_a_switchover(Library::$library)); }
        })*
        const TESTED: &[Library] = &[$(Library::$library),*];
    };
}

// Those that `scripts/clients test` brings. The others are measured by `make clients`.
with_every_library! {
    redis_py RedisPy
    redis_py_asyncio RedisPyAsyncio
    valkey_py ValkeyPy
    valkey_py_asyncio ValkeyPyAsyncio
    ioredis Ioredis
    ioredis_detector IoredisDetector
    iovalkey Iovalkey
    node_redis NodeRedis
    redis_rs RedisRs
}

fn writes_on_after_a_crash(library: Library) -> Result {
    let (mut watched, writing) = writing(library, &[])?;
    watched.node(0).kill();
    writes_to_the_heir(&watched, writing).map(drop)
}

fn writes_on_after_a_hang(library: Library) -> Result {
    let (mut watched, writing) = writing(library, &["--hang-after", "500ms"])?;
    watched.node(0).pause()?;
    writes_to_the_heir(&watched, writing).map(drop)
}

fn follows_a_switchover(library: Library) -> Result {
    let (watched, writing) = writing(library, &[])?;
    watched.switch_over()?;
    let lost = writes_to_the_heir(&watched, writing)?;
    assert_eq!(lost, 0, "writes were acknowledged and are missing");
    Ok(())
}

/// A group and a library that writes to it.
fn writing(library: Library, options: &[&str]) -> Result<(Watched, Writing)> {
    let options = [&["--sentinel", "127.0.0.1:0"], options].concat();
    let watched = Watched::with(&builder(Version::System)?, &options)?;
    let sentinels = [watched.monitor.sentinel()?];
    let mut writing = Writing::start(library, &sentinels, "mymaster", WRITE_EVERY)?;
    writing.wait_for_acknowledged(UNDISTURBED, SOON)?;
    Ok((watched, writing))
}

/// Waits until the library writes to the new primary by itself; how many writes were lost.
fn writes_to_the_heir(watched: &Watched, mut writing: Writing) -> Result<u64> {
    let heir = watched.wait_for_heir(0)?;
    let counter = || watched.get(heir, "counter").ok()?.parse::<u64>().ok();
    let before = counter();
    watched
        .monitor
        .explain(writing.wait_for_acknowledged(UNDISTURBED, SOON))?;
    wait_for(SOON, "a growing counter on the new primary", || {
        counter() > before
    })?;
    Ok(writing.finish()?.lost())
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clients.md")
}

#[test]
fn the_page_shows_every_library_as_it_is_tested() {
    let kept = fs::read_to_string(page()).unwrap();
    let all = Library::ALL.into_iter();
    let right = all.fold(kept.clone(), |page, library| with_snippet(&page, library));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(page(), &right).unwrap();
    }
    let differs = kept
        .lines()
        .zip(right.lines())
        .find(|(kept, right)| kept != right);
    assert!(
        kept == right,
        "write it anew with UPDATE_DOCS=1: {differs:?}"
    );
}

/// The page with the code of a library's program where a comment names the program.
fn with_snippet(page: &str, library: Library) -> String {
    let mark = format!("<!-- tests/clients/{} -->\n```", library.program());
    let (before, marked) = page.split_once(&mark).expect(&mark);
    let (language, block) = marked.split_once('\n').unwrap();
    let (_, after) = block.split_once("```\n").unwrap();
    let snippet = library.snippet().unwrap();
    assert!(!snippet.is_empty(), "{} shows nothing", library.program());
    [before, &mark, language, "\n", &snippet, "```\n", after].concat()
}

#[test]
fn the_page_tells_the_versions_that_are_installed() {
    let page = fs::read_to_string(page()).unwrap();
    for library in TESTED {
        check((|| {
            // Nobody is there: it tells its version before it looks for the primary.
            let nobody = [([127, 0, 0, 1], 1).into()];
            let version =
                Writing::start(*library, &nobody, "mymaster", WRITE_EVERY)?.version(SOON)?;
            let row = format!("| {} | {version} |", library.name());
            assert!(
                page.contains(&row),
                "no row {row}: `make clients` writes the table"
            );
            Ok(())
        })());
    }
}
