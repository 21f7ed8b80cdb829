//! Commands about the monitor: `ROLE`, `INFO`, `COMMAND`.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rcm_resp::Frame;

use super::connection::STANDS_IN_FOR;
use super::help;
use crate::sentinel::glob;
use crate::sentinel::house::{House, replicas};
use crate::sentinel::reply::{SYNTAX, error, integer, text, word};
use crate::sentinel::table::{self, COMMANDS, Command};

pub(super) fn role(house: &House) -> Frame {
    let names = house
        .groups
        .iter()
        .map(|group| text(group.name.to_string()));
    Frame::Array(vec![word("sentinel"), Frame::Array(names.collect())])
}

/// Writes one section of `INFO`.
type Section = fn(&House, &mut String) -> fmt::Result;

/// The sections that a Sentinel has, in its order.
const SECTIONS: [(&str, Section); 5] = [
    ("server", server),
    ("clients", clients),
    ("stats", stats),
    ("cpu", cpu),
    ("sentinel", sentinel),
];

pub(super) fn info(arguments: &[Bytes], house: &House) -> Frame {
    let is_wanted = |section: &str| {
        arguments.is_empty()
            || arguments.iter().any(|argument| {
                let argument = argument.to_ascii_lowercase();
                argument == section.as_bytes()
                    || matches!(argument.as_slice(), b"default" | b"all" | b"everything")
            })
    };
    let mut content = String::new();
    for (section, write) in SECTIONS.iter().filter(|(section, _)| is_wanted(section)) {
        if !content.is_empty() {
            content.push_str("\r\n");
        }
        let written = write(house, &mut content);
        debug_assert!(written.is_ok(), "text grows: {section}");
    }
    text(content)
}

fn server(house: &House, to: &mut String) -> fmt::Result {
    let up = house.now().since(house.opened).as_secs();
    let port = house.settings.address.port();
    write!(
        to,
        "# Server\r\nredis_version:{STANDS_IN_FOR}\r\nredis_mode:sentinel\r\n\
         monitor:redis-cluster-monitor {}\r\nos:{} {}\r\narch_bits:{}\r\nprocess_id:{}\r\n\
         run_id:{}\r\ntcp_port:{port}\r\nuptime_in_seconds:{up}\r\nuptime_in_days:{}\r\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        usize::BITS,
        std::process::id(),
        house.id,
        up / (24 * 3600),
    )
}

fn clients(house: &House, to: &mut String) -> fmt::Result {
    let all = house.clients.all();
    let subscribed = all.iter().filter(|client| client.kind() == "pubsub");
    write!(
        to,
        "# Clients\r\nconnected_clients:{}\r\nmaxclients:{}\r\nblocked_clients:0\r\n\
         tracking_clients:0\r\npubsub_clients:{}\r\n",
        all.len(),
        house.settings.max_clients,
        subscribed.count(),
    )
}

fn stats(house: &House, to: &mut String) -> fmt::Result {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counters = &house.counters;
    write!(
        to,
        "# Stats\r\ntotal_connections_received:{}\r\ntotal_commands_processed:{}\r\n\
         rejected_connections:{}\r\ntotal_error_replies:{}\r\n",
        count(&counters.connections),
        count(&counters.commands),
        count(&counters.rejected),
        count(&counters.errors),
    )
}

fn cpu(_: &House, to: &mut String) -> fmt::Result {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, micros) = (used.tv_sec, used.tv_nsec / 1_000);
    write!(to, "# CPU\r\nused_cpu_total:{seconds}.{micros:06}\r\n")
}

fn sentinel(house: &House, to: &mut String) -> fmt::Result {
    // A group whose primary was not met yet is none yet.
    let groups = house.groups.iter().filter_map(|group| {
        let status = group.snapshot();
        let primary = house.primary(&status)?;
        Some((&group.name, status, primary))
    });
    let groups: Vec<_> = groups.collect();
    let scripts = house.scripts.pending();
    let running = scripts.iter().filter(|script| script.is_running()).count();
    write!(
        to,
        "# Sentinel\r\nsentinel_masters:{}\r\nsentinel_tilt:0\r\nsentinel_tilt_since_seconds:-1\r\n\
         sentinel_running_scripts:{running}\r\nsentinel_scripts_queue_length:{}\r\n\
         sentinel_simulate_failure_flags:0\r\n",
        groups.len(),
        scripts.len() - running,
    )?;
    for (number, (name, status, primary)) in groups.iter().enumerate() {
        let health = if status.primary_is_down() {
            "odown"
        } else {
            "ok"
        };
        let others = replicas(status).count();
        write!(
            to,
            "master{number}:name={name},status={health},address={primary},slaves={others},\
             sentinels={}\r\n",
            status.monitors.len() + 1,
        )?;
    }
    Ok(())
}

pub(super) fn command(sub: &str, arguments: &[Bytes]) -> Frame {
    let arguments = arguments.get(1..).unwrap_or_default();
    match sub {
        "count" => integer(COMMANDS.len()),
        "list" => list(arguments),
        "info" if !arguments.is_empty() => {
            let entry = |name: &Bytes| {
                lookup(name).map_or(Frame::Null, |(command, name)| command.entry(&name))
            };
            Frame::Array(arguments.iter().map(entry).collect())
        }
        "docs" if !arguments.is_empty() => {
            let found = arguments.iter().filter_map(lookup);
            Frame::Map(found.map(|(command, name)| command.docs(&name)).collect())
        }
        "docs" => Frame::Map(COMMANDS.iter().map(|it| it.docs(it.name)).collect()),
        "help" => help::command(),
        "getkeys" | "getkeysandflags" => {
            let known = arguments.first().and_then(lookup);
            error(match known {
                Some(_) => "ERR The command has no key arguments",
                None => "ERR Invalid command specified",
            })
        }
        _ => Frame::Array(COMMANDS.iter().map(|it| it.entry(it.name)).collect()),
    }
}

/// The command called `sentinel` or `sentinel|master`, and its whole name.
fn lookup(name: &Bytes) -> Option<(&'static Command, String)> {
    let mut parts = name.splitn(2, |byte| *byte == b'|');
    let command = table::find(COMMANDS, parts.next()?)?;
    let Some(sub) = parts.next() else {
        return Some((command, command.name.to_owned()));
    };
    let sub = table::find(command.subcommands, sub)?;
    Some((sub, format!("{}|{}", command.name, sub.name)))
}

fn list(filter: &[Bytes]) -> Frame {
    let pattern = match filter {
        [] => None,
        [by, kind, value] if by.eq_ignore_ascii_case(b"FILTERBY") => {
            if kind.eq_ignore_ascii_case(b"PATTERN") {
                Some(value.to_ascii_lowercase())
            } else if kind.eq_ignore_ascii_case(b"MODULE") || kind.eq_ignore_ascii_case(b"ACLCAT") {
                return Frame::Array(Vec::new());
            } else {
                return error(SYNTAX);
            }
        }
        _ => return error(SYNTAX),
    };
    let names = COMMANDS.iter().flat_map(|command| {
        let subs = command.subcommands.iter();
        let subs = subs.map(|sub| format!("{}|{}", command.name, sub.name));
        std::iter::once(command.name.to_owned()).chain(subs)
    });
    let fits = |name: &String| {
        let pattern = pattern.as_ref();
        pattern.is_none_or(|pattern| glob::matches(pattern, name.as_bytes()))
    };
    Frame::Array(names.filter(fits).map(text).collect())
}
