//! Which replicas may be read from: those that are in step with the primary in office.
//!
//! A lag in time is not told by any server. It is measured here: a replica that has applied what the
//! primary had at some moment is as new as that moment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rcm_core::id::{Address, Epoch, Offset, RunId};
use rcm_core::status::{NodeRole, NodeStatus, Status};
use rcm_core::time::Instant;

/// How far a replica may be behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    /// Zero is as old as it likes.
    pub(super) time: Duration,
    /// Zero is as many as it likes.
    pub(super) bytes: u64,
}

/// How new each replica is.
#[derive(Debug, Default)]
pub(super) struct Ages {
    epoch: Epoch,
    replicas: BTreeMap<Address, Age>,
}

#[derive(Debug, Default)]
struct Age {
    process: Option<RunId>,
    /// It held everything that the primary had at this moment.
    as_of: Option<Instant>,
    /// What the primary had at a later moment.
    next: Option<(Offset, Instant)>,
}

impl Ages {
    /// Takes in what is known at `now`; gives the replicas that are fit, in the order of the status.
    pub(super) fn look(&mut self, status: &Status, bound: Bound, now: Instant) -> Vec<SocketAddr> {
        if std::mem::replace(&mut self.epoch, status.epoch) != status.epoch {
            // Another primary counts on from elsewhere.
            for age in self.replicas.values_mut() {
                age.next = None;
            }
        }
        let nodes = &status.nodes;
        self.replicas
            .retain(|address, _| nodes.iter().any(|node| node.address == *address));
        if status.halted {
            return Vec::new();
        }
        let ahead = status.primary_node().and_then(|primary| primary.offset);
        let fit = nodes.iter().filter(|node| {
            let age = self.replicas.entry(node.address.clone()).or_default();
            age.follow(node, ahead, now);
            is_in_step(node) && age.is_within(bound, now) && has_few_missing(node, bound)
        });
        fit.filter_map(socket).collect()
    }
}

impl Age {
    fn follow(&mut self, node: &NodeStatus, ahead: Option<Offset>, now: Instant) {
        if self.process != node.run_id {
            *self = Self {
                process: node.run_id,
                ..Self::default()
            };
        }
        let (true, Some(own), Some(ahead)) = (is_in_step(node), node.offset, ahead) else {
            return;
        };
        if own >= ahead {
            self.as_of = Some(now);
            self.next = None;
            return;
        }
        match self.next {
            Some((offset, at)) if own >= offset => {
                self.as_of = Some(at);
                self.next = Some((ahead, now));
            }
            Some(_) => {}
            None => self.next = Some((ahead, now)),
        }
    }

    fn is_within(&self, bound: Bound, now: Instant) -> bool {
        bound.time.is_zero()
            || self
                .as_of
                .is_some_and(|as_of| now.since(as_of) <= bound.time)
    }
}

/// It answers, and receives the stream of the primary in office.
fn is_in_step(node: &NodeStatus) -> bool {
    node.role == NodeRole::Replica && node.failure.is_none() && !node.down
}

fn has_few_missing(node: &NodeStatus, bound: Bound) -> bool {
    bound.bytes == 0 || node.lag.is_some_and(|lag| lag <= bound.bytes)
}

/// Where a node is; its name was resolved by whoever asked it.
pub(super) fn socket(node: &NodeStatus) -> Option<SocketAddr> {
    let endpoint = node.endpoint();
    Some(SocketAddr::new(endpoint.ip()?, endpoint.port()))
}

#[cfg(test)]
mod tests {
    use rcm_core::observation::Failure;

    use super::*;

    const BOUND: Bound = Bound {
        time: Duration::from_secs(3),
        bytes: 0,
    };

    fn node(port: u16, role: NodeRole, offset: u64) -> NodeStatus {
        NodeStatus {
            address: Address::new("10.0.0.1", port),
            ip: None,
            listed: true,
            run_id: None,
            version: None,
            role,
            reports: None,
            failure: None,
            failing_since: None,
            down: false,
            offset: Some(Offset(offset)),
            lag: None,
            acknowledges: false,
        }
    }

    fn group(primary: u64, replica: u64) -> Status {
        Status {
            epoch: Epoch(1),
            primary: Some(Address::new("10.0.0.1", 1)),
            nodes: vec![
                node(1, NodeRole::Primary, primary),
                node(2, NodeRole::Replica, replica),
            ],
            ..Status::unknown("mymaster".parse().unwrap())
        }
    }

    fn is_fit(ages: &mut Ages, status: &Status, at: u64) -> bool {
        let fit = ages.look(status, BOUND, Instant::from_millis(at));
        assert!(fit.len() <= 1);
        fit.len() == 1
    }

    #[test]
    fn a_replica_is_as_new_as_what_it_holds() {
        let mut ages = Ages::default();
        for (at, primary, replica, fit) in [
            // It was never seen in step.
            (0, 100, 50, false),
            (1000, 200, 90, false),
            // It has what the primary had at 0.
            (2000, 300, 150, true),
            // What the primary had at 2000 is missing.
            (3000, 400, 299, true),
            (3001, 400, 299, false),
            (5001, 500, 300, false),
            (5100, 600, 500, true),
            // It has everything, and nothing comes.
            (6000, 600, 600, true),
            (60_000, 600, 600, true),
            (70_000, 700, 600, false),
        ] {
            let found = is_fit(&mut ages, &group(primary, replica), at);
            assert_eq!(found, fit, "at {at}");
        }
    }

    #[test]
    fn only_who_answers_and_receives_the_primary_s_stream_is_fit() {
        let changes: [fn(&mut Status); 6] = [
            |status| status.nodes[1].role = NodeRole::Detached,
            |status| status.nodes[1].role = NodeRole::Rival,
            |status| status.nodes[1].role = NodeRole::Unknown,
            |status| status.nodes[1].failure = Some(Failure::Mute),
            |status| status.nodes[1].down = true,
            |status| status.halted = true,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut ages = Ages::default();
            let mut status = group(100, 100);
            assert!(is_fit(&mut ages, &status, 0));
            change(&mut status);
            assert!(!is_fit(&mut ages, &status, 1), "{number}");
        }
    }

    #[test]
    fn another_process_or_primary_is_measured_anew() {
        let mut ages = Ages::default();
        assert!(is_fit(&mut ages, &group(100, 100), 0));
        assert!(is_fit(&mut ages, &group(1000, 100), 1));
        let mut status = group(500, 400);
        status.epoch = Epoch(2);
        assert!(is_fit(&mut ages, &status, 2000));
        status.nodes[0].offset = Some(Offset(600));
        status.nodes[1].offset = Some(Offset(500));
        assert!(is_fit(&mut ages, &status, 4000));
        status.nodes[1].run_id = "f".repeat(40).parse().ok();
        assert!(status.nodes[1].run_id.is_some());
        assert!(!is_fit(&mut ages, &status, 4001));
    }

    #[test]
    fn bytes_are_bounded_beside_time() {
        let bound = Bound { bytes: 10, ..BOUND };
        for (lag, count) in [(None, 0), (Some(10), 1), (Some(11), 0)] {
            let mut status = group(100, 100);
            status.nodes[1].lag = lag;
            let fit = Ages::default().look(&status, bound, Instant::from_millis(0));
            assert_eq!(fit.len(), count, "{lag:?}");
        }
    }
}
