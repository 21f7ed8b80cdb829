//! Who sees to an event, and what becomes of it while a monitor is not scheduled.

use rcm_core::engine::Input;

use super::{Event, Ours, World};
use crate::monitor::{Incarnation, Who};
use crate::trace::{MS, S, Time};

impl World {
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::StartMonitor(who) => self.start_monitor(who),
            Event::Ours(incarnation, ours) => self.happen_to(incarnation, ours),
            Event::Down(id) => self.on_down(id),
            Event::Up(id) => self.on_up(id),
            Event::Store(asked) => self.on_store(asked),
            Event::Lapse(who) => self.on_lapse(who),
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
            Event::Left(id) => self.on_left(id),
            Event::Acknowledged { stream, offset } => self.on_acknowledged(stream, offset),
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
            Event::Undo(place, node) => {
                self.truth.disturbed_at = self.now;
                self.on_undo(place, node);
            }
            Event::Restart {
                node,
                process,
                disk,
            } => {
                self.truth.disturbed_at = self.now;
                self.restart(node, process, disk);
            }
            Event::Ended { node, process } => self.on_ended(node, process),
            Event::Resume { node, process } => {
                self.truth.disturbed_at = self.now;
                self.resume(node, process);
            }
            Event::Request { who, request } => self.request(who, request),
            Event::PauseOver { node, process } => self.on_pause_over(node, process),
            Event::Wake { node, process } => self.on_wake(node, process),
            Event::ScriptEnds { node, process } => self.on_script_ends(node, process),
            Event::AddressTaken {
                node,
                process,
                leads,
            } => {
                self.truth.disturbed_at = self.now;
                self.on_address_taken(node, process, leads);
            }
            Event::StrangerComes(node) => self.on_stranger_comes(node),
            Event::Strict(event) => self.happen_strictly(event),
            Event::Heal => {
                self.check_before_healing();
                self.heal();
                self.schedule(self.now + S, Event::Check);
            }
            Event::Check => self.on_check(),
        }
    }

    fn happen_to(&mut self, incarnation: Incarnation, ours: Ours) {
        let Some(who) = self.running(incarnation) else {
            return;
        };
        let paused_until = self.monitors[who].paused_until;
        if paused_until > self.now {
            return self.schedule_late(who, paused_until, ours);
        }
        match ours {
            Ours::Tick { due } => self.on_tick(who, due),
            Ours::Observe(observation) => self.input(who, Input::Observation(observation)),
            Ours::Outcome { id, outcome } => self.input(who, Input::Outcome { id, outcome }),
            Ours::Overdue { node, id } => self.on_overdue(who, node, id),
            Ours::Link { node, serial } => self.on_link(who, node, serial),
            Ours::Connect(attempt) => self.on_connect(who, attempt),
            Ours::Unheard(attempt) => self.on_unheard(who, attempt),
            Ours::LeaseDue => self.ask_for_lease(who),
            Ours::Granted { asked_at } => self.on_granted(who, asked_at),
            Ours::LeaseEnds { until } => self.on_lease_ends(who, until),
            Ours::Told { revision } => self.on_told(who, revision),
            Ours::News(news) => self.on_news(who, news),
            Ours::Membership => self.on_membership(who),
            Ours::WatchAgain => self.on_watch_again(who),
        }
    }

    /// What a monitor could not see to while it was not scheduled.
    fn schedule_late(&mut self, who: Who, mut at: Time, ours: Ours) {
        if let Ours::Link { node, serial } = ours {
            // A timer knows its time by its event, so it has to be told the new one.
            self.link_late(who, node, serial, at);
        } else if let Ours::Overdue { .. } = ours {
            // What has arrived meanwhile is read before it, or after it.
            at += self.rng.pick(&[0, 1]);
        } else if let Ours::LeaseEnds { .. } = ours {
            // Whoever wakes has other things to see to, too.
            at += self.rng.pick(&[0, 0, MS, 20 * MS, 200 * MS]);
        }
        self.schedule_for(who, at, ours);
    }
}
