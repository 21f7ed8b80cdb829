//! The nodes of a group in Sentinel's words: names, order and units of the fields are its own.
//!
//! All values are texts, also the numbers; times are ages in milliseconds.

use std::fmt::Display;
use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::observation::Failure;
use rcm_core::rule::Stage;
use rcm_core::status::{MonitorStatus, NodeStatus, Status};
use rcm_core::time::Instant;
use rcm_resp::Frame;

use super::house::{Group, House, id_of, replicas};
use super::reply::{text, word};

/// What Sentinel has unless told otherwise; nothing here ends a failover after a time.
const FAILOVER_TIMEOUT: &str = "180000";
/// What a server has unless told otherwise, for a replica that has not been asked yet.
const PRIORITY: u32 = 100;

struct Fields(Vec<(Frame, Frame)>);

impl Fields {
    fn add(&mut self, name: &'static str, value: impl Display) {
        self.0.push((word(name), text(format!("{value}"))));
    }

    fn age(&mut self, name: &'static str, now: Instant, then: Option<Instant>) {
        self.add(name, age(now, then).as_millis());
    }
}

/// What never happened is as old as can be shown.
fn age(now: Instant, then: Option<Instant>) -> Duration {
    then.map_or(now.since(Instant::ZERO), |then| now.since(then))
}

/// The primary of a group; `None` while it is not known.
pub(super) fn primary(
    house: &House,
    group: &Group,
    status: &Status,
    now: Instant,
) -> Option<Frame> {
    let node = status.primary_node()?;
    let mut fields = head(house, group, status, node, now, Some(status));
    let others = replicas(status).count();
    fields.add("config-epoch", status.epoch);
    fields.add("num-slaves", others);
    fields.add("num-other-sentinels", status.monitors.len());
    fields.add("quorum", status.quorum);
    fields.add("failover-timeout", FAILOVER_TIMEOUT);
    // All are brought back at once.
    fields.add("parallel-syncs", others.max(1));
    Some(Frame::Map(fields.0))
}

/// A node of a group that is not its primary.
pub(super) fn replica(
    house: &House,
    group: &Group,
    status: &Status,
    node: &NodeStatus,
    now: Instant,
) -> Frame {
    let mut fields = head(house, group, status, node, now, None);
    let reports = node.reports.as_ref();
    let upstream = reports.and_then(|reports| reports.following.as_ref());
    let down_since = upstream.and_then(|upstream| upstream.down_since);
    let down_for = down_since.map_or(Duration::ZERO, |since| now.since(since));
    let link_up = upstream.is_some_and(|upstream| upstream.link_up);
    fields.add("master-link-down-time", down_for.as_millis());
    fields.add("master-link-status", if link_up { "ok" } else { "err" });
    fields.add("master-host", upstream.map_or("?", |it| it.address.host()));
    fields.add("master-port", upstream.map_or(0, |it| it.address.port()));
    fields.add(
        "slave-priority",
        upstream.map_or(PRIORITY, |it| it.priority),
    );
    fields.add("slave-repl-offset", node.offset.unwrap_or_default());
    fields.add("replica-announced", 1);
    Frame::Map(fields.0)
}

/// Another monitor of a group; `None` if nobody can ask it anything.
pub(super) fn monitor(group: &Group, monitor: &MonitorStatus) -> Option<Frame> {
    let address = group.company.sentinel_of(&monitor.id)?;
    let id = id_of(&monitor.id);
    let mut fields = Fields(Vec::with_capacity(14));
    fields.add("name", &id);
    fields.add("ip", address.ip());
    fields.add("port", address.port());
    fields.add("runid", &id);
    let flags = if monitor.alive {
        "sentinel"
    } else {
        "s_down,sentinel,disconnected"
    };
    fields.add("flags", flags);
    fields.add("link-pending-commands", 0);
    fields.add("link-refcount", 1);
    // They do not ask each other: a store tells each of them who lives.
    for ping in ["last-ping-sent", "last-ok-ping-reply", "last-ping-reply"] {
        fields.add(ping, 0);
    }
    let down_after = group.policy.borrow().hang_after(None);
    fields.add("down-after-milliseconds", down_after.as_millis());
    fields.add("last-hello-message", 0);
    // A lease decides who acts, and no vote.
    fields.add("voted-leader", "?");
    fields.add("voted-leader-epoch", 0);
    Some(Frame::Map(fields.0))
}

