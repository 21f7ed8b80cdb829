//! Another server at every point of what a client does: nothing is executed twice, nothing that was
//! acknowledged is missing, and replies come in the order of the requests.

use std::sync::Arc;

use rcm_core::rule::Stage;
use redis_cluster_monitor::config::{Indeterminate, Proxy as Settings};
use redis_cluster_monitor::local::{Server, wait_for};

use super::two::Two;
use super::{Wire, show, wire};
use crate::monitor::{Result, SOON, check};

/// What a client does: requests that it sends at once, then the next ones when all are answered.
/// Both counters are counted in every transaction.
const SCRIPTS: &[&[&[&str]]] = &[
    &[
        &["MULTI"],
        &["INCR a"],
        &["INCR b"],
        &["EXEC"],
        &["INCR a", "ECHO 1"],
    ],
    &[
        &["WATCH a"],
        &["MULTI"],
        &["INCR a", "INCR b"],
        &["EXEC", "ECHO 1"],
    ],
    &[
        &["INCR a"],
        &[
            "ECHO 1", "MULTI", "INCR a", "INCR b", "EXEC", "ECHO 2", "INCR b",
        ],
    ],
    &[
        &["INCR a", "ECHO 1", "INCR a", "ECHO 2", "INCR b"],
        &["ECHO 3", "INCR a", "ECHO 4"],
    ],
    &[
        &["RPUSH jobs 1 2", "INCR a"],
        &["BLPOP jobs 1", "ECHO 1"],
        &["INCR b", "ECHO 2"],
    ],
    &[
        &["SUBSCRIBE news"],
        &["UNSUBSCRIBE news"],
        &["INCR a", "ECHO 1"],
    ],
];

/// What happens before one of the steps is sent, or while it waits.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The server cuts the connection and stays in office.
    Cut,
    /// The office is handed over.
    HandedOver,
    /// The same, after the step was sent and before it may go on.
    Held,
    /// The server stops with the step unanswered, another comes into office, and it wakes up.
    Stopped,
}

const FAULTS: &[Fault] = &[Fault::Cut, Fault::HandedOver, Fault::Held, Fault::Stopped];

#[test]
fn another_server_at_every_point_repeats_and_loses_nothing() {
    for indeterminate in [Indeterminate::Disconnect, Indeterminate::Error] {
        for share in [true, false] {
            let settings = Settings {
                indeterminate,
                share,
                ..Settings::default()
            };
            check(at_every_point(&settings));
        }
    }
}

fn at_every_point(settings: &Settings) -> Result {
    let mut two = Two::start(settings)?;
    for script in SCRIPTS {
        for point in 0..script.len() {
            for fault in FAULTS {
                let case = format!("{fault:?} at {point} of {script:?}, {settings:?}");
                let asked = Asked { script, point };
                let done = asked.run(&mut two, *fault, settings.share)?;
                done.check(&two, &case)?;
            }
        }
    }
    Ok(())
}

/// What a client does, and before which of its steps something happens.
struct Asked<'a> {
    script: &'a [&'a [&'a str]],
    point: usize,
}

/// What was asked, each with its reply unless the client was disconnected before.
struct Done(Vec<(String, Option<String>)>);

impl Asked<'_> {
    fn run(&self, two: &mut Two, fault: Fault, share: bool) -> Result<Done> {
        for server in two.servers() {
            server.text(&["FLUSHALL"])?;
        }
        let mut client = Wire::connect(two.proxy().address());
        assert_eq!(client.ask("ECHO 0"), "0");
        let mut done = Vec::new();
        for (number, step) in self.script.iter().enumerate() {
            if number == self.point {
                self.strike(two, &mut client, fault, share)?;
            } else {
                send(&mut client, step);
            }
            for request in *step {
                let reply = client.try_frame().as_ref().map(show);
                done.push(((*request).to_owned(), reply));
            }
            if matches!(done.last(), Some((_, None))) {
                break;
            }
        }
        Ok(Done(done))
    }

    /// The step is sent when this is done.
    fn strike(&self, two: &mut Two, client: &mut Wire, fault: Fault, share: bool) -> Result {
        let step = self.script[self.point];
        let counters = Arc::clone(two.proxy().counters());
        match fault {
            Fault::Cut => {
                two.cut()?;
                send(client, step);
                return Ok(());
            }
            Fault::HandedOver => {
                two.hand_over()?;
                send(client, step);
            }
            Fault::Held => {
                two.plan(Stage::CatchingUp);
                let held = counters.held.get();
                send(client, step);
                two.held(held + 1)?;
                two.hand_over()?;
            }
            Fault::Stopped => {
                let sent = counters.requests.get() + self.sent_to_a_mute_server(share);
                two.stop()?;
                send(client, step);
                wait_for(SOON, "the requests", || counters.requests.get() >= sent)?;
                two.switch();
                two.go_on()?;
            }
        }
        two.swap();
        Ok(())
    }

    /// How many requests of the step are sent to a server that answers nothing: over a shared
    /// connection none from the first on that needs another one.
    fn sent_to_a_mute_server(&self, share: bool) -> u64 {
        let is_shared = |request: &&str| {
            let name = request.split(' ').next().unwrap_or_default();
            ["ECHO", "INCR", "RPUSH"].contains(&name)
        };
        let (before, step) = (&self.script[..self.point], self.script[self.point]);
        let has_own = !share || !before.iter().flat_map(|step| *step).all(is_shared);
        let sent = step
            .iter()
            .take_while(|it| has_own || is_shared(it))
            .count();
        sent as u64
    }
}

fn send(client: &mut Wire, step: &[&str]) {
    let all: Vec<_> = step.iter().flat_map(|request| wire(request)).collect();
    client.write(&all);
}

impl Done {
    fn check(&self, two: &Two, case: &str) -> Result {
        let case = format!("{case}: {:?}", self.0);
        for (request, reply) in &self.0 {
            // Whoever reads another one's reply does not read this.
            if let (Some(text), Some(reply)) = (request.strip_prefix("ECHO "), reply) {
                assert!(reply == text || reply == "QUEUED", "{case}");
            }
        }
        for key in ["a", "b"] {
            let (least, most) = self.counted(key);
            let on = |server: &Server| server.text(&["INCRBY", key, "0"]);
            let counts = two.servers().map(on);
            let mut executed = 0;
            for count in counts {
                executed += count?.parse::<u64>().unwrap();
            }
            assert!(
                (least..=most).contains(&executed),
                "{key} was counted {executed} times, not {least} to {most}; {case}"
            );
        }
        Ok(())
    }

    /// How often a key was counted at least, by acknowledgements, and at most.
    fn counted(&self, key: &str) -> (u64, u64) {
        let (mut least, mut most, mut queued) = (0, 0, 0);
        for (request, reply) in &self.0 {
            let is_unknown = reply
                .as_ref()
                .is_none_or(|it| it.starts_with("-UNKNOWNOUTCOME"));
            let reply = reply.as_deref().unwrap_or_default();
            let count = if *request == format!("INCR {key}") {
                if reply == "QUEUED" {
                    queued += 1;
                    0
                } else {
                    1
                }
            } else if request == "EXEC" {
                std::mem::take(&mut queued)
            } else {
                0
            };
            let is_done = reply.starts_with('[') || reply.parse::<u64>().is_ok();
            least += if is_done { count } else { 0 };
            most += if is_done || is_unknown { count } else { 0 };
        }
        (least, most)
    }
}
