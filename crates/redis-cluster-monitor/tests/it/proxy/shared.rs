//! Clients whose requests go over the same connections.

use std::io::Read as _;

use rcm_core::rule::Stage;
use redis_cluster_monitor::config::{Indeterminate, Proxy as Settings};
use redis_cluster_monitor::local::{Server, Version, wait_for};

use super::{Appointed, Wire, show, wire};
use crate::monitor::{Result, SOON, builder, check};

fn server() -> Result<Server> {
    builder(Version::System)?.start()
}

/// How many connections the server has, without the one that asks.
fn connections(server: &Server) -> Result<usize> {
    let list = server.text(&["CLIENT", "LIST", "TYPE", "normal"])?;
    Ok(list.lines().filter(|line| line.contains("id=")).count() - 1)
}

#[test]
fn many_clients_need_one_connection_and_keep_none_of_their_own() {
    check((|| {
        let server = server()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let mut clients: Vec<_> = (0..50).map(|_| appointed.client()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("CLIENT SETNAME app"), "OK");
            assert!(client.ask("INCR count").parse::<u32>().is_ok());
        }
        assert_eq!(connections(&server)?, 1);
        for client in &mut clients[..10] {
            assert_eq!(client.ask("MULTI"), "OK");
            assert_eq!(client.ask("INCR count"), "QUEUED");
            client.ask("EXEC");
        }
        assert!(connections(&server)? > 1);
        wait_for(SOON, "the end of connections that are not needed", || {
            connections(&server).is_ok_and(|count| count == 1)
        })?;
        assert_eq!(clients[0].ask("GET count"), "60");
        assert_eq!(clients[0].ask("CLIENT GETNAME"), "app");
        assert_eq!(appointed.proxy.counters().requests.get(), 50 * 2 + 30 + 2);
        Ok(())
    })());
}

#[test]
fn replies_come_in_order_to_whom_they_belong() {
    check((|| {
        let server = server()?;
        let settings = Settings {
            threads: 2,
            ..Settings::default()
        };
        let appointed = Appointed::at(server.address(), &settings);
        let mut clients: Vec<_> = (0..20).map(|_| appointed.client()).collect();
        for round in 0..50 {
            for (number, client) in clients.iter_mut().enumerate() {
                let mut requests = Vec::new();
                for step in 0..20 {
                    requests.extend(wire(&format!("ECHO {number}.{round}.{step}")));
                    if step % 7 == number % 7 && round % 5 == 0 {
                        requests.extend(wire("MULTI"));
                        requests.extend(wire("EXEC"));
                    }
                }
                client.write(&requests);
            }
            for (number, client) in clients.iter_mut().enumerate() {
                for step in 0..20 {
                    let reply = show(&client.frame());
                    assert_eq!(reply, format!("{number}.{round}.{step}"));
                    if step % 7 == number % 7 && round % 5 == 0 {
                        assert_eq!(show(&client.frame()), "OK");
                        assert_eq!(show(&client.frame()), "[]");
                    }
                }
            }
        }
        Ok(())
    })());
}

#[test]
fn users_databases_and_protocols_do_not_mix() {
    check((|| {
        let server = server()?;
        for user in ["anna", "bert"] {
            let keys = format!("~{user}:*");
            let password = format!(">{user}");
            server.text(&["ACL", "SETUSER", user, "on", &password, &keys, "+@all"])?;
        }
        let appointed = Appointed::at(server.address(), &Settings::default());
        let (mut anna, mut bert) = (appointed.client(), appointed.client());
        assert_eq!(anna.ask("AUTH anna anna"), "OK");
        assert_eq!(bert.ask("AUTH bert bert"), "OK");
        let mut anybody = appointed.client();
        let mut elsewhere = appointed.client();
        assert_eq!(elsewhere.ask("SELECT 5"), "OK");
        let mut newer = appointed.client();
        newer.send("HELLO 3");
        newer.frame();
        for _ in 0..3 {
            assert_eq!(anna.ask("SET anna:k 1"), "OK");
            let refused = bert.ask("GET anna:k");
            assert!(refused.starts_with("-NOPERM "), "{refused}");
            assert_eq!(anybody.ask("GET anna:k"), "1");
            assert_eq!(elsewhere.ask("GET anna:k"), "nil");
            assert_eq!(newer.ask("GET missing"), "nil");
        }
        assert_eq!(anybody.ask("HGETALL missing"), "[]");
        assert_eq!(newer.ask("HGETALL missing"), "Map([])");
        let mut guessing = appointed.client();
        assert!(guessing.ask("AUTH anna wrong").starts_with("-WRONGPASS "));
        assert_eq!(guessing.ask("GET anna:k"), "1");
        assert_eq!(guessing.ask("ACL WHOAMI"), "default");
        Ok(())
    })());
}

