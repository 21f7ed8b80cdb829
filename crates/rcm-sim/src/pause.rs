//! `CLIENT PAUSE WRITE`: what clients write meanwhile waits in the server.

use crate::node::Process;
use crate::strict::WriteId;
use crate::trace::Time;
use crate::world::{Event, World};

/// A server that keeps writes waiting.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    until: Time,
    waiting: Vec<Waiting>,
}

#[derive(Clone, Copy, Debug)]
enum Waiting {
    Write {
        client: usize,
        bytes: u64,
    },
    /// Of a client that waits for replicas (strict mode).
    Batch(WriteId),
}

impl World {
    pub(crate) fn pause_writes(&mut self, node: usize, within: Time) {
        let until = self.now + within;
        let server = &mut self.servers[node];
        let waiting = server.pause.take().map(|pause| pause.waiting);
        let waiting = waiting.unwrap_or_default();
        server.pause = Some(Pause { until, waiting });
        let process = server.process;
        self.note([33, node as u64, 0], |world| {
            format!("{} lets writes wait", world.name(node))
        });
        self.schedule(until, Event::PauseOver { node, process });
    }

    /// A write has been read: it is executed, or waits.
    pub(crate) fn on_write(&mut self, node: usize, client: usize, bytes: u64) {
        match &mut self.servers[node].pause {
            Some(pause) => pause.waiting.push(Waiting::Write { client, bytes }),
            None => self.on_client_write(node, client, bytes),
        }
    }

    /// The same of a client that waits for replicas.
    pub(crate) fn on_batch_read(&mut self, node: usize, write: WriteId) {
        match &mut self.servers[node].pause {
            Some(pause) => pause.waiting.push(Waiting::Batch(write)),
            None => self.execute_batch(node, write),
        }
    }

    /// The writes that waited are executed.
    pub(crate) fn end_pause(&mut self, node: usize) {
        let Some(pause) = self.servers[node].pause.take() else {
            return;
        };
        self.note([34, node as u64, 0], |world| {
            format!(
                "{} lets {} writes go on",
                world.name(node),
                pause.waiting.len()
            )
        });
        for waiting in pause.waiting {
            match waiting {
                Waiting::Write { client, bytes } => self.on_client_write(node, client, bytes),
                Waiting::Batch(write) => self.execute_batch(node, write),
            }
        }
    }

    pub(crate) fn on_pause_over(&mut self, node: usize, process: Process) {
        let server = &self.servers[node];
        let is_over = server
            .pause
            .as_ref()
            .is_some_and(|pause| pause.until <= self.now);
        if server.up && server.process == process && is_over {
            self.end_pause(node);
        }
    }
}
