//! Where requests go: a small value per thread, made of the group's status.
//!
//! Decided here: when requests may be sent, and when the primary of before is another one's past.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::{Address, Epoch};
use rcm_core::rule::Stage;
use rcm_core::status::Status;
use rcm_core::verdict::{Response, Verdict};
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::room::Room;
use crate::driver::{AskedToHold, Calm};

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

/// Follows the status of one group on one thread.
pub(super) struct Guide {
    status: watch::Receiver<Arc<Status>>,
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
        status: watch::Receiver<Arc<Status>>,
        asked: AskedToHold,
        stop: watch::Receiver<bool>,
        route: watch::Sender<Route>,
        room: Rc<Room>,
    ) -> Self {
        Self {
            status,
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
                changed = self.status.changed() => if changed.is_err() {
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
        let status = Arc::clone(&self.status.borrow_and_update());
        let stopping = *self.stop.borrow_and_update();
        let mut next = Route {
            gate: Gate::of(&status),
            stopping,
            ..*self.route.borrow()
        };
        if let Some(primary) = &status.primary {
            let is_other = self
                .known
                .as_ref()
                .is_none_or(|(known, _)| known != primary);
            if is_other {
                // At once: what the old one says counts no longer.
                next.tenure += 1;
                next.handed_over = self.was_handed_over(&status);
                next.primary = None;
            }
            self.known = Some((primary.clone(), status.epoch));
            if next.primary.is_none() {
                let gate = Gate::Closed;
                let waiting = Route { gate, ..next };
                self.route.send_if_modified(|route| replace(route, waiting));
                next.primary = resolve(primary).await;
            }
        }
        self.unresolved = status.primary.is_some() && next.primary.is_none();
        if next.primary.is_none() {
            next.gate = Gate::Closed;
        }
        self.route.send_if_modified(|route| replace(route, next));
    }

    /// Whether the primary that was known handed over to the one in office, and to nobody between.
    fn was_handed_over(&self, status: &Status) -> bool {
        let before = self.known.as_ref().map(|(_, epoch)| epoch.next());
        status.handed_over == Some(status.epoch) && before == Some(status.epoch)
    }
}

fn replace(route: &mut Route, next: Route) -> bool {
    let changed = *route != next;
    *route = next;
    changed
}

impl Gate {
    /// Until a planned switchover has claimed its epoch, nothing changes for clients.
    fn of(status: &Status) -> Self {
        let at_rest = match status.stage {
            Stage::Idle => true,
            Stage::Claiming | Stage::Approaching => status.verdict == Verdict::Healthy,
            Stage::Resuming
            | Stage::Pausing
            | Stage::CatchingUp
            | Stage::Examining
            | Stage::Sealing
            | Stage::Intending
            | Stage::Promoting
            | Stage::Committing
            | Stage::Opening => false,
        };
        let is_lost = status.verdict.calls_for() == Response::FailOver
            || matches!(status.verdict, Verdict::NoCandidate | Verdict::ColdStart);
        if !at_rest || is_lost {
            Self::Closed
        } else if status.verdict.calls_for() == Response::LookCloser {
            Self::Ajar
        } else {
            Self::Open
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_while_there_is_no_primary_to_take_them() {
        let status = |verdict, stage| Status {
            verdict,
            stage,
            ..Status::unknown("mymaster".parse().unwrap())
        };
        for (verdict, stage, gate) in [
            (Verdict::Healthy, Stage::Idle, Gate::Open),
            (Verdict::PrimarySuspected, Stage::Idle, Gate::Ajar),
            (Verdict::RivalPrimary, Stage::Idle, Gate::Open),
            (Verdict::Healthy, Stage::Claiming, Gate::Open),
            (Verdict::Healthy, Stage::Approaching, Gate::Open),
            (Verdict::PrimaryCrashed, Stage::Approaching, Gate::Closed),
            (Verdict::Healthy, Stage::Pausing, Gate::Closed),
            (Verdict::Healthy, Stage::Committing, Gate::Closed),
            (Verdict::PrimaryCrashed, Stage::Claiming, Gate::Closed),
            (Verdict::PrimaryCrashed, Stage::Idle, Gate::Closed),
            (Verdict::NoCandidate, Stage::Idle, Gate::Closed),
            (Verdict::ColdStart, Stage::Idle, Gate::Closed),
        ] {
            assert_eq!(
                Gate::of(&status(verdict, stage)),
                gate,
                "{verdict} {stage:?}"
            );
        }
    }
}