#[test]
fn a_huge_value_goes_its_own_way() {
    check((|| {
        const SIZE: usize = 64 << 20;
        let server = server()?;
        server.text(&["SETRANGE", "huge", &(SIZE - 1).to_string(), "x"])?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let (mut slow, mut other) = (appointed.client(), appointed.client());
        assert_eq!(other.ask("SET a 1"), "OK");
        slow.send("GET huge");
        slow.send("ECHO after");
        for _ in 0..100 {
            assert_eq!(other.ask("GET a"), "1");
        }
        let mut missing = format!("${SIZE}\r\n").len() + SIZE + 2;
        let mut chunk = vec![0; 1 << 16];
        while missing > 0 {
            let most = missing.min(chunk.len());
            missing -= slow.stream.read(&mut chunk[..most]).unwrap();
        }
        assert_eq!(show(&slow.frame()), "after");
        assert_eq!(appointed.proxy.counters().dropped.get(), 0);
        assert_eq!(appointed.proxy.counters().replayed.get(), 0);
        Ok(())
    })());
}

#[test]
fn who_leaves_too_much_unread_is_disconnected() {
    check((|| {
        const SIZE: usize = 64 << 20;
        let server = server()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let (mut deaf, mut other) = (appointed.client(), appointed.client());
        // A script may have written something, so its reply comes over the line.
        deaf.send(&format!("EVAL return('x'):rep({SIZE}) 0"));
        let counters = appointed.proxy.counters();
        wait_for(SOON, "the end of who does not read", || {
            counters.dropped.get() == 1
        })?;
        assert_eq!(other.ask("INCR a"), "1");
        assert_eq!(connections(&server)?, 1);
        let mut got = 0;
        let mut chunk = vec![0; 1 << 16];
        while let Ok(count @ 1..) = deaf.stream.read(&mut chunk) {
            got += count;
        }
        assert!(got < SIZE, "{got}");
        Ok(())
    })());
}

#[test]
fn what_a_user_may_not_do_is_refused_over_a_line_too() {
    check((|| {
        let server = server()?;
        let user = ["ACL", "SETUSER", "anna", "on", ">anna", "~anna:*", "+get"];
        server.text(&user)?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let mut anna = appointed.client();
        assert_eq!(anna.ask("AUTH anna anna"), "OK");
        let is_refused = |reply: String| reply.starts_with("-NOPERM ");
        // Not even a sign of life may be asked for.
        assert!(is_refused(anna.ask("PING")));
        assert_eq!(anna.ask("GET anna:k"), "nil");
        assert!(is_refused(anna.ask("SET anna:k 1")));
        server.text(&["ACL", "SETUSER", "anna", "-get"])?;
        assert!(is_refused(anna.ask("GET anna:k")));
        server.text(&["ACL", "SETUSER", "anna", "+get"])?;
        assert_eq!(anna.ask("GET anna:k"), "nil");
        Ok(())
    })());
}

#[test]
fn who_is_not_let_in_any_more_is_disconnected() {
    check((|| {
        let server = server()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let (mut anna, mut anybody) = (appointed.client(), appointed.client());
        server.text(&["ACL", "SETUSER", "anna", "on", ">old", "~*", "+@all"])?;
        assert_eq!(anna.ask("AUTH anna old"), "OK");
        assert_eq!(anna.ask("GET a"), "nil");
        assert_eq!(anybody.ask("GET a"), "nil");
        server.text(&["ACL", "SETUSER", "anna", "resetpass", ">new"])?;
        // Who is in stays in until its connection is lost.
        assert_eq!(anna.ask("GET a"), "nil");
        server.text(&["CLIENT", "KILL", "USER", "anna"])?;
        anna.send("GET a");
        assert!(anna.try_frame().is_none());
        assert_eq!(anybody.ask("GET a"), "nil");
        let mut anna = appointed.client();
        assert!(anna.ask("AUTH anna old").starts_with("-WRONGPASS "));
        assert_eq!(anna.ask("AUTH anna new"), "OK");
        assert_eq!(anna.ask("GET a"), "nil");
        Ok(())
    })());
}

#[test]
fn a_password_that_is_asked_for_is_asked_of_clients() {
    check((|| {
        let server = server()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let mut client = appointed.client();
        assert_eq!(client.ask("SET a 1"), "OK");
        let mut operator = Wire::connect(server.address());
        assert_eq!(operator.ask("CONFIG SET requirepass secret"), "OK");
        let killed = operator.ask("CLIENT KILL TYPE normal SKIPME yes");
        assert_ne!(killed, "0");
        let refused = client.ask("GET a");
        assert!(refused.starts_with("-NOAUTH "), "{refused}");
        assert_eq!(client.ask("AUTH secret"), "OK");
        assert_eq!(client.ask("GET a"), "1");
        assert_eq!(appointed.proxy.counters().dropped.get(), 0);
        Ok(())
    })());
}

