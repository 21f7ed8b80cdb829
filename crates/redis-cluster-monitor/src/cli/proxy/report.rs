//! What happened at a proxy beside an application, in one line every so often.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::GroupName;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::driver::Roster;
use crate::proxy::Counters;
use crate::proxy::monitors::Monitors;

/// Sums up the doors of a proxy.
pub(super) struct Report {
    group: GroupName,
    roster: watch::Receiver<Roster>,
    doors: Vec<Door>,
}

/// A door, and what had happened there at the last line.
struct Door {
    /// Who comes there: one, and several.
    guests: (&'static str, &'static str),
    counters: Arc<Counters>,
    before: Vec<u64>,
}

impl Report {
    pub(super) fn new(
        monitors: &Monitors,
        to_primary: Option<Arc<Counters>>,
        to_replicas: Option<Arc<Counters>>,
    ) -> Self {
        let door = |guests, counters: Option<Arc<Counters>>| {
            counters.map(|counters| Door {
                guests,
                before: numbers(&counters).map(|(number, _)| number).collect(),
                counters,
            })
        };
        let doors = [
            door(("client", "clients"), to_primary),
            door(("reader", "readers"), to_replicas),
        ];
        Self {
            group: monitors.group().clone(),
            roster: monitors.roster(),
            doors: doors.into_iter().flatten().collect(),
        }
    }

    /// Logs a line every so often; never if there is no period.
    pub(super) async fn run(mut self, every: Duration) {
        if every.is_zero() {
            return std::future::pending().await;
        }
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let group = self.group.as_str();
            let roster = self.roster.borrow().clone();
            let mut text = office(&roster);
            for door in &mut self.doors {
                door.sum_up(&mut text);
            }
            text.push('.');
            if roster.is_watched && roster.lead.primary.is_some() {
                tracing::info!(group, code = "summary", "{text}");
            } else {
                tracing::warn!(group, code = "summary", "{text}");
            }
        }
    }
}

/// Who is served, and whether somebody says so.
fn office(roster: &Roster) -> String {
    let lead = &roster.lead;
    match &lead.primary {
        Some(primary) if roster.is_watched => format!("{primary} is served, epoch {}", lead.epoch),
        Some(primary) => format!(
            "no monitor answers, {primary} is served on, epoch {}",
            lead.epoch
        ),
        None => "no monitor has named a primary".to_owned(),
    }
}

impl Door {
    fn sum_up(&mut self, text: &mut String) {
        let clients = self.counters.clients();
        let (one, several) = self.guests;
        let guests = if clients == 1 { one } else { several };
        let mut add = |words: &str| write!(text, "{words}").expect("a string takes all");
        add(&format!("; {clients} {guests}"));
        let now: Vec<_> = numbers(&self.counters).collect();
        for ((number, what), before) in now.iter().zip(&self.before) {
            let since = number - before;
            if since > 0 {
                add(&format!(", {since} {what}"));
            }
        }
        self.before = now.into_iter().map(|(number, _)| number).collect();
    }
}

/// What is told if it happened since the last line.
fn numbers(counters: &Counters) -> impl Iterator<Item = (u64, &'static str)> {
    [
        (counters.requests.get(), "requests"),
        (counters.held.get(), "held"),
        (counters.expired.get(), "expired"),
        (counters.replayed.get(), "asked again"),
        (counters.indeterminate.get(), "of unknown outcome"),
        (counters.moved.get(), "moved"),
        (counters.dropped.get(), "disconnected"),
        (counters.turned_away.get(), "turned away"),
    ]
    .into_iter()
}
