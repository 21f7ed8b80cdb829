//! The simulated side.

use std::time::Duration;

use rcm_core::id::Address;
use rcm_sim::stage::{Stage, Version};

use crate::side::{Deed, Failed, Said, Side, Wait};

/// After this nothing moves any more: longer than a full synchronisation and the crons.
const QUIET: Duration = Duration::from_secs(5);

pub(crate) struct Simulated {
    stage: Stage,
    nodes: usize,
}

impl Simulated {
    pub(crate) fn new(version: Version, nodes: usize) -> Self {
        Self {
            stage: Stage::new(version, nodes),
            nodes,
        }
    }

    pub(crate) fn settle(&mut self) {
        self.stage.pass(QUIET);
    }

    /// Lets time pass until a node is in this state.
    pub(crate) fn reaches(&mut self, node: usize, is_so: impl Fn(&Said) -> bool) -> bool {
        self.stage.pass_until(|stage| is_so(&said(stage, node)))
    }
}

fn said(stage: &Stage, node: usize) -> Said {
    Said {
        replication: stage.replication(node),
        syncs: stage.syncs(node),
        holds_keys: stage.holds_keys(node),
    }
}

impl Side for Simulated {
    fn act(&mut self, node: usize, deed: Deed) -> Result<String, Failed> {
        let stage = &mut self.stage;
        match deed {
            Deed::Start(start) => stage.start(node, start.settings),
            Deed::Restart => stage.restart(node),
            Deed::RestartEmpty => stage.restart_empty(node),
            Deed::Kill => stage.kill(node),
            Deed::Save => stage.save(node),
            Deed::Pause => stage.pause(node),
            Deed::Resume => stage.resume(node),
            Deed::Follow(target) => return Ok(word(stage.follow(node, target))),
            Deed::Write(bytes) => return Ok(word(stage.write(node, bytes))),
            Deed::SendWrite(bytes) => stage.send_write(node, bytes),
            Deed::SendSeal => stage.send_seal(node),
            Deed::Cut => stage.cut(node),
            Deed::LoseSilently => stage.lose_silently(node),
            Deed::Wait {
                replicas,
                timeout,
                how,
            } => {
                let count = match how {
                    Wait::OfTheWriter => stage.wait(node, replicas, timeout, false),
                    Wait::Fresh => stage.wait(node, replicas, timeout, true),
                    Wait::InTransaction => stage.count(node),
                };
                return Ok(count.to_string());
            }
        }
        Ok(word(Ok(())))
    }

    fn look(&mut self, node: usize) -> Option<Said> {
        self.stage.answers(node).then(|| said(&self.stage, node))
    }

    fn node_at(&self, address: &Address) -> Option<usize> {
        (0..self.nodes).find(|&node| self.stage.address(node) == address)
    }
}

/// The code of an error, or `ok`.
fn word(answer: Result<(), &'static str>) -> String {
    answer.err().unwrap_or("ok").to_owned()
}
