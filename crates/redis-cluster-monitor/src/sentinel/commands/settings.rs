//! What changes a Sentinel's own configuration, and how it is done here instead.

use bytes::Bytes;
use rcm_resp::Frame;

use crate::sentinel::glob;
use crate::sentinel::house::House;
use crate::sentinel::reply::{error, integer, quoting, text, word, wrong_arity};
use crate::sentinel::session::Session;

pub(super) const PUBLISH: &str = "ERR monitors agree through their store and not by messages; \
    nothing can be published here";
pub(super) const SHUTDOWN: &str =
    "ERR the monitor is ended by its service manager, with SIGTERM; nothing is saved at its end";
pub(super) const DEBUG: &str = "ERR there are no such times here: see silent_after, hang_after and \
    probe_every in the configuration of redis-cluster-monitor";
pub(super) const SIMULATE_FAILURE: &str = "ERR failures are not simulated here: try one with \
    `redis-cluster-monitor demo`";
pub(super) const REMOVE: &str = "ERR groups stand in the configuration: take [groups.NAME] out of \
    the file of redis-cluster-monitor and start it again";
const MONITOR: &str = "ERR groups stand in the configuration: add [groups.NAME] with its nodes to \
    the file of redis-cluster-monitor and start it again";
const RESET: &str = "ERR there is nothing to reset: who is gone is forgotten after 10 minutes, and \
    who is listed stands in the configuration of redis-cluster-monitor";
const ACL: &str = "ERR there is one user: see username and password_file in [sentinel] in the \
    configuration of redis-cluster-monitor";
const CONFIG_WORDS: &str =
    "ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.";

pub(super) fn acl(session: &Session, word: &str) -> Frame {
    match (word, &session.client.facts().user) {
        ("whoami", Some(user)) => text(user.to_string()),
        _ => error(ACL),
    }
}

pub(super) fn monitor(name: &Bytes, house: &House) -> Frame {
    error(match house.group(name) {
        Some(_) => "ERR Duplicate master name.",
        None => MONITOR,
    })
}

/// A pattern that means no group does nothing, as with a Sentinel.
pub(super) fn reset(pattern: &Bytes, house: &House) -> Frame {
    let is_meant = |name: &str| glob::matches(pattern, name.as_bytes());
    if house
        .groups
        .iter()
        .any(|group| is_meant(group.name.as_str()))
    {
        error(RESET)
    } else {
        integer(0)
    }
}

/// Options of `SENTINEL SET`, how many values they have, and what is set here instead.
const OPTIONS: [(&str, usize, &str); 10] = [
    (
        "down-after-milliseconds",
        1,
        "silent_after and hang_after set it for each kind of failure",
    ),
    (
        "failover-timeout",
        1,
        "a failover has no time after which it is given up",
    ),
    (
        "parallel-syncs",
        1,
        "all replicas are brought back at once, with partial synchronisation",
    ),
    ("quorum", 1, "one monitor decides for a group"),
    (
        "notification-script",
        1,
        "it stands in the configuration file",
    ),
    (
        "client-reconfig-script",
        1,
        "it stands in the configuration file",
    ),
    ("auth-pass", 1, "password_file names it"),
    ("auth-user", 1, "username sets it"),
    ("rename-command", 2, "rename_commands sets it"),
    ("master-reboot-down-after-period", 1, "crash_after sets it"),
];

pub(super) fn set(options: &[Bytes]) -> Frame {
    let option = options.first().map_or(&[][..], AsRef::as_ref);
    let known = OPTIONS
        .iter()
        .find(|(name, _, _)| option.eq_ignore_ascii_case(name.as_bytes()));
    match known {
        Some((name, values, instead)) if options.len() > *values => error(format!(
            "ERR {name} is not set this way: {instead}; see the configuration of \
             redis-cluster-monitor, which is read at its start"
        )),
        _ => quoting(
            "ERR Unknown option or number of arguments for SENTINEL SET '",
            option,
            "'",
        ),
    }
}

pub(super) fn config(arguments: &[Bytes], house: &House) -> Frame {
    match arguments {
        [word, names @ ..] if word.eq_ignore_ascii_case(b"GET") && !names.is_empty() => {
            get(names, house)
        }
        [word, name, _, ..] if word.eq_ignore_ascii_case(b"SET") => set_global(name, house),
        [word, ..] if word.eq_ignore_ascii_case(b"GET") || word.eq_ignore_ascii_case(b"SET") => {
            wrong_arity("sentinel|config")
        }
        _ => error(CONFIG_WORDS),
    }
}

/// Settings of a Sentinel, in its order, and their values here. A password is shown to nobody.
fn settings(house: &House) -> [(&'static str, String); 7] {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    [
        ("resolve-hostnames", yes(true)),
        ("announce-hostnames", yes(house.settings.announce_hostnames)),
        ("announce-ip", String::new()),
        ("announce-port", "0".to_owned()),
        ("sentinel-user", String::new()),
        ("sentinel-pass", String::new()),
        ("loglevel", "notice".to_owned()),
    ]
}

fn get(names: &[Bytes], house: &House) -> Frame {
    let is_wanted = |setting: &str| {
        names
            .iter()
            .any(|name| glob::matches(&name.to_ascii_lowercase(), setting.as_bytes()))
    };
    let found = settings(house)
        .into_iter()
        .filter(|(setting, _)| is_wanted(setting));
    Frame::Map(
        found
            .map(|(setting, value)| (word(setting), text(value)))
            .collect(),
    )
}

fn set_global(name: &Bytes, house: &House) -> Frame {
    let known = settings(house)
        .iter()
        .any(|(setting, _)| name.eq_ignore_ascii_case(setting.as_bytes()));
    if known {
        error(
            "ERR settings stand in the configuration: see [sentinel] in the file of \
             redis-cluster-monitor, which is read at its start",
        )
    } else {
        quoting("ERR Invalid argument '", name, "' to SENTINEL CONFIG SET")
    }
}
