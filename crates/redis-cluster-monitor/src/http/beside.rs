//! What a proxy beside an application is asked: whether it knows a primary, and what happened there.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::StatusCode;
use rcm_core::id::GroupName;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::view;
use crate::driver::Roster;
use crate::proxy::Counters;
use crate::proxy::monitors::{Hearing, Monitors};

/// A proxy without a monitor, as the door knows it.
#[derive(Clone, Debug)]
pub struct Beside {
    group: GroupName,
    roster: watch::Receiver<Roster>,
    hearing: Hearing,
    /// Where each of its doors listens, and what happened there.
    proxies: Vec<(SocketAddr, Arc<Counters>)>,
}

impl Beside {
    /// What these monitors lead.
    pub fn of(monitors: &Monitors, proxies: Vec<(SocketAddr, Arc<Counters>)>) -> Self {
        Self {
            group: monitors.group().clone(),
            roster: monitors.roster(),
            hearing: monitors.hearing(),
            proxies,
        }
    }

    /// Ready is who can pass requests on.
    pub(super) fn readiness(&self) -> (StatusCode, Value) {
        view::readiness(match self.roster.borrow().lead.primary {
            Some(_) => &[],
            None => std::slice::from_ref(&self.group),
        })
    }

    /// Everything.
    pub(super) fn whole(&self) -> Value {
        let lead = self.roster.borrow().lead.clone();
        let monitors = self.hearing.all().into_iter();
        let monitors =
            monitors.map(|(address, followed)| json!({ "address": address, "followed": followed }));
        json!({
            "group": self.group,
            "epoch": lead.epoch,
            "primary": lead.primary,
            "outlook": lead.outlook.word(),
            "monitors": monitors.collect::<Vec<_>>(),
            "proxies": self.proxies.iter().map(view::proxy).collect::<Vec<_>>(),
        })
    }
}
