//! Random frames, requests and streams.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};
use rcm_resp::{Decoder, Error, Frame, Limits, Request, RequestDecoder, Version, encode_frame};

/// Any frame, as a server in RESP3 may send it.
pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    let leaf = prop_oneof![
        resp2_leaf(),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |value| !value.is_nan())
            .prop_map(Frame::Double),
        any::<bool>().prop_map(Frame::Boolean),
        "[+-]?[0-9]{1,40}".prop_map(|digits| Frame::BigNumber(digits.into())),
        (any::<[u8; 3]>(), bytes()).prop_map(|(format, text)| Frame::Verbatim { format, text }),
        bytes().prop_map(Frame::BulkError),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Frame::Array),
            vec(inner.clone(), 0..6).prop_map(Frame::Set),
            vec(inner.clone(), 0..6).prop_map(Frame::Push),
            vec((inner.clone(), inner), 0..4).prop_map(Frame::Map),
        ]
    })
}

/// Any frame of the types RESP2 has.
pub(crate) fn resp2_frame() -> impl Strategy<Value = Frame> {
    resp2_leaf().prop_recursive(5, 40, 6, |inner| vec(inner, 0..6).prop_map(Frame::Array))
}

fn resp2_leaf() -> impl Strategy<Value = Frame> {
    prop_oneof![
        line().prop_map(Frame::Simple),
        line().prop_map(Frame::Error),
        any::<i64>().prop_map(Frame::Integer),
        bytes().prop_map(Frame::Bulk),
        Just(Frame::Null),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn line() -> impl Strategy<Value = Bytes> {
    let byte = any::<u8>().prop_filter("a line holds no CR or LF", |byte| !b"\r\n".contains(byte));
    vec(byte, 0..20).prop_map(Bytes::from)
}

/// Bytes that often look like RESP and seldom are.
pub(crate) fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const PIECES: &[&[u8]] = &[
    b"$",
    b"*",
    b"+",
    b"-",
    b":",
    b"_",
    b",",
    b"#",
    b"!",
    b"=",
    b"(",
    b"%",
    b"~",
    b">",
    b"|",
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b"0",
    b"1",
    b"2",
    b"3",
    b"-1",
    b"?",
    b"inf",
    b"t",
    b"txt:",
    b"\"",
    b"'",
    b" ",
    b"\\x0a",
    b"*2\r\n",
    b"%1\r\n",
    b"|1\r\n",
    b"$3\r\nabc\r\n",
    b"+OK\r\n",
    b":1\r\n",
    b"*1\r\n$4\r\nPING\r\n",
    b"18446744073709551615",
    b"99999999999999999999",
];

/// Where to cut a stream: sizes of reads, used again and again.
pub(crate) fn reads() -> impl Strategy<Value = Vec<usize>> {
    vec(1_usize..12, 1..8)
}

/// `stream`, cut into reads.
pub(crate) fn chunks<'a>(stream: &'a [u8], reads: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    reads.iter().cycle().map_while(move |size| {
        let (chunk, after) = rest.split_at_checked(*size).unwrap_or((rest, &[]));
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

pub(crate) fn encode(frame: &Frame, version: Version) -> BytesMut {
    let mut out = BytesMut::new();
    encode_frame(frame, version, &mut out);
    out
}

/// Everything a decoder makes of a stream, up to its end or its first error.
pub(crate) fn decode<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<Error>) {
    let mut decoder = Decoder::new(Limits::reply());
    let mut frames = Vec::new();
    for chunk in chunks {
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

/// The same for requests.
pub(crate) fn decode_requests<'a>(
    chunks: impl Iterator<Item = &'a [u8]>,
    limits: Limits,
) -> (Vec<Request>, Option<Error>) {
    let mut decoder = RequestDecoder::new(limits);
    let mut requests = Vec::new();
    for chunk in chunks {
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
