//! Whatever a client of the proxy sends, over a shared connection or one of its own: no panic, what
//! the server gets never breaks the protocol, and how the bytes are cut into reads changes nothing.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use rcm_resp::{Limits, RequestDecoder};
use redis_cluster_monitor::config::Indeterminate;
use redis_cluster_monitor::proxy::Relay;

fuzz_target!(|input: (bool, bool, Vec<u8>, &[u8])| {
    let (errors, shares, reads, stream) = input;
    let whole = ask(errors, shares, std::iter::once(stream));
    let mut rest = stream;
    let mut reads = reads.iter();
    let pieces = std::iter::from_fn(|| {
        let size = reads.next().map_or(rest.len(), |size| usize::from(*size) + 1);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(ask(errors, shares, pieces), whole, "how it is cut changes it");
    let mut decoder = RequestDecoder::new(Limits::relay());
    decoder.feed(&whole[0]);
    while decoder.next_request().expect("the server is asked what is a request").is_some() {}
});

/// What goes to the server and to the client; then the server is lost, and another one comes.
fn ask<'a>(errors: bool, shares: bool, pieces: impl Iterator<Item = &'a [u8]>) -> [BytesMut; 2] {
    let indeterminate = if errors { Indeterminate::Error } else { Indeterminate::Disconnect };
    let mut relay = Relay::new(indeterminate, shares);
    relay.connected().expect("nothing was sent");
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    let mut is_over = introduce(&mut relay);
    for piece in pieces {
        // The first request may need a connection of its own.
        is_over = is_over || relay.ask(piece).is_err() || introduce(&mut relay);
        to_server.extend_from_slice(&relay.to_server());
        to_client.extend_from_slice(&relay.to_client());
    }
    if !is_over && relay.lost().is_ok() && relay.connected().is_ok() {
        // Whatever it was told, it answers with something.
        let told = relay.to_server().len();
        for _ in 0..told {
            if relay.hear(b"+PONG\r\n").is_err() {
                break;
            }
        }
    }
    [to_server, to_client]
}

/// A connection of its own begins with a sign of life; gives whether it is over already.
fn introduce(relay: &mut Relay) -> bool {
    if relay.is_told() {
        return false;
    }
    assert_eq!(&relay.to_server()[..], b"*1\r\n$4\r\nPING\r\n");
    relay.hear(b"+PONG\r\n").is_err()
}
