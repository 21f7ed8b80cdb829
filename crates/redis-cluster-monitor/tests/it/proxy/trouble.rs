//! Peers that are slow, huge, hostile or gone.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::{Version, wait_for};

use super::{Appointed, Wire, wire};
use crate::monitor::{SOON, State, builder, check};

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        server.text(&["SET", "large", &"x".repeat(1 << 20)])?;
        let settings = Settings {
            slow_after: Duration::from_millis(100),
            ..Settings::default()
        };
        let appointed = Appointed::at(server.address(), &settings);
        let mut client = appointed.client();
        for _ in 0..64 {
            client.send("GET large");
        }
        let counters = appointed.proxy.counters();
        wait_for(SOON, "the slow client's end", || {
            counters.dropped.get() == 1
        })?;
        assert_eq!(counters.clients(), 0);
        Ok(())
    })());
}

#[test]
fn a_huge_value_passes_and_is_not_held() {
    check((|| {
        const SIZE: usize = 100 << 20;
        let server = builder(Version::System)?.start()?;
        let state = State::new();
        let monitor = state.monitor(&[server.address()], &["--proxy", "127.0.0.1:0"]);
        monitor.wait_for("primary-adopted")?;
        let mut client = Wire::connect(monitor.proxy()?);
        client.write(format!("*3\r\n$3\r\nSET\r\n$4\r\nhuge\r\n${SIZE}\r\n").as_bytes());
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..SIZE / piece.len() {
            client.write(&piece);
        }
        client.write(b"\r\n");
        assert_eq!(super::show(&client.frame()), "OK");
        client.send("GET huge");
        let mut missing = format!("${SIZE}\r\n").len() + SIZE + 2;
        let mut chunk = vec![0; 1 << 16];
        while missing > 0 {
            let count = client.stream.read(&mut chunk).unwrap();
            assert!(count > 0);
            missing -= count;
        }
        assert_eq!(client.ask("STRLEN huge"), SIZE.to_string());
        let peak = monitor.peak_memory();
        assert!(peak < 50 << 20, "{peak} bytes");
        assert_eq!(monitor.terminate().code(), Some(0));
        Ok(())
    })());
}

/// A server that answers the first `PING` and then sends `garbage` for everything.
fn hostile(garbage: Vec<u8>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let garbage = garbage.clone();
            std::thread::spawn(move || talk(&mut stream, &garbage).ok());
        }
    });
    address
}

fn talk(stream: &mut TcpStream, garbage: &[u8]) -> std::io::Result<()> {
    let mut chunk = [0; 4096];
    for answer in [b"+PONG\r\n", garbage] {
        if stream.read(&mut chunk)? == 0 {
            return Ok(());
        }
        stream.write_all(answer)?;
    }
    while stream.read(&mut chunk)? > 0 {}
    Ok(())
}

#[test]
fn a_hostile_server_harms_nobody() {
    let endless = vec![b'+'; 2 << 20];
    let deep = b"*1\r\n".repeat(100);
    for garbage in [
        b"!!!garbage\r\n".to_vec(),
        endless,
        deep,
        b":1\n".to_vec(),
        b"$5\r\nabcdefg".to_vec(),
    ] {
        let appointed = Appointed::at(hostile(garbage), &Settings::default());
        let mut client = appointed.client();
        client.send("SET a 1");
        // Its outcome is unknown, or its reply was cut.
        while client.try_frame().is_some() {}
        assert_eq!(appointed.proxy.counters().dropped.get(), 1);
    }
}

#[test]
fn a_hostile_client_harms_nobody() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let mut good = appointed.client();
        for garbage in [
            b"\xff\xfe\x00garbage\r\n".to_vec(),
            vec![b'x'; 1 << 20],
            b"*2147483647\r\n$1\r\n".to_vec(),
            [b"*1\r\n$".to_vec(), vec![b'9'; 70_000]].concat(),
        ] {
            let mut bad = appointed.client();
            // It may be disconnected before it has sent everything.
            bad.stream.write_all(&garbage).ok();
            drop(bad);
            assert_eq!(good.ask("PING"), "PONG");
        }
        Ok(())
    })());
}

#[test]
fn too_many_clients_are_told_so() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let settings = Settings {
            max_clients: 1,
            ..Settings::default()
        };
        let appointed = Appointed::at(server.address(), &settings);
        let mut first = appointed.client();
        assert_eq!(first.ask("PING"), "PONG");
        let refused = super::show(&appointed.client().frame());
        assert_eq!(refused, "-ERR max number of clients reached");
        assert_eq!(first.ask("PING"), "PONG");
        Ok(())
    })());
}

#[test]
fn what_is_due_is_answered_before_the_end() {
    check((|| {
        let mut server = builder(Version::System)?.start()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let (mut idle, mut asking) = (appointed.client(), appointed.client());
        assert_eq!(idle.ask("PING"), "PONG");
        assert_eq!(asking.ask("PING"), "PONG");
        server.pause()?;
        asking.write(&wire("INCR a"));
        let counters = std::sync::Arc::clone(appointed.proxy.counters());
        wait_for(SOON, "the request", || counters.requests.get() == 3)?;
        let stopping = std::thread::spawn(|| appointed.proxy.stop());
        assert!(idle.try_frame().is_none());
        server.resume()?;
        assert_eq!(super::show(&asking.frame()), "1");
        assert!(asking.try_frame().is_none());
        stopping.join().unwrap();
        Ok(())
    })());
}
