//! How groups are, as JSON.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::StatusCode;
use rcm_core::id::{GroupName, MonitorId};
use rcm_core::status::{MonitorStatus, Status};
use serde::Serialize;
use serde_json::{Value, json};

use super::Group;
use crate::proxy::Counters;

/// The published snapshot, who watches the group, and what happened at its proxies.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    status: &'a Status,
    /// Who answers.
    monitor: &'a MonitorId,
    /// The monitor that acts, if one does.
    leader: Option<MonitorId>,
    /// The others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    monitors: Vec<Other<'a>>,
    proxies: Vec<Value>,
}

/// Another monitor.
#[derive(Serialize)]
struct Other<'a> {
    #[serde(flatten)]
    status: &'a MonitorStatus,
    /// Where its Sentinel API can be reached.
    sentinel: Option<SocketAddr>,
}

/// One group, with everything.
pub(super) fn whole(group: &Group) -> Value {
    let (status, company) = (group.snapshot(), &group.company);
    let others = status.monitors.iter().map(|status| Other {
        status,
        sentinel: company.sentinel_of(&status.id),
    });
    json!(Whole {
        status: &status,
        monitor: &company.me,
        leader: company.leader(),
        monitors: others.collect(),
        proxies: group.proxies.iter().map(proxy).collect(),
    })
}

/// All groups, in one line each.
pub(super) fn list(groups: &[Group]) -> Value {
    let lines: Vec<_> = groups.iter().map(line).collect();
    json!({ "groups": lines })
}

fn line(group: &Group) -> Value {
    let status = group.snapshot();
    json!({
        "group": status.group,
        "epoch": status.epoch,
        "primary": status.primary,
        "verdict": status.verdict,
        "replicas": status.replicas(),
    })
}

/// What happened at a proxy.
pub(super) fn proxy((address, counters): &(SocketAddr, Arc<Counters>)) -> Value {
    json!({
        "address": address,
        "clients": counters.clients(),
        "accepted": counters.accepted.get(),
        "turned_away": counters.turned_away.get(),
        "requests": counters.requests.get(),
        "held": counters.held.get(),
        "held_micros": counters.held_micros.get(),
        "expired": counters.expired.get(),
        "replayed": counters.replayed.get(),
        "indeterminate": counters.indeterminate.get(),
        "moved": counters.moved.get(),
        "dropped": counters.dropped.get(),
    })
}

/// Whether everybody can be served: nobody is named who cannot.
pub(super) fn readiness(unready: &[GroupName]) -> (StatusCode, Value) {
    if unready.is_empty() {
        return (StatusCode::OK, json!({ "status": "ready" }));
    }
    let body = json!({ "status": "not-ready", "groups": unready });
    (StatusCode::SERVICE_UNAVAILABLE, body)
}

/// Which groups have no agreed primary, or are not served.
pub(super) fn unready(groups: &[Group]) -> Vec<GroupName> {
    let unready = groups.iter().filter(|group| {
        let status = group.snapshot();
        status.primary.is_none() || status.halted
    });
    unready.map(|group| group.name.clone()).collect()
}
