//! The way a stream is cut into reads changes nothing.

use proptest::{collection::vec, prelude::*};
use rcm_resp::{Error, Limits, Progress, Request, Scanner, Version, encode_command};

use crate::generate::{chunks, decode, decode_requests, encode, frame, noise, reads};

/// Small, so that noise runs into every one of them.
const SMALL: Limits = Limits {
    max_bulk: 8,
    max_depth: 3,
    max_elements: 6,
    max_inline: 10,
    max_frame: 40,
};

proptest! {
    #[test]
    fn frames_are_the_same_in_any_reads(frames in vec(frame(), 1..5), reads in reads()) {
        let stream: Vec<u8> =
            frames.iter().flat_map(|frame| encode(frame, Version::Resp3)).collect();
        prop_assert_eq!(decode(chunks(&stream, &reads)), (frames, None));
    }

    #[test]
    fn requests_are_the_same_in_any_reads(
        requests in vec(vec(vec(any::<u8>(), 0..20), 1..6), 1..5),
        reads in reads(),
    ) {
        let mut stream = bytes::BytesMut::new();
        for words in &requests {
            encode_command(words, &mut stream);
        }
        let (decoded, error) = decode_requests(chunks(&stream, &reads), Limits::request());
        prop_assert_eq!(error, None);
        let decoded: Vec<_> = decoded.into_iter().map(Request::into_words).collect();
        prop_assert_eq!(decoded, requests);
    }

    #[test]
    fn broken_streams_break_the_same_way_in_any_reads(stream in noise(), reads in reads()) {
        let whole = [stream.len().max(1)];
        // NaN is not equal to itself, so frames are compared by how they look.
        prop_assert_eq!(
            format!("{:?}", decode(chunks(&stream, &reads))),
            format!("{:?}", decode(chunks(&stream, &whole)))
        );
        for limits in [SMALL, Limits::request()] {
            prop_assert_eq!(
                decode_requests(chunks(&stream, &reads), limits),
                decode_requests(chunks(&stream, &whole), limits)
            );
        }
        for limits in [SMALL, Limits::reply()] {
            let expected = boundaries(chunks(&stream, &whole), limits, false);
            prop_assert_eq!(&boundaries(chunks(&stream, &reads), limits, false), &expected);
            prop_assert_eq!(&boundaries(chunks(&stream, &reads), limits, true), &expected);
        }
    }

    #[test]
    fn every_proper_prefix_needs_more(frame in frame()) {
        let stream = encode(&frame, Version::Resp3);
        let mut resumed = Scanner::new(Limits::reply());
        for end in 0..stream.len() {
            let prefix = &stream[..end];
            prop_assert_eq!(resumed.scan(prefix), Ok(Progress::Need));
            prop_assert_eq!(Scanner::new(Limits::reply()).scan(prefix), Ok(Progress::Need));
        }
        prop_assert_eq!(resumed.scan(&stream), Ok(Progress::Frame { len: stream.len() }));
    }
}

/// Where the frames of a stream end, and what ends the stream. With `relay`, everything scanned is
/// taken out of the buffer at once, as when it is passed on.
fn boundaries<'a>(
    chunks: impl Iterator<Item = &'a [u8]>,
    limits: Limits,
    relay: bool,
) -> (Vec<usize>, Option<Error>) {
    let mut scanner = Scanner::new(limits);
    let mut buffer = Vec::new();
    let mut taken = 0;
    let mut ends = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            let count = match scanner.scan(&buffer) {
                Ok(Progress::Frame { len }) => {
                    ends.push(taken + len);
                    len
                }
                Ok(Progress::Need) if relay => {
                    let count = scanner.scanned().min(buffer.len());
                    scanner.discard(count);
                    count
                }
                Ok(Progress::Need) => 0,
                Err(error) => return (ends, Some(error)),
            };
            if count == 0 {
                break;
            }
            buffer.drain(..count);
            taken += count;
        }
    }
    (ends, None)
}
