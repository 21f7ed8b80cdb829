//! Whatever a server answers to a client of the proxy, over a shared connection or one of its own:
//! no panic, and how the bytes are cut into reads changes nothing of what the client gets.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use redis_cluster_monitor::config::Indeterminate;
use redis_cluster_monitor::proxy::{Over, Relay};

/// What the client may have asked for; each bit of a number is one of them.
const REQUESTS: [&str; 16] = [
    "GET a", "SET a b", "HELLO 3", "MULTI", "INCR a", "EXEC", "SUBSCRIBE a b", "UNSUBSCRIBE",
    "PSUBSCRIBE a", "CLIENT TRACKING ON", "MONITOR", "BLPOP a 0", "WATCH a", "CLIENT REPLY SKIP",
    "RESET", "SELECT 1",
];

fuzz_target!(|input: (bool, bool, u16, Vec<u8>, &[u8])| {
    let (errors, shares, asked, reads, stream) = input;
    let whole = hear((errors, shares), asked, std::iter::once(stream));
    let mut rest = stream;
    let mut reads = reads.iter();
    let pieces = std::iter::from_fn(|| {
        let size = reads.next().map_or(rest.len(), |size| usize::from(*size) + 1);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(hear((errors, shares), asked, pieces), whole, "how it is cut changes it");
});

/// What the client sees; then this server is lost, and the next one says the same.
fn hear<'a>(
    (errors, shares): (bool, bool),
    asked: u16,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<BytesMut, Over> {
    let indeterminate = if errors { Indeterminate::Error } else { Indeterminate::Disconnect };
    let mut relay = Relay::new(indeterminate, shares);
    relay.connected()?;
    introduce(&mut relay)?;
    for (number, request) in REQUESTS.iter().enumerate() {
        if asked & (1 << number) != 0 {
            relay.ask(format!("{request}\r\n").as_bytes())?;
            introduce(&mut relay)?;
        }
    }
    relay.to_server();
    let pieces: Vec<_> = pieces.collect();
    let mut seen = BytesMut::new();
    for piece in &pieces {
        relay.hear(piece)?;
        seen.extend_from_slice(&relay.to_client());
    }
    if relay.lost().is_ok() && relay.connected().is_ok() {
        for piece in pieces {
            if relay.hear(piece).is_err() {
                break;
            }
        }
    }
    Ok(seen)
}

/// A connection of its own begins with a sign of life.
fn introduce(relay: &mut Relay) -> Result<(), Over> {
    if relay.is_told() {
        return Ok(());
    }
    relay.to_server();
    relay.hear(b"+PONG\r\n")
}