/// What primaries and replicas have in common; `primary_of` is the group of a primary.
fn head(
    house: &House,
    group: &Group,
    status: &Status,
    node: &NodeStatus,
    now: Instant,
    primary_of: Option<&Status>,
) -> Fields {
    let address = house.announced(node);
    let role = if primary_of.is_some() {
        "master"
    } else {
        "slave"
    };
    let heard = group.memory.heard(&node.address);
    let mut fields = Fields(Vec::with_capacity(24));
    match primary_of {
        Some(status) => fields.add("name", &status.group),
        None => fields.add("name", &address),
    }
    fields.add("ip", address.host());
    fields.add("port", address.port());
    fields.add(
        "runid",
        node.run_id.map_or_else(String::new, |id| id.to_string()),
    );
    fields.add(
        "flags",
        flags(node, role, status.stage, primary_of.is_some()),
    );
    fields.add("link-pending-commands", 0);
    fields.add("link-refcount", 1);
    if let Some(state) = primary_of.and_then(|status| failover_state(status.stage)) {
        fields.add("failover-state", state);
    }
    let unanswered = node
        .failing_since
        .map_or(Duration::ZERO, |since| now.since(since));
    fields.add("last-ping-sent", unanswered.as_millis());
    fields.age("last-ok-ping-reply", now, heard.answered_at);
    fields.age("last-ping-reply", now, heard.answered_at);
    if node.down {
        fields.add("s-down-time", unanswered.as_millis());
        if primary_of.is_some() {
            fields.add("o-down-time", unanswered.as_millis());
        }
    }
    let down_after = group.policy.borrow().hang_after(None);
    fields.add("down-after-milliseconds", down_after.as_millis());
    fields.age("info-refresh", now, heard.info_at);
    let reports = node.reports.as_ref();
    let reported = match reports.map(|reports| reports.following.is_some()) {
        Some(true) => "slave",
        Some(false) => "master",
        None => role,
    };
    fields.add("role-reported", reported);
    fields.age("role-reported-time", now, reports.and_then(|it| it.since));
    fields
}

/// Client libraries read from them whom they may use.
fn flags(node: &NodeStatus, role: &'static str, stage: Stage, in_office: bool) -> String {
    let cut_off = match node.failure {
        Some(
            Failure::Refused
            | Failure::Closed
            | Failure::Silent
            | Failure::NotRedis
            | Failure::Unresolved,
        ) => true,
        Some(
            Failure::Mute
            | Failure::Busy
            | Failure::Unauthorised
            | Failure::Forbidden
            | Failure::TurnedAway
            | Failure::Local,
        ) => false,
        None => node.reports.is_none(),
    };
    let flags = [
        ("s_down", node.down),
        ("o_down", node.down && in_office),
        (role, true),
        ("disconnected", cut_off),
        ("failover_in_progress", in_office && stage != Stage::Idle),
    ];
    let set = flags
        .into_iter()
        .filter_map(|(flag, is)| is.then_some(flag));
    set.collect::<Vec<_>>().join(",")
}

/// Where a failover stands, while there is one.
pub(super) const fn failover_state(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Idle => None,
        Stage::Claiming => Some("wait_start"),
        Stage::Resuming
        | Stage::Approaching
        | Stage::Pausing
        | Stage::CatchingUp
        | Stage::Examining
        | Stage::Sealing => Some("select_slave"),
        Stage::Intending => Some("send_slaveof_noone"),
        Stage::Promoting => Some("wait_promotion"),
        Stage::Committing | Stage::Opening => Some("update_config"),
    }
}

/// `type name ip port`, and for others than primaries `@` and their primary: how events name a
/// node.
pub(super) fn instance(group: &str, primary: &Address, node: Option<&Address>) -> String {
    let (host, port) = (primary.host(), primary.port());
    match node {
        None => format!("master {group} {host} {port}"),
        Some(node) => format!(
            "slave {node} {} {} @ {group} {host} {port}",
            node.host(),
            node.port()
        ),
    }
}
