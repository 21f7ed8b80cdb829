//! Where requests go: a small value per thread, made of what is known of the group.
//!
//! Decided here: when requests may be sent, and when the primary of before is another one's past.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rcm_core::id::{Address, Epoch};
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::room::Room;
use super::source::Source;
use crate::driver::{AskedToHold, Calm, Lead, Outlook};

/// Where requests go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) primary: Option<SocketAddr>,
    /// Counts the primaries: a connection of another tenure is not listened to any more.
    pub(super) tenure: u64,
    /// The tenure began with a switchover that went as planned: what the primary before had not
    /// answered then, it did not execute.
    pub(super) handed_over: bool,
    pub(super) gate: Gate,
    /// No more requests are taken, clients leave.
    pub(super) stopping: bool,
}

/// Whether requests may be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    #[default]
    Closed,
    /// They may, and something speaks against the primary.
    Ajar,
    Open,
}

/// How long a name server is waited for.
const RESOLVED_WITHIN: Duration = Duration::from_secs(1);
/// How long after that it is asked again.
const RESOLVE_AGAIN: Duration = Duration::from_millis(500);

/// Follows one group on one thread.
pub(super) struct Guide {
    source: Source,
    asked: AskedToHold,
    stop: watch::Receiver<bool>,
    route: watch::Sender<Route>,
    room: Rc<Room>,
    /// The primary that the route leads to, and the epoch that said so.
    known: Option<(Address, Epoch)>,
    unresolved: bool,
}

impl Guide {
    pub(super) fn new(
        source: Source,
        asked: AskedToHold,
        stop: watch::Receiver<bool>,
        route: watch::Sender<Route>,
        room: Rc<Room>,
    ) -> Self {
        Self {
            source,
            asked,
            stop,
            route,
            room,
            known: None,
            unresolved: false,
        }
    }

    /// Publishes the route until the proxy is dropped.
    pub(super) async fn run(mut self) {
        let mut calm: Option<Calm> = None;
        loop {
            self.follow().await;
            if self.room.is_calm()
                && let Some(calm) = calm.take()
            {
                calm.reached();
            }
            tokio::select! {
                changed = self.source.changed() => if changed.is_err() {
                    // The group is watched no longer: it stays where it is.
                    return std::future::pending().await;
                },
                Some(asked) = self.asked.recv() => calm = Some(asked),
                () = self.room.calmed(), if calm.is_some() => {}
                changed = self.stop.changed() => if changed.is_err() {
                    return;
                },
                () = sleep(RESOLVE_AGAIN), if self.unresolved => {}
            }
        }
    }

    async fn follow(&mut self) {
        let lead = self.source.lead();
        let stopping = *self.stop.borrow_and_update();
        let mut next = Route {
            gate: lead.outlook.into(),
            stopping,
            ..*self.route.borrow()
        };
        if let Some(primary) = &lead.primary {
            let is_other = self
                .known
                .as_ref()
                .is_none_or(|(known, _)| known != primary);
            if is_other {
                // At once: what the old one says counts no longer.
                next.tenure += 1;
                next.handed_over = self.was_handed_over(&lead);
                next.primary = None;
            }
            self.known = Some((primary.clone(), lead.epoch));
            if next.primary.is_none() {
                let gate = Gate::Closed;
                let waiting = Route { gate, ..next };
                self.route.send_if_modified(|route| replace(route, waiting));
                next.primary = resolve(primary).await;
            }
        }
        self.unresolved = lead.primary.is_some() && next.primary.is_none();
        if next.primary.is_none() {
            next.gate = Gate::Closed;
        }
        self.route.send_if_modified(|route| replace(route, next));
    }

    /// Whether the primary that was known handed over to the one in office, and to nobody between.
    fn was_handed_over(&self, lead: &Lead) -> bool {
        let before = self.known.as_ref().map(|(_, epoch)| epoch.next());
        lead.handed_over == Some(lead.epoch) && before == Some(lead.epoch)
    }
}

fn replace(route: &mut Route, next: Route) -> bool {
    let changed = *route != next;
    *route = next;
    changed
}

impl From<Outlook> for Gate {
    fn from(outlook: Outlook) -> Self {
        match outlook {
            Outlook::Open => Self::Open,
            Outlook::Suspected => Self::Ajar,
            Outlook::Lost | Outlook::Changing => Self::Closed,
        }
    }
}

async fn resolve(address: &Address) -> Option<SocketAddr> {
    if let Some(ip) = address.ip() {
        return Some(SocketAddr::new(ip, address.port()));
    }
    let found = timeout(
        RESOLVED_WITHIN,
        lookup_host((address.host(), address.port())),
    )
    .await;
    match found {
        Ok(Ok(mut found)) => found.next(),
        Ok(Err(_)) | Err(_) => None,
    }
}
