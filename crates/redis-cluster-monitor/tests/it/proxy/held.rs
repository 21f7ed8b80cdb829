//! Requests that wait while it is not known where they belong.

use std::time::Duration;

use rcm_core::rule::Stage;
use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::wait_for;

use super::two::Two;
use super::{show, wire};
use crate::monitor::{SOON, check};

#[test]
fn requests_wait_while_a_plan_is_under_way() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("SET a 1"), "OK");
        two.appointed.plan(Stage::Sealing);
        client.send("SET a 2");
        client.send("GET a");
        two.held(1)?;
        assert_eq!(two.old.text(&["GET", "a"])?, "1");
        two.switch();
        assert_eq!(show(&client.frame()), "OK");
        assert_eq!(show(&client.frame()), "2");
        assert_eq!(two.new.text(&["GET", "a"])?, "2");
        Ok(())
    })());
}

#[test]
fn nobody_waits_for_ever() {
    check((|| {
        let settings = Settings {
            hold_for: Duration::from_millis(300),
            ..Settings::default()
        };
        let two = Two::start(&settings)?;
        let mut client = two.appointed.client();
        two.appointed.plan(Stage::Sealing);
        for request in ["SET a 1", "GET a"] {
            let expired = client.ask(request);
            assert!(expired.starts_with("-NOPRIMARY "), "{expired}");
        }
        let mut transaction = two.appointed.client();
        transaction.write(&[wire("MULTI"), wire("SET a 1")].concat());
        assert!(show(&transaction.frame()).starts_with("-NOPRIMARY "));
        assert!(transaction.try_frame().is_none());
        assert_eq!(two.appointed.proxy.counters().expired.get(), 3);
        two.appointed.publish(|status| status.stage = Stage::Idle);
        wait_for(SOON, "an answer", || client.ask("GET a") == "nil")
    })());
}

#[test]
fn writes_are_paused_when_nothing_is_on_its_way() {
    check((|| {
        let mut two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("INCR a"), "1");
        two.old.pause()?;
        client.send("INCR a");
        let counters = two.appointed.proxy.counters();
        wait_for(SOON, "the request", || counters.requests.get() == 2)?;
        let mut other = two.appointed.client();
        let mut reached = two.appointed.ask_to_hold(Stage::Pausing).remove(0);
        // It needs a connection of its own, and so waits even before the stage is known.
        other.send("CONFIG RESETSTAT");
        two.held(1)?;
        let mut third = two.appointed.client();
        third.send("INCR a");
        two.held(2)?;
        assert!(reached.try_recv().is_err(), "a reply is due");
        two.old.resume()?;
        assert_eq!(show(&client.frame()), "2");
        reached.blocking_recv().unwrap();
        two.switch();
        assert_eq!(show(&other.frame()), "OK");
        assert_eq!(show(&third.frame()), "1");
        Ok(())
    })());
}
