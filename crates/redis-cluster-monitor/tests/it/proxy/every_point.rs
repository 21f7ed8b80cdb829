//! Another server at every point of what a client does: nothing is executed twice, nothing that was
//! acknowledged is missing, and replies come in the order of the requests.

use std::sync::Arc;

use rcm_core::rule::Stage;
use redis_cluster_monitor::config::{Indeterminate, Proxy as Settings};
use redis_cluster_monitor::local::{Server, wait_for};

use super::switch::Two;
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
        check((|| {
            let settings = Settings {
                indeterminate,
                ..Settings::default()
            };
            let mut two = Two::start(&settings)?;
            for script in SCRIPTS {
                for point in 0..script.len() {
                    for fault in FAULTS {
                        let case = format!("{fault:?} at {point} of {script:?}, {indeterminate:?}");
                        let done = run(&mut two, script, point, *fault)?;
                        done.check(&two, &case)?;
                    }
                }
            }
            Ok(())
        })());
    }
}

/// What was asked, each with its reply unless the client was disconnected before.
struct Done(Vec<(String, Option<String>)>);

fn run(two: &mut Two, script: &[&[&str]], point: usize, fault: Fault) -> Result<Done> {
    for server in two.servers() {
        server.text(&["FLUSHALL"])?;
    }
    let mut client = Wire::connect(two.proxy().address());
    assert_eq!(client.ask("ECHO 0"), "0");
    let mut done = Vec::new();
    for (number, step) in script.iter().enumerate() {
        if number == point {
            strike(two, &mut client, step, fault)?;
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
fn strike(two: &mut Two, client: &mut Wire, step: &[&str], fault: Fault) -> Result {
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
            let sent = counters.requests.get() + step.len() as u64;
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
