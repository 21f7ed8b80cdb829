//! Who sees to an event, and what becomes of it while the monitor is not scheduled.

use rcm_core::engine::Input;

use super::{Event, World};
use crate::trace::{S, Time};

impl World {
    pub(super) fn happen(&mut self, event: Event) {
        if let Some(incarnation) = event.is_for_monitor() {
            if incarnation != self.monitor.incarnation || self.monitor.engine.is_none() {
                return;
            }
            if self.monitor.paused_until > self.now {
                let at = self.monitor.paused_until;
                return self.schedule_late(at, event);
            }
        }
        match event {
            Event::StartMonitor => self.start_monitor(),
            Event::Tick { due, .. } => self.on_tick(due),
            Event::Observe { observation, .. } => self.input(Input::Observation(observation)),
            Event::Outcome { id, outcome, .. } => self.input(Input::Outcome { id, outcome }),
            Event::Overdue { node, id, .. } => self.on_overdue(node, id),
            Event::Link { node, serial, .. } => self.on_link(node, serial),
            Event::Connect(attempt) => self.on_connect(attempt),
            Event::Unheard(attempt) => self.on_unheard(attempt),
            Event::Down(id) => self.on_down(id),
            Event::Up(id) => self.on_up(id),
            Event::Store {
                incarnation,
                id,
                call,
            } => self.on_store(incarnation, id, call),
            Event::Cron { node, process } => self.on_cron(node, process),
            Event::Attempt {
                node,
                process,
                attempt,
            } => self.on_attempt(node, process, attempt),
            Event::Continued(id) => self.on_continued(id),
            Event::Received(id) => self.on_received(id),
            Event::Loaded { node, process } => self.on_loaded(node, process),
            Event::Deliver(id) => self.on_deliver(id),
            Event::Apply { node, process } => self.on_apply(node, process),
            Event::Save(node) => self.on_save(node),
            Event::Client(client) => self.on_client(client),
            Event::Packet {
                node,
                process,
                client,
                bytes,
            } => {
                self.on_client_packet(node, process, client, bytes);
            }
            Event::Fault { place, subject } => self.on_fault(place, subject),
            Event::Undo(place, node) => self.on_undo(place, node),
            Event::Restart {
                node,
                process,
                disk,
            } => self.restart(node, process, disk),
            Event::Ended { node, process } => self.on_ended(node, process),
            Event::Resume { node, process } => self.resume(node, process),
            Event::Wake { node, process } => self.on_wake(node, process),
            Event::ScriptEnds { node, process } => self.on_script_ends(node, process),
            Event::Strict(event) => self.happen_strictly(event),
            Event::Heal => {
                self.heal();
                self.schedule(self.now + S, Event::Check);
            }
            Event::Check => self.on_check(),
        }
    }

    /// What the monitor could not see to while it was not scheduled.
    fn schedule_late(&mut self, at: Time, event: Event) {
        // A timer knows its time by its event, so it has to be told the new one.
        if let Event::Link { node, serial, .. } = event {
            self.link_late(node, serial, at);
        }
        self.schedule(at, event);
    }
}
