//! Which replicas may be read from: those that are in step with the primary in office.
//!
//! A lag in time is not told by any server. It is measured here: a replica that has applied what the
//! primary had at some moment is as new as that moment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rcm_core::id::{Epoch, Offset, RunId};
use rcm_core::time::Instant;

use crate::driver::{Roster, Server, Standing};

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
    replicas: BTreeMap<SocketAddr, Age>,
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
    /// Takes in what is known at `now`; gives the replicas that are fit, in the order of the roster.
    pub(super) fn look(&mut self, roster: &Roster, bound: Bound, now: Instant) -> Vec<SocketAddr> {
        let epoch = roster.lead.epoch;
        if std::mem::replace(&mut self.epoch, epoch) != epoch {
            // Another primary counts on from elsewhere.
            for age in self.replicas.values_mut() {
                age.next = None;
            }
        }
        let servers = &roster.servers;
        self.replicas
            .retain(|address, _| servers.iter().any(|server| server.address == *address));
        let ahead = roster.primary().and_then(|primary| primary.offset);
        let fit = servers.iter().filter(|server| {
            let age = self.replicas.entry(server.address).or_default();
            if roster.is_watched {
                age.follow(server, ahead, now);
            }
            is_in_step(server) && age.is_within(bound, now) && has_few_missing(server, bound)
        });
        fit.map(|server| server.address).collect()
    }
}

impl Age {
    fn follow(&mut self, server: &Server, ahead: Option<Offset>, now: Instant) {
        if self.process != server.process {
            *self = Self {
                process: server.process,
                ..Self::default()
            };
        }
        let (true, Some(own), Some(ahead)) = (is_in_step(server), server.offset, ahead) else {
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

fn is_in_step(server: &Server) -> bool {
    server.standing == Standing::InStep
}

fn has_few_missing(server: &Server, bound: Bound) -> bool {
    bound.bytes == 0 || server.lag.is_some_and(|lag| lag <= bound.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Lead;

    const BOUND: Bound = Bound {
        time: Duration::from_secs(3),
        bytes: 0,
    };

    fn server(port: u16, standing: Standing, offset: u64) -> Server {
        Server {
            address: SocketAddr::from(([10, 0, 0, 1], port)),
            process: None,
            standing,
            offset: Some(Offset(offset)),
            lag: None,
        }
    }

    fn group(primary: u64, replica: u64) -> Roster {
        Roster {
            lead: Lead {
                epoch: Epoch(1),
                ..Lead::default()
            },
            is_watched: true,
            servers: vec![
                server(1, Standing::Primary, primary),
                server(2, Standing::InStep, replica),
            ],
        }
    }

    fn is_fit(ages: &mut Ages, roster: &Roster, at: u64) -> bool {
        let fit = ages.look(roster, BOUND, Instant::from_millis(at));
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
    fn only_who_receives_the_primary_s_stream_is_fit() {
        let mut ages = Ages::default();
        let mut roster = group(100, 100);
        for (at, standing) in [Standing::InStep, Standing::Astray, Standing::InStep]
            .into_iter()
            .enumerate()
        {
            roster.servers[1].standing = standing;
            let found = is_fit(&mut ages, &roster, at as u64);
            assert_eq!(found, standing == Standing::InStep, "{at}");
        }
    }

    #[test]
    fn a_replica_grows_old_while_nobody_looks() {
        let mut ages = Ages::default();
        let mut roster = group(100, 100);
        assert!(is_fit(&mut ages, &roster, 1000));
        roster.is_watched = false;
        assert!(is_fit(&mut ages, &roster, 4000));
        assert!(!is_fit(&mut ages, &roster, 4001));
        roster.is_watched = true;
        assert!(is_fit(&mut ages, &roster, 4002));
    }

    #[test]
    fn another_process_or_primary_is_measured_anew() {
        let mut ages = Ages::default();
        assert!(is_fit(&mut ages, &group(100, 100), 0));
        assert!(is_fit(&mut ages, &group(1000, 100), 1));
        let mut roster = group(500, 400);
        roster.lead.epoch = Epoch(2);
        assert!(is_fit(&mut ages, &roster, 2000));
        roster.servers[0].offset = Some(Offset(600));
        roster.servers[1].offset = Some(Offset(500));
        assert!(is_fit(&mut ages, &roster, 4000));
        roster.servers[1].process = "f".repeat(40).parse().ok();
        assert!(roster.servers[1].process.is_some());
        assert!(!is_fit(&mut ages, &roster, 4001));
    }

    #[test]
    fn bytes_are_bounded_beside_time() {
        let bound = Bound { bytes: 10, ..BOUND };
        for (lag, count) in [(None, 0), (Some(10), 1), (Some(11), 0)] {
            let mut roster = group(100, 100);
            roster.servers[1].lag = lag;
            let fit = Ages::default().look(&roster, bound, Instant::from_millis(0));
            assert_eq!(fit.len(), count, "{lag:?}");
        }
    }
}
