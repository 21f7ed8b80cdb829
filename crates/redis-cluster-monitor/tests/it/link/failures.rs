//! The classes of failures, as real servers and listeners make them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rcm_core::action::Pace;
use rcm_core::id::Address;
use rcm_core::observation::{Failure, Seen};
use redis_cluster_monitor::local::{Binary, Server, Version, wait_for};

use crate::eyes::{Eyes, Result, SOON, address, check, on_every_version, password, settings};

on_every_version! {
    a_killed_node_closes_then_refuses_then_comes_back_as_another
    a_stopped_node_is_mute_but_accepts_and_lives_again
    a_node_that_refuses_us_is_not_gone
    a_node_busy_with_a_script_says_so
}

async fn a_killed_node_closes_then_refuses_then_comes_back_as_another(version: Version) -> Result {
    let mut server = Server::start(&Binary::of(version)?)?;
    let mut eyes = Eyes::on(&server);
    let run_id = |seen: &Seen| match seen {
        Seen::Identity(identity) => Some(identity.run_id),
        _ => None,
    };
    let first = eyes.find("the first process", |it| run_id(&it.seen)).await;

    let killed_at = eyes.clock.now();
    server.kill();
    let closed = eyes.failure(Failure::Closed).await;
    let refused = eyes.failure(Failure::Refused).await;
    assert!(closed.at >= killed_at && refused.at >= closed.at);

    server.restart()?;
    let second = eyes.find("the second process", |it| run_id(&it.seen)).await;
    assert_ne!(first, second);
    eyes.replication().await;
    Ok(())
}

async fn a_stopped_node_is_mute_but_accepts_and_lives_again(version: Version) -> Result {
    let mut server = Server::start(&Binary::of(version)?)?;
    let mut eyes = Eyes::on(&server);
    eyes.replication().await;

    let stopped_at = eyes.clock.now();
    server.pause()?;
    eyes.pace.send_replace(Pace::Suspicion);
    let mute = eyes.failure(Failure::Mute).await;
    assert!(mute.at >= stopped_at);
    assert!(mute.at.since(mute.asked_at) >= Duration::from_millis(60));
    let again = eyes
        .find("accepted on a fresh connection", |observation| {
            (observation.seen == Seen::Accepted).then_some(observation.at)
        })
        .await;
    assert!(again >= mute.at);
    eyes.failure(Failure::Mute).await;

    server.resume()?;
    let alive = eyes.find("alive", |observation| {
        let lives = matches!(observation.seen, Seen::Alive | Seen::Replication(_));
        lives.then_some(observation.at)
    });
    assert!(alive.await > mute.at);
    eyes.replication().await;
    Ok(())
}

async fn a_node_that_refuses_us_is_not_gone(version: Version) -> Result {
    let binary = Binary::of(version)?;
    let server = Server::builder(&binary).password("se cret").start()?;
    let mut eyes = Eyes::on(&server);
    eyes.failure(Failure::Unauthorised).await;

    let mut wrong = settings();
    wrong.credentials = Some(password("wrong"));
    let mut eyes = Eyes::open(address(&server), wrong);
    eyes.failure(Failure::Unauthorised).await;

    let mut right = settings();
    right.credentials = Some(password("se cret"));
    let mut eyes = Eyes::open(address(&server), right.clone());
    eyes.replication().await;

    server.text(&["ACL", "SETUSER", "eye", "on", ">x", "+@all", "-info"])?;
    let mut credentials = password("x");
    credentials.username = Some("eye".to_owned());
    right.credentials = Some(credentials);
    let mut eyes = Eyes::open(address(&server), right);
    eyes.failure(Failure::Forbidden).await;

    let full = Server::builder(&binary).set("maxclients", &["1"]).start()?;
    // The connection that saw it start may take the only place for a moment longer.
    let let_in = || {
        let mut client = full.client().ok()?;
        client.text(&["PING"]).ok().map(|_| client)
    };
    let mut only = None;
    wait_for(SOON, "a client in the only place", || {
        only = let_in();
        only.is_some()
    })?;
    let mut eyes = Eyes::on(&full);
    eyes.failure(Failure::TurnedAway).await;
    Ok(())
}

async fn a_node_busy_with_a_script_says_so(version: Version) -> Result {
    let server = Server::builder(&Binary::of(version)?)
        .set("lua-time-limit", &["100"])
        .start()?;
    let mut eyes = Eyes::on(&server);
    eyes.replication().await;
    eyes.pace.send_replace(Pace::Suspicion);
    let mut client = server.client()?;
    let script = thread::spawn(move || client.command(&["EVAL", "while true do end", "0"]));
    eyes.failure(Failure::Busy).await;
    // Also somebody who meets it only now.
    let mut late = Eyes::on(&server);
    late.failure(Failure::Busy).await;
    server.text(&["SCRIPT", "KILL"])?;
    eyes.replication().await;
    late.replication().await;
    assert!(script.join().is_ok());
    Ok(())
}

