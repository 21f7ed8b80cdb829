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
            counters.dropped.get() == 1 && counters.clients() == 0
        })
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

#[test]
fn the_program_answers_what_is_due_before_it_ends() {
    check((|| {
        let mut server = builder(Version::System)?.start()?;
        let state = State::new();
        // Nobody takes the office away from a server that is stopped for a moment.
        let options = ["--proxy", "127.0.0.1:0", "--hang-after", "1m"];
        let monitor = state.monitor(&[server.address()], &options);
        monitor.wait_for("primary-adopted")?;
        let proxy = monitor.proxy()?;
        let mut client = Wire::connect(proxy);
        assert_eq!(client.ask("INCR a"), "1");
        server.pause()?;
        client.send("INCR a");
        wait_for(SOON, "the request at the server", || {
            waits_to_be_read(server.port(), &wire("INCR a"))
        })?;
        let ended = std::thread::spawn(|| monitor.terminate());
        wait_for(SOON, "the closed door", || {
            TcpStream::connect(proxy).is_err()
        })?;
        server.resume()?;
        assert_eq!(super::show(&client.frame()), "2");
        assert!(client.try_frame().is_none());
        assert_eq!(ended.join().unwrap().code(), Some(0));
        Ok(())
    })());
}

#[test]
fn only_a_client_that_waits_for_nothing_is_idle() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let settings = Settings {
            idle_after: Duration::from_secs(1),
            ..Settings::default()
        };
        let appointed = Appointed::at(server.address(), &settings);
        let (mut idle, mut waiting) = (appointed.client(), appointed.client());
        waiting.send("BLPOP jobs 0");
        assert_eq!(idle.ask("PING"), "PONG");
        assert!(idle.try_frame().is_none());
        server.text(&["RPUSH", "jobs", "job"])?;
        assert_eq!(super::show(&waiting.frame()), "[jobs job]");
        assert_eq!(appointed.proxy.counters().dropped.get(), 0);
        Ok(())
    })());
}

#[test]
fn a_peer_that_vanished_is_looked_for() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let mut client = appointed.client();
        assert_eq!(client.ask("PING"), "PONG");
        let client = client.stream.local_addr().unwrap().port();
        let proxy = appointed.proxy.address().port();
        let is_kept = |ours: &Socket| ours.timer == KEEPALIVE;
        let sockets = sockets();
        let down = sockets.iter().find(|it| it.ports == [proxy, client]);
        let is_up = |it: &&Socket| it.ports[1] == server.port() && it.is_established;
        let up = sockets.iter().filter(is_up).find(|it| is_kept(it));
        assert!(down.is_some_and(is_kept), "the client is not looked for");
        assert!(up.is_some(), "the server is not looked for");
        Ok(())
    })());
}

/// The timer of a socket whose peer is probed.
const KEEPALIVE: &str = "02";

/// A line of the kernel's table.
struct Socket {
    /// The local one and the other.
    ports: [u16; 2],
    is_established: bool,
    unread: u64,
    timer: String,
}

fn sockets() -> Vec<Socket> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let socket = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let port = |field: &str| u16::from_str_radix(field.split_once(':').unwrap().1, 16);
        Socket {
            ports: [port(fields[1]).unwrap(), port(fields[2]).unwrap()],
            is_established: fields[3] == "01",
            unread: u64::from_str_radix(fields[4].split_once(':').unwrap().1, 16).unwrap(),
            timer: fields[5].split_once(':').unwrap().0.to_owned(),
        }
    };
    table.lines().skip(1).map(socket).collect()
}

/// Whether exactly these bytes were sent to this port on a connection and its owner has not taken
/// them: the monitor asks the same server, and other things.
pub(super) fn waits_to_be_read(port: u16, bytes: &[u8]) -> bool {
    let is_to = |it: &Socket| it.ports[0] == port && it.is_established;
    let is_there = |it: &Socket| it.unread == bytes.len() as u64;
    sockets().iter().any(|it| is_to(it) && is_there(it))
}
