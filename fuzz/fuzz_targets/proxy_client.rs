//! Whatever a client of the proxy sends: no panic, the server gets whole requests as long as the
//! client keeps to the protocol, and how the bytes are cut into reads changes nothing.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use redis_cluster_monitor::config::Indeterminate;
use redis_cluster_monitor::proxy::Relay;

fuzz_target!(|input: (bool, Vec<u8>, &[u8])| {
    let (errors, reads, stream) = input;
    let whole = ask(errors, std::iter::once(stream));
    let mut rest = stream;
    let mut reads = reads.iter();
    let pieces = std::iter::from_fn(|| {
        let size = reads.next().map_or(rest.len(), |size| usize::from(*size) + 1);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(ask(errors, pieces), whole, "how it is cut changes it");
});

/// What goes to the server and to the client; then the server is lost, and another one comes.
fn ask<'a>(errors: bool, pieces: impl Iterator<Item = &'a [u8]>) -> [BytesMut; 2] {
    let indeterminate = if errors { Indeterminate::Error } else { Indeterminate::Disconnect };
    let mut relay = Relay::new(indeterminate);
    relay.connected().expect("nothing was sent");
    assert_eq!(&relay.to_server()[..], b"*1\r\n$4\r\nPING\r\n");
    relay.hear(b"+PONG\r\n").expect("it lives");
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    let mut is_over = false;
    for piece in pieces {
        is_over = is_over || relay.ask(piece).is_err();
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