#[test]
fn something_else_is_no_redis() {
    check(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = [0; 64];
                if stream.read(&mut request).is_ok() {
                    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
                }
            }
        });
        let mut eyes = Eyes::open(Address::new("127.0.0.1", port), settings());
        eyes.failure(Failure::NotRedis).await;
        Ok(())
    });
}

#[test]
fn a_sentinel_is_no_node() {
    check(async {
        let sentinel = Server::builder(&Binary::find()?).sentinel().start()?;
        let mut eyes = Eyes::on(&sentinel);
        eyes.failure(Failure::NotRedis).await;
        Ok(())
    });
}

#[test]
fn names_are_resolved_or_not() {
    check(async {
        let server = Server::start(&Binary::find()?)?;
        let mut eyes = Eyes::open(Address::new("no-such-host.invalid", 6379), settings());
        eyes.failure(Failure::Unresolved).await;

        // It may mean an address of either kind, and the server listens on only one.
        let mut eyes = Eyes::open(Address::new("localhost", server.port()), settings());
        let ip = eyes.find("127.0.0.1", |observation| match observation.seen {
            Seen::Resolved(ip) if ip == server.address().ip() => Some(ip),
            _ => None,
        });
        ip.await;
        eyes.replication().await;
        Ok(())
    });
}

#[test]
fn a_listener_that_never_answers_is_mute_and_not_flooded() {
    check(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut eyes = Eyes::open(Address::new("127.0.0.1", port), settings());
        let mut accepted = Vec::new();
        while accepted.len() < 7 {
            let at = eyes.find("a connect", |it| {
                (it.seen == Seen::Accepted).then_some(it.at)
            });
            accepted.push(at.await);
        }
        let took = accepted[6].since(accepted[0]);
        assert!(took >= Duration::from_millis(900), "7 connects in {took:?}");
        Ok(())
    });
}

#[test]
fn a_dying_listener_is_followed_until_it_refuses() {
    check(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let dying = thread::spawn(move || {
            for _ in 0..20 {
                drop(listener.accept());
            }
        });
        let mut eyes = Eyes::open(Address::new("127.0.0.1", port), settings());
        eyes.failure(Failure::Refused).await;
        assert!(dying.join().is_ok());
        Ok(())
    });
}

/// A listener whose queue is full: the kernel drops further attempts to connect without a word.
fn silent_listener() -> (TcpListener, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let within = Duration::from_millis(100);
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, within) {
        queued.push(stream);
    }
    (listener, queued)
}

#[test]
fn a_host_that_says_nothing_is_silent() {
    check(async {
        let (listener, _queued) = silent_listener();
        let port = listener.local_addr().unwrap().port();
        let mut eyes = Eyes::open(Address::new("127.0.0.1", port), settings());
        let first = eyes.failure(Failure::Silent).await;
        let second = eyes.failure(Failure::Silent).await;
        assert!(first.at.since(first.asked_at) >= Duration::from_millis(200));
        assert!(second.asked_at >= first.at);
        Ok(())
    });
}

/// Passes connections on to `server`, but the first one only until it is told to stop: then both
/// its ends stay open, and nothing gets through any more.
fn lossy_relay(server: std::net::SocketAddr, stop: &Arc<AtomicBool>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut is_first = true;
        while let Ok((near, _)) = listener.accept() {
            let far = TcpStream::connect(server).unwrap();
            for (mut from, mut to) in [
                (near.try_clone().unwrap(), far.try_clone().unwrap()),
                (far, near),
            ] {
                let stop = is_first.then(|| Arc::clone(&stop));
                thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        let is_lost = stop.as_ref().is_some_and(|it| it.load(Ordering::SeqCst));
                        if !is_lost && to.write_all(&buffer[..count]).is_err() {
                            return;
                        }
                    }
                });
            }
            is_first = false;
        }
    });
    Address::new("127.0.0.1", port)
}

#[test]
fn a_connection_lost_without_a_word_is_replaced() {
    check(async {
        let server = Server::builder(&Binary::find()?).password("pw").start()?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut knowing = settings();
        knowing.credentials = Some(password("pw"));
        let mut eyes = Eyes::open(lossy_relay(server.address(), &stop), knowing);
        eyes.replication().await;
        stop.store(true, Ordering::SeqCst);
        eyes.failure(Failure::Mute).await;
        for wanted in [Seen::Accepted, Seen::Alive] {
            let what = format!("{wanted:?}");
            let found = eyes.find(&what, |it| (it.seen == wanted).then_some(()));
            found.await;
        }
        let found = eyes.find("the identity before all else", |it| match it.seen {
            Seen::Identity(_) => Some(()),
            Seen::Replication(_) => panic!("the identity comes first"),
            _ => None,
        });
        found.await;
        eyes.replication().await;
        Ok(())
    });
}
