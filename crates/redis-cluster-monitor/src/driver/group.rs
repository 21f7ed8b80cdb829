//! The loop of one group: one input, then everything that comes of it, then wait.

use std::sync::Arc;

use rcm_core::engine::{Engine, Input};
use rcm_core::event::Event;
use rcm_core::lease::Lease;
use rcm_core::request::{Refusal, Request};
use rcm_core::status::Status;
use rcm_core::time::Instant;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::Events;
use super::agreed::Agreed;
use super::executor::Executor;
use super::heartbeat::Heartbeat;
use super::peers::Peers;
use crate::clock::Clock;
use crate::store::{Leadership, Membership};
use crate::telemetry;

/// A request, and where its answer goes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Result<Events, Refusal>>,
}

pub(super) struct Group {
    engine: Engine,
    executor: Executor,
    clock: Clock,
    heartbeat: Heartbeat,
    gaps_seen: u64,
    store_trouble: watch::Receiver<Option<String>>,
    membership: Membership,
    peers: Peers,
    agreed: Agreed,
    /// What the engine was told last of its lease.
    lease: Lease,
}

impl Group {
    #[expect(clippy::too_many_arguments, reason = "one for each that it listens to")]
    pub(super) const fn new(
        engine: Engine,
        executor: Executor,
        clock: Clock,
        heartbeat: Heartbeat,
        store_trouble: watch::Receiver<Option<String>>,
        membership: Membership,
        peers: Peers,
        agreed: Agreed,
    ) -> Self {
        Self {
            engine,
            executor,
            clock,
            heartbeat,
            gaps_seen: 0,
            store_trouble,
            membership,
            peers,
            agreed,
            lease: Lease::NotHeld,
        }
    }

    pub(super) async fn run(
        mut self,
        publisher: watch::Sender<Arc<Status>>,
        events: broadcast::Sender<Arc<Event>>,
        mut requests: mpsc::Receiver<Asked>,
    ) {
        let Some(inbox) = self.executor.take_inbox() else {
            return;
        };
        let (mut outcomes, mut observations, mut calm) = inbox;
        if self.peers.are_known() {
            let input = self.look_at_peers();
            self.handle(input, &publisher, &events);
        }
        let mut input = self.look_at_lease();
        loop {
            self.handle(input, &publisher, &events);
            let deadline = self.clock.until(self.next_deadline());
            input = tokio::select! {
                // What is known goes before what is only feared: a reply that waits to be read
                // must not lose against a timer.
                biased;
                Some((id, outcome)) = outcomes.recv() => Input::Outcome { id, outcome },
                // Who else is there must be known before anything is begun.
                () = self.peers.changed() => {
                    let input = self.look_at_peers();
                    self.handle(input, &publisher, &events);
                    self.look_at_lease()
                }
                Ok(()) = self.membership.leadership.changed() => self.look_at_lease(),
                Ok(()) = self.membership.opinions.changed() => self.look_at_peers(),
                Ok(()) = self.membership.stored.changed() => {
                    let revision = *self.membership.stored.borrow_and_update();
                    Input::Stored { revision }
                }
                () = self.agreed.changed() => self.look_at_settings(),
                Some(pause) = calm.recv() => {
                    self.executor.all_are_calm(pause);
                    Input::Tick
                }
                Some(observation) = observations.recv() => {
                    self.executor.note(&observation);
                    Input::Observation(observation)
                }
                Some(asked) = requests.recv() => {
                    self.begin(asked, &events);
                    Input::Tick
                }
                Ok(()) = self.store_trouble.changed() => {
                    Input::Store { trouble: self.store_trouble.borrow_and_update().clone() }
                }
                () = tokio::time::sleep_until(deadline) => Input::Tick,
            };
        }
    }

    /// The right to act, as it is now; never before it is known who else is there.
    fn look_at_lease(&mut self) -> Input {
        let now = self.clock.now();
        self.membership.leadership.mark_unchanged();
        self.lease = match self.membership.leadership_at(now) {
            Leadership::Alone => Lease::HeldSince(now),
            Leadership::Until(_) if self.peers.are_known() => Lease::Granted,
            Leadership::Until(_) | Leadership::None => Lease::NotHeld,
        };
        Input::Lease(self.lease)
    }

    /// The other monitors, and what they see.
    fn look_at_peers(&mut self) -> Input {
        let opinions = self.membership.opinions.borrow_and_update();
        self.peers.with(&opinions)
    }

    /// What the operators have agreed on, if that is something else.
    fn look_at_settings(&mut self) -> Input {
        let Some(input) = self.agreed.look() else {
            return Input::Tick;
        };
        self.executor.retime();
        input
    }

    /// When the engine wants to see the time, or its lease is over.
    fn next_deadline(&self) -> Instant {
        let due = self.engine.next_deadline();
        match *self.membership.leadership.borrow() {
            Leadership::Until(until) if self.lease == Lease::Granted => due.min(until),
            Leadership::Until(_) | Leadership::Alone | Leadership::None => due,
        }
    }

    /// What comes of it leaves with the next input.
    fn begin(&mut self, Asked { request, answer }: Asked, events: &broadcast::Sender<Arc<Event>>) {
        self.tell_lease_end();
        self.tell_lateness();
        let begun = self.engine.request(self.clock.now(), &request);
        // Who asked may have gone away.
        answer.send(begun.map(|()| events.subscribe())).ok();
    }

    fn handle(
        &mut self,
        input: Input,
        publisher: &watch::Sender<Arc<Status>>,
        events: &broadcast::Sender<Arc<Event>>,
    ) {
        self.tell_lease_end();
        self.tell_lateness();
        self.engine.handle(self.clock.now(), input);
        while let Some(action) = self.engine.poll_action() {
            self.executor.execute(action, &self.membership);
        }
        self.publish(publisher);
        while let Some(event) = self.engine.poll_event() {
            telemetry::event(&self.engine.status().group, &event);
            // Nobody needs to listen.
            events.send(Arc::new(event)).ok();
        }
    }

    /// Goes before everything else: after a pause of this process somebody else may be acting.
    fn tell_lease_end(&mut self) {
        let now = self.clock.now();
        let is_over = self.membership.leadership_at(now) == Leadership::None;
        if self.lease == Lease::Granted && is_over {
            self.lease = Lease::NotHeld;
            self.engine.handle(now, Input::Lease(self.lease));
        }
    }

    /// Goes before what was seen: what could not be heard is no evidence.
    fn tell_lateness(&mut self) {
        let now = self.clock.now();
        if let Some(by) = self.heartbeat.lateness(now, &mut self.gaps_seen) {
            self.engine.handle(now, Input::Late { by });
        }
    }

    fn publish(&self, publisher: &watch::Sender<Arc<Status>>) {
        let status = self.engine.status();
        publisher.send_if_modified(|published| {
            let changed = **published != *status;
            if changed {
                *published = Arc::new(status.clone());
            }
            changed
        });
    }
}
