//! Whatever is asked, the replies through the proxy are those of the server.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use bytes::BytesMut;
use rcm_core::rng::Rng;
use rcm_resp::encode_command;
use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::{Server, Version};

use super::every_command::{Vocabulary, chance, refill, server};
use super::{Appointed, wire};
use crate::eyes;
use crate::monitor::{Result, SOON, builder, check};

eyes::on_every_version! {
    replies_are_those_of_the_server
    what_is_no_request_is_refused_as_the_server_refuses_it
}

/// Requests of all families whose replies depend on nothing else. The keys are few, so that they
/// meet; `_` is one of them.
const REQUESTS: &[&str] = &[
    "SET _ value",
    "GET _",
    "GETSET _ other",
    "APPEND _ more",
    "STRLEN _",
    "INCR _",
    "INCRBYFLOAT _ 1.5",
    "MGET _ _ _",
    "DEL _",
    "UNLINK _",
    "EXISTS _",
    "TYPE _",
    "EXPIRE _ 100",
    "PERSIST _",
    "RENAME _ _",
    "SETRANGE _ 3 abc",
    "GETRANGE _ 0 2",
    "SETBIT _ 7 1",
    "BITCOUNT _",
    "BITFIELD _ GET u8 0",
    "LPUSH _ a b",
    "RPUSH _ c",
    "LRANGE _ 0 -1",
    "LPOP _",
    "LLEN _",
    "LINSERT _ BEFORE a z",
    "LMOVE _ _ LEFT RIGHT",
    "BLPOP _ 0.01",
    "BLMOVE _ _ LEFT LEFT 0.01",
    "HSET _ f 1 g 2",
    "HGETALL _",
    "HINCRBY _ f 2",
    "HDEL _ g",
    "HMGET _ f g",
    "SADD _ 1 2 3",
    "SCARD _",
    "SISMEMBER _ 2",
    "SMEMBERS _",
    "SINTER _ _",
    "ZADD _ 1 a 2 b",
    "ZRANGE _ 0 -1 WITHSCORES",
    "ZSCORE _ a",
    "ZINCRBY _ 1.5 a",
    "ZPOPMIN _",
    "PFADD _ x y",
    "PFCOUNT _",
    "GEOADD _ 13.3 38.1 there",
    "GEOPOS _ there nowhere",
    "XADD _ * f v extra",
    "XLEN _",
    "XRANGE _ - +",
    "XREAD COUNT 1 STREAMS _ 0",
    "OBJECT ENCODING _",
    "SORT _",
    "DUMP _",
    "TOUCH _",
    "DBSIZE",
    "FLUSHDB",
    "EVAL return{1,'two',false,{ok='three'}} 0",
    "EVAL return{err='oops'} 0",
    "EVAL return{double=3.5} 0",
    "PING",
    "PING text",
    "ECHO text",
    "SELECT 1",
    "SELECT 0",
    "SELECT 99",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH _",
    "UNWATCH",
    "NOSUCHCOMMAND a b",
    "GET",
    "SET _",
    "CLIENT GETNAME",
    "CONFIG GET maxmemory",
    "LATENCY RESET",
    "CLIENT SETNAME name",
    "SUBSCRIBE c d",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE c",
    "PSUBSCRIBE p*",
    "PUNSUBSCRIBE",
    "PUBLISH c text",
    "PUBLISH p text",
    "HELLO 3",
    "HELLO 2",
    "HELLO 9",
    "CLIENT TRACKING ON NOLOOP",
    "CLIENT TRACKING OFF",
    "CLIENT REPLY SKIP",
    "CLIENT REPLY OFF",
    "CLIENT REPLY ON",
    "RESET",
    "COMMAND COUNT",
    "WAIT 0 0",
];

/// Requests that are not sent inside of a transaction, where the proxy refuses some of them.
const ALONE: &[&str] = &[
    "CLIENT",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "HELLO",
];

/// Requests that end the sharing of connections.
const WAITS: &[&str] = &["WAIT", "WAITAOF"];

/// Last of all, and answered in every state of a connection.
pub(super) const END: &[u8] = b"RESET\r\nECHO the-end-of-it\r\n";

/// A random stream of requests, some of them inline.
fn stream(random: &mut Rng, vocabulary: &Vocabulary, count: usize, share: bool) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut in_transaction = false;
    let mut about_data = vocabulary.about_data();
    about_data.retain(|name| !share || !WAITS.contains(&name.to_uppercase().as_str()));
    for _ in 0..count {
        if chance(random, 2) == 0 {
            let name = about_data[chance(random, about_data.len())];
            let mut request = BytesMut::new();
            encode_command(vocabulary.call(name, random), &mut request);
            stream.extend_from_slice(&request);
            continue;
        }
        let index = chance(random, REQUESTS.len());
        let name = REQUESTS[index].split(' ').next().unwrap();
        if (in_transaction && ALONE.contains(&name)) || (share && WAITS.contains(&name)) {
            continue;
        }
        in_transaction = match name {
            "MULTI" => true,
            "EXEC" | "DISCARD" | "RESET" => false,
            _ => in_transaction,
        };
        let words = REQUESTS[index].split(' ').map(|word| match word {
            "_" => format!("key{}", random.next_u64() % 4),
            word => word.to_owned(),
        });
        let request = words.collect::<Vec<_>>().join(" ");
        // Servers differ about quotes in a line.
        if random.next_u64().is_multiple_of(8) && !request.contains('\'') {
            stream.extend_from_slice(request.as_bytes());
            stream.extend_from_slice(b"\r\n");
        } else {
            stream.extend_from_slice(&wire(&request));
        }
    }
    stream.extend_from_slice(END);
    stream
}

