//! `check`: validates a configuration and shows what it means.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Exit, print, say};
use crate::config::args::Output;
use crate::config::{Config, Group, Sentinel};

/// Shows the groups of a valid configuration.
pub(super) fn show(config: &Config, output: Output) -> Exit {
    for warning in &config.warnings {
        say(format_args!("warning: {warning}"));
    }
    let text = match output {
        Output::Table => table(config),
        Output::Json => format!("{:#}\n", json(config)),
    };
    print(&text)
}

/// The groups as people read them: one line per group, columns as wide as they must be.
fn table(config: &Config) -> String {
    let head = [
        "GROUP",
        "ACTS",
        "CRASH AFTER",
        "SILENT AFTER",
        "HANG AFTER",
        "PROBE EVERY",
        "NODES",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(config.groups.iter().map(row));
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn row(group: &Group) -> [String; 7] {
    let policy = &group.policy;
    let nodes: Vec<_> = group
        .nodes
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    [
        group.name.to_string(),
        if policy.observe { "no" } else { "yes" }.to_owned(),
        human(policy.crash_after),
        human(policy.silent_after),
        policy
            .hang_after
            .map_or_else(|| "by the node".to_owned(), human),
        human(policy.probe_every()),
        nodes.join(" "),
    ]
}

/// The groups as programs read them. No password is in it.
fn json(config: &Config) -> Value {
    let groups: Vec<_> = config
        .groups
        .iter()
        .map(|group| {
            let policy = &group.policy;
            json!({
                "name": group.name,
                "nodes": group.nodes.addresses(),
                "crash_after": human(policy.crash_after),
                "silent_after": human(policy.silent_after),
                "hang_after": policy.hang_after.map(human),
                "probe_every": human(policy.probe_every()),
                "quorum": policy.quorum,
                "observe": policy.observe,
                "persist_roles": policy.persist_roles,
                "proxy": group.proxy,
                "proxy_replicas": group.proxy_replicas,
                "rename_commands": group.rename_commands,
                "notification_script": group.scripts.notification,
                "client_reconfig_script": group.scripts.client_reconfig,
                "username": group.credentials.as_ref().and_then(|found| found.username.clone()),
                "has_password": group.credentials.is_some(),
            })
        })
        .collect();
    let webhooks: Vec<_> = config
        .webhooks
        .iter()
        .map(|webhook| {
            json!({
                // Its path may be a secret.
                "url": webhook.url.to_string(),
                "has_token": webhook.token.is_some(),
                "events": webhook.events,
                "groups": webhook.groups,
            })
        })
        .collect();
    json!({
        "state_folder": config.state_folder,
        "report_every": human(config.report_every),
        "log_format": config.log.format,
        "log_level": config.log.level,
        "sentinel": config.sentinel.as_ref().map(sentinel),
        "http": config.http,
        "groups": groups,
        "webhooks": webhooks,
        "warnings": config.warnings,
    })
}

fn sentinel(door: &Sentinel) -> Value {
    let access = door.access.as_ref();
    json!({
        "address": door.address,
        "announce": door.announce,
        "username": access.map(|access| &access.username),
        "has_password": access.is_some(),
        "read_without_auth": access.is_none_or(|access| access.read_without_auth),
        "max_clients": door.max_clients,
        "idle_after": human(door.idle_after),
        "announce_hostnames": door.announce_hostnames,
        "replay_on_subscribe": door.replay_on_subscribe,
    })
}

fn human(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}
