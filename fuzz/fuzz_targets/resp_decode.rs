//! The scanner and the decoder agree on every stream, however it is cut into reads, and what was
//! decoded survives being encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rcm_resp::{Decoder, Error, Frame, Limits, Progress, Scanner, Version, encode_frame};

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (reads, stream) = input;
    let limits = Limits {
        max_elements: 10_000,
        ..Limits::reply()
    };

    let (ends, scan_error) = scan(stream, limits);
    let (frames, decode_error) = decode(stream, &reads, limits);
    match decode_error {
        Some(Error::Malformed(_)) => assert!(frames.len() < ends.len()),
        error => assert_eq!((frames.len(), error), (ends.len(), scan_error)),
    }
    for frame in &frames {
        round_trip(frame, limits);
    }
});

/// Where the frames of the whole stream end, and what ends the stream.
fn scan(stream: &[u8], limits: Limits) -> (Vec<usize>, Option<Error>) {
    let mut scanner = Scanner::new(limits);
    let mut ends = Vec::new();
    let mut position = 0;
    loop {
        match scanner.scan(&stream[position..]) {
            Ok(Progress::Frame { len }) => position += len,
            Ok(Progress::Need) => return (ends, None),
            Err(error) => return (ends, Some(error)),
        }
        ends.push(position);
    }
}

/// The frames of the stream, fed in reads of the given sizes, and what ends it.
fn decode(stream: &[u8], reads: &[u8], limits: Limits) -> (Vec<Frame>, Option<Error>) {
    let mut decoder = Decoder::new(limits);
    let mut frames = Vec::new();
    let mut rest = stream;
    let mut reads = reads.iter().map(|size| usize::from(*size) + 1);
    while !rest.is_empty() {
        let size = reads.next().unwrap_or(rest.len()).min(rest.len());
        let (chunk, after) = rest.split_at(size);
        rest = after;
        decoder.feed(chunk);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Compared as bytes: a NaN is not equal to itself.
fn round_trip(frame: &Frame, limits: Limits) {
    for version in [Version::Resp2, Version::Resp3] {
        let once = encode(frame, version);
        let limits = Limits {
            max_elements: limits.max_elements * 2,
            ..limits
        };
        let decoded = Frame::decode(&once.clone().into(), limits).expect("own encoding is sound");
        assert_eq!(encode(&decoded, version), once);
    }
}

fn encode(frame: &Frame, version: Version) -> Vec<u8> {
    let mut out = Default::default();
    encode_frame(frame, version, &mut out);
    out.to_vec()
}
