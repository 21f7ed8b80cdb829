//! The loop of one group: one input, then everything that comes of it, then wait.

use std::sync::Arc;

use rcm_core::engine::{Engine, Input};
use rcm_core::event::Event;
use rcm_core::lease::Lease;
use rcm_core::request::{Refusal, Request};
use rcm_core::status::Status;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::Events;
use super::executor::Executor;
use super::heartbeat::Heartbeat;
use crate::clock::Clock;
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
}

impl Group {
    pub(super) const fn new(
        engine: Engine,
        executor: Executor,
        clock: Clock,
        heartbeat: Heartbeat,
        store_trouble: watch::Receiver<Option<String>>,
    ) -> Self {
        Self {
            engine,
            executor,
            clock,
            heartbeat,
            gaps_seen: 0,
            store_trouble,
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
        // The file store's lock is the lease: it is held for as long as the process lives.
        let mut input = Input::Lease(Lease::HeldSince(self.clock.now()));
        loop {
            self.handle(input, &publisher, &events);
            let deadline = self.clock.until(self.engine.next_deadline());
            input = tokio::select! {
                // What is known goes before what is only feared: a reply that waits to be read
                // must not lose against a timer.
                biased;
                Some((id, outcome)) = outcomes.recv() => Input::Outcome { id, outcome },
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

    /// What comes of it leaves with the next input.
    fn begin(&mut self, Asked { request, answer }: Asked, events: &broadcast::Sender<Arc<Event>>) {
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
        self.tell_lateness();
        self.engine.handle(self.clock.now(), input);
        while let Some(action) = self.engine.poll_action() {
            self.executor.execute(action);
        }
        self.publish(publisher);
        while let Some(event) = self.engine.poll_event() {
            telemetry::event(&self.engine.status().group, &event);
            // Nobody needs to listen.
            events.send(Arc::new(event)).ok();
        }
    }

    /// Goes before everything else: what could not be heard is no evidence.
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