#[test]
fn every_thread_is_waited_for() {
    check((|| {
        let mut server = server()?;
        let settings = Settings {
            threads: 2,
            ..Settings::default()
        };
        let appointed = Appointed::at(server.address(), &settings);
        let mut client = appointed.client();
        assert_eq!(client.ask("INCR a"), "1");
        // The system chooses the thread.
        let mut others = Vec::new();
        wait_for(SOON, "a client on the other thread", || {
            let mut other = appointed.client();
            other.ask("GET a");
            others.push(other);
            connections(&server).is_ok_and(|count| count == 2)
        })?;
        server.pause()?;
        client.send("INCR a");
        let counters = appointed.proxy.counters();
        let sent = 2 + others.len() as u64;
        wait_for(SOON, "the request", || counters.requests.get() == sent)?;
        let mut answers = appointed.ask_to_hold(Stage::Pausing);
        wait_for(SOON, "the thread that is calm", || {
            answers.retain_mut(|answer| answer.try_recv().is_err());
            answers.len() < 2
        })?;
        let last = answers.pop().expect("a reply is due");
        server.resume()?;
        assert_eq!(show(&client.frame()), "2");
        last.blocking_recv().unwrap();
        Ok(())
    })());
}

#[test]
fn who_reads_nothing_delays_nobody() {
    check((|| {
        let server = server()?;
        server.text(&["SET", "large", &"x".repeat(60_000)])?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let (mut deaf, mut other) = (appointed.client(), appointed.client());
        for _ in 0..2_000 {
            deaf.send("GET large");
        }
        for _ in 0..100 {
            assert!(other.ask("INCR a").parse::<u32>().is_ok());
        }
        assert_eq!(other.ask("GET a"), "100");
        Ok(())
    })());
}

#[test]
fn a_lost_line_cuts_off_only_who_may_have_written() {
    check((|| {
        let mut server = server()?;
        let settings = Settings {
            indeterminate: Indeterminate::Error,
            ..Settings::default()
        };
        let appointed = Appointed::at(server.address(), &settings);
        let [mut idle, mut reads, mut writes] = [(); 3].map(|()| appointed.client());
        for client in [&mut idle, &mut reads, &mut writes] {
            assert_eq!(client.ask("SET a 1"), "OK");
        }
        server.pause()?;
        reads.send("GET a");
        writes.send("INCR a");
        writes.send("ECHO after");
        let counters = appointed.proxy.counters();
        wait_for(SOON, "the requests", || counters.requests.get() == 6)?;
        server.kill();
        server.restart()?;
        assert_eq!(show(&reads.frame()), "nil");
        let unknown = show(&writes.frame());
        assert!(unknown.starts_with("-UNKNOWNOUTCOME "), "{unknown}");
        assert_eq!(show(&writes.frame()), "after");
        assert_eq!(idle.ask("GET a"), "nil");
        assert_eq!(counters.indeterminate.get(), 1);
        assert_eq!(counters.replayed.get(), 2);
        Ok(())
    })());
}

#[test]
fn replicas_are_waited_for_with_what_was_written() {
    check((|| {
        let server = server()?;
        let mut replica = server_of(&server)?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let (mut client, mut other) = (appointed.client(), appointed.client());
        assert_eq!(client.ask("SET a 1"), "OK");
        assert_eq!(client.ask("WAIT 1 20000"), "1");
        replica.pause()?;
        assert_eq!(client.ask("SET a 2"), "OK");
        assert_eq!(client.ask("WAIT 1 20"), "0");
        // Others of the same identity wait as well for what they have written.
        assert_eq!(other.ask("SET a 3"), "OK");
        assert_eq!(other.ask("WAIT 1 20"), "0");
        replica.resume()?;
        Ok(())
    })());
}

/// A replica that holds everything.
fn server_of(primary: &Server) -> Result<Server> {
    let replica = server()?;
    let address = primary.address();
    replica.text(&[
        "REPLICAOF",
        &address.ip().to_string(),
        &address.port().to_string(),
    ])?;
    wait_for(SOON, "a replica", || {
        primary.info("replication").is_ok_and(|it| {
            it.get("slave0")
                .is_some_and(|it| it.contains("state=online"))
        })
    })?;
    Ok(replica)
}

#[test]
fn what_another_connection_has_written_cannot_be_waited_for() {
    check((|| {
        let server = server()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let mut client = appointed.client();
        assert_eq!(client.ask("SET a 1"), "OK");
        assert!(client.ask("CLIENT ID").parse::<u64>().is_ok());
        let refused = client.ask("WAIT 0 0");
        assert!(
            refused.starts_with("-ERR WAIT is refused by the proxy: "),
            "{refused}"
        );
        assert_eq!(client.ask("SET a 2"), "OK");
        assert_eq!(client.ask("WAIT 0 0"), "0");
        Ok(())
    })());
}