/// Sends a stream in pieces, and reads all that comes until the end, or until it is closed.
pub(super) fn exchange(
    address: SocketAddr,
    stream: &[u8],
    pieces: impl Iterator<Item = usize>,
) -> Vec<u8> {
    let mut socket = TcpStream::connect_timeout(&address, SOON).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut rest = stream;
    let mut received = Vec::new();
    for piece in pieces {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        if socket.write_all(now).is_err() {
            break;
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let mut chunk = [0; 16 * 1024];
    while !received.ends_with(b"the-end-of-it\r\n") {
        match socket.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&received)),
        }
    }
    socket.shutdown(Shutdown::Both).ok();
    received
}

/// What depends on the connection or on the time: ids, and entries of streams.
pub(super) fn without_ids(reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply);
    let lines = text.split("\r\n").map(|line| {
        let is_entry = line.len() > 13 && line.bytes().all(|it| it.is_ascii_digit() || it == b'-');
        if is_entry { "entry" } else { line }
    });
    let mut lines: Vec<_> = lines.collect();
    for index in 2..lines.len() {
        // The number after the name, and not what stands after that.
        if lines[index - 1] == "id" && lines[index].starts_with(':') {
            lines[index] = "number";
        }
    }
    lines.join("\r\n")
}

async fn replies_are_those_of_the_server(version: Version) -> Result {
    let server = server(version)?;
    let vocabulary = Vocabulary::of(&server, version)?;
    for share in [true, false] {
        compare_replies(&server, &vocabulary, share);
    }
    Ok(())
}

fn compare_replies(server: &Server, vocabulary: &Vocabulary, share: bool) {
    let settings = Settings {
        share,
        ..Settings::default()
    };
    let appointed = Appointed::at(server.address(), &settings);
    for seed in 0..30 {
        let mut random = Rng::new(seed);
        let stream = stream(&mut random, vocabulary, 160, share);
        // Now all at once, now byte by byte, now in pieces of any length.
        let longest = [1 << 20, 1, 700][usize::try_from(seed % 3).unwrap()];
        let mut pieces =
            std::iter::from_fn(|| Some(1 + usize::try_from(random.next_u64() % longest).unwrap()));
        refill(server);
        let expected = exchange(server.address(), &stream, std::iter::once(stream.len()));
        refill(server);
        let received = exchange(appointed.proxy.address(), &stream, &mut pieces);
        let (received, expected) = (without_ids(&received), without_ids(&expected));
        let pairs = received.split("\r\n").zip(expected.split("\r\n"));
        let same: Vec<_> = pairs.take_while(|(it, other)| it == other).collect();
        let text = String::from_utf8_lossy(&stream);
        assert!(
            received == expected,
            "seed {seed}, line {} of\n{received}\ninstead of\n{expected}\nto\n{text}",
            same.len()
        );
    }
    assert_eq!(appointed.proxy.counters().dropped.get(), 0);
}

async fn what_is_no_request_is_refused_as_the_server_refuses_it(version: Version) -> Result {
    let server = builder(version)?.start()?;
    let appointed = Appointed::at(server.address(), &Settings::default());
    for stream in [
        &b"*1\r\n$4\r\nPING\r\n*x\r\n"[..],
        b"*2\r\n$3\r\nGET\r\n:5\r\n",
        b"*1\r\n$-5\r\n",
        b"*1\r\n$99999999999\r\n",
        b"SET key \"open\r\n",
        b"QUIT\r\nPING\r\n",
        b"*2147483648\r\n",
    ] {
        let all = || std::iter::once(stream.len());
        let expected = exchange(server.address(), stream, all());
        let received = exchange(appointed.proxy.address(), stream, all());
        let text = String::from_utf8_lossy;
        assert_eq!(text(&received), text(&expected), "{}", text(stream));
    }
    Ok(())
}

#[test]
fn commands_that_would_break_the_group_are_refused() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let appointed = Appointed::at(server.address(), &Settings::default());
        let mut client = appointed.client();
        for request in [
            "REPLICAOF no one",
            "FAILOVER",
            "PSYNC ? -1",
            "SYNC",
            "REPLCONF ack 1",
        ] {
            let refused = client.ask(request);
            assert!(refused.contains(" is refused by the proxy: "), "{refused}");
        }
        assert_eq!(client.ask("MULTI"), "OK");
        let refused = client.ask("SUBSCRIBE c");
        assert_eq!(
            refused,
            "-ERR SUBSCRIBE is refused by the proxy inside a transaction"
        );
        let aborted = client.ask("EXEC");
        assert!(aborted.starts_with("-EXECABORT "), "{aborted}");
        assert_eq!(client.ask("PING"), "PONG");
        Ok(())
    })());
}

#[test]
fn a_monitor_sees_what_others_do_and_can_still_ask() {
    check((|| {
        let (old, new) = two_servers()?;
        let appointed = Appointed::at(old.address(), &Settings::default());
        let mut client = appointed.client();
        assert_eq!(client.ask("MONITOR"), "OK");
        old.text(&["SET", "a", "1"])?;
        let line = super::show(&client.frame());
        assert!(line.ends_with("\"SET\" \"a\" \"1\""), "{line}");
        appointed.appoint(&new);
        // From here on everything is seen on the other one.
        redis_cluster_monitor::local::wait_for(SOON, "a monitor on the other server", || {
            new.text(&["CLIENT", "LIST"])
                .is_ok_and(|list| list.contains("cmd=monitor"))
        })?;
        new.text(&["SET", "b", "2"])?;
        loop {
            let line = super::show(&client.frame());
            if line.ends_with("\"SET\" \"b\" \"2\"") {
                return Ok(());
            }
        }
    })());
}

fn two_servers() -> Result<(Server, Server)> {
    let server = builder(Version::System)?;
    Ok((server.clone().start()?, server.start()?))
}
