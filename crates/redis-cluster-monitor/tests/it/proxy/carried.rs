//! What a client's connection takes along to another server, and what cannot be taken along.

use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::{Version, wait_for};

use super::show;
use super::two::Two;
use crate::monitor::{SOON, builder, check};

#[test]
fn an_open_transaction_fails() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("MULTI"), "OK");
        assert_eq!(client.ask("SET a 1"), "QUEUED");
        two.switch();
        assert_eq!(client.ask("SET b 2"), "QUEUED");
        let aborted = client.ask("EXEC");
        assert!(aborted.starts_with("-EXECABORT "), "{aborted}");
        assert_eq!(client.ask("MGET a b"), "[nil nil]");
        assert_eq!(client.ask("MULTI"), "OK");
        assert_eq!(client.ask("SET b 3"), "QUEUED");
        assert_eq!(client.ask("EXEC"), "[OK]");
        assert_eq!(two.new.text(&["GET", "b"])?, "3");
        Ok(())
    })());
}

#[test]
fn watched_keys_count_as_changed() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("WATCH a"), "OK");
        assert_eq!(client.ask("GET a"), "nil");
        two.switch();
        for reply in ["nil", "[OK]"] {
            assert_eq!(client.ask("MULTI"), "OK");
            assert_eq!(client.ask("SET a 1"), "QUEUED");
            assert_eq!(client.ask("EXEC"), reply);
        }
        assert_eq!(client.ask("WATCH a"), "OK");
        assert_eq!(client.ask("UNWATCH"), "OK");
        Ok(())
    })());
}

#[test]
fn a_request_that_waits_goes_on_where_nothing_was_taken() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        client.send("BLPOP jobs 0");
        wait_for(SOON, "a blocked client", || {
            let clients = two.old.info("clients");
            clients.is_ok_and(|it| it["blocked_clients"] == "1")
        })?;
        two.hand_over()?;
        two.new.text(&["RPUSH", "jobs", "job"])?;
        assert_eq!(show(&client.frame()), "[jobs job]");
        assert_eq!(two.appointed.proxy.counters().replayed.get(), 1);
        Ok(())
    })());
}

#[test]
fn a_request_that_may_have_taken_something_is_not_repeated() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let (mut takes, mut reads) = (two.appointed.client(), two.appointed.client());
        takes.send("BLPOP jobs 0");
        reads.send("XREAD BLOCK 0 STREAMS stream 0");
        wait_for(SOON, "blocked clients", || {
            two.old
                .info("clients")
                .is_ok_and(|it| it["blocked_clients"] == "2")
        })?;
        two.switch();
        assert!(takes.try_frame().is_none());
        two.new.text(&["XADD", "stream", "1-1", "k", "v"])?;
        assert_eq!(show(&reads.frame()), "[[stream [[1-1 [k v]]]]]");
        Ok(())
    })());
}

#[test]
fn the_connection_is_the_same_on_another_server() {
    check((|| {
        let server = builder(Version::System)?.password("secret");
        let two = Two::of(&server, &Settings::default())?;
        let mut client = two.appointed.client();
        let refused = client.ask("GET a");
        assert!(refused.starts_with("-NOAUTH "), "{refused}");
        assert_eq!(client.ask("AUTH secret"), "OK");
        assert_eq!(client.ask("SELECT 5"), "OK");
        assert_eq!(client.ask("CLIENT SETNAME app"), "OK");
        client.send("HELLO 3");
        client.frame();
        assert_eq!(client.ask("CLIENT TRACKING ON"), "OK");
        assert_eq!(client.ask("GET a"), "nil");
        assert_eq!(client.ask("SUBSCRIBE one two"), ">[subscribe one 1]");
        assert_eq!(show(&client.frame()), ">[subscribe two 2]");
        assert_eq!(client.ask("PSUBSCRIBE t*"), ">[psubscribe t* 3]");
        two.switch();
        // Nobody can say which of its keys have changed.
        assert_eq!(show(&client.frame()), ">[invalidate nil]");
        assert_eq!(client.ask("SET a 1"), "OK");
        assert_eq!(client.ask("CLIENT GETNAME"), "app");
        assert_eq!(client.ask("UNSUBSCRIBE one"), ">[unsubscribe one 2]");
        two.new.text(&["PUBLISH", "one", "unheard"])?;
        two.new.text(&["PUBLISH", "two", "heard"])?;
        assert_eq!(show(&client.frame()), ">[message two heard]");
        assert_eq!(show(&client.frame()), ">[pmessage t* two heard]");
        assert_eq!(client.ask("SELECT 0"), "OK");
        assert_eq!(client.ask("GET a"), "nil");
        Ok(())
    })());
}

#[test]
fn an_old_subscription_goes_on_too() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("PSUBSCRIBE n*"), "[psubscribe n* 1]");
        assert_eq!(client.ask("SSUBSCRIBE part"), "[ssubscribe part 1]");
        assert_eq!(client.ask("PING"), "[pong ]");
        two.switch();
        wait_for(SOON, "subscriptions on the other server", || {
            let reached = two.new.text(&["PUBLISH", "news", "1"]);
            reached.is_ok_and(|it| it == "1")
        })?;
        assert_eq!(show(&client.frame()), "[pmessage n* news 1]");
        two.new.text(&["SPUBLISH", "part", "2"])?;
        assert_eq!(show(&client.frame()), "[smessage part 2]");
        assert_eq!(client.ask("PUNSUBSCRIBE"), "[punsubscribe n* 0]");
        assert_eq!(client.ask("SUNSUBSCRIBE"), "[sunsubscribe part 0]");
        assert_eq!(client.ask("SET a 1"), "OK");
        Ok(())
    })());
}
