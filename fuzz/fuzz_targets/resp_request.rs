//! Requests are the same however the stream is cut into reads, are within their limits, and are
//! read back from their own encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rcm_resp::{Error, Limits, Request, RequestDecoder, encode_command};

/// Small, so that short streams run into every one of them.
const LIMITS: Limits = Limits {
    max_bulk: 64,
    max_depth: 1,
    max_elements: 16,
    max_inline: 48,
    max_frame: 128,
};

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (reads, stream) = input;

    let (requests, error) = decode(stream, &reads);
    assert_eq!(decode(stream, &[]), (requests.clone(), error));

    let mut again = Default::default();
    for request in &requests {
        assert!(!request.words().is_empty());
        assert!(request.words().iter().map(|word| word.len()).sum::<usize>() <= LIMITS.max_frame);
        encode_command(request.words(), &mut again);
    }
    let mut decoder = RequestDecoder::new(Limits::request());
    decoder.feed(&again);
    for request in requests {
        assert_eq!(decoder.next_request(), Ok(Some(request)));
    }
    assert_eq!(decoder.next_request(), Ok(None));
});

/// The requests of the stream, fed in reads of the given sizes, and what ends it.
fn decode(stream: &[u8], reads: &[u8]) -> (Vec<Request>, Option<Error>) {
    let mut decoder = RequestDecoder::new(LIMITS);
    let mut requests = Vec::new();
    let mut rest = stream;
    let mut reads = reads.iter().map(|size| usize::from(*size) + 1);
    while !rest.is_empty() {
        let size = reads.next().unwrap_or(rest.len()).min(rest.len());
        let (chunk, after) = rest.split_at(size);
        rest = after;
        decoder.feed(chunk);
        loop {
            match decoder.next_request() {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => break,
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}
