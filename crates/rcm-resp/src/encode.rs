//! From frames and commands to bytes.
//!
//! Decided here: what becomes of the types RESP2 does not have. Text that has to fit a line is
//! written with its line breaks as spaces, as Redis does, so that no error message which quotes a
//! client can be read as another frame.

use bytes::{BufMut, BytesMut};

use crate::frame::Frame;

/// A version of the protocol, as a client asks for it with `HELLO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// What every connection begins with.
    #[default]
    Resp2,
    /// With maps, sets, pushes, doubles and so on.
    Resp3,
}

/// Appends a command, as an array of bulk strings.
pub fn encode_command<I>(words: I, out: &mut BytesMut)
where
    I: IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
{
    let words = words.into_iter();
    put_head(b'*', words.len(), out);
    for word in words {
        put_payload(b'$', &[], word.as_ref(), out);
    }
}

/// Appends a frame. RESP2 gets the nearest type it has: flat arrays for maps, arrays for sets and
/// pushes, bulk strings for doubles, big numbers and verbatim strings, integers for booleans.
///
/// Recurses once per level, which is safe for every frame that was decoded and every frame a
/// server of ours makes; do not encode one that is nested thousands deep.
pub fn encode_frame(frame: &Frame, version: Version, out: &mut BytesMut) {
    use Version::{Resp2, Resp3};

    match (frame, version) {
        (Frame::Simple(text), _) => put_line(b'+', text, out),
        (Frame::Error(message), _) | (Frame::BulkError(message), Resp2) => {
            put_line(b'-', message, out);
        }
        (Frame::Integer(value), _) => put_integer(b':', *value, out),
        (Frame::Bulk(bytes), _) => put_payload(b'$', &[], bytes, out),
        (Frame::Null | Frame::NullArray, Resp3) => out.put_slice(b"_\r\n"),
        (Frame::Null, Resp2) => out.put_slice(b"$-1\r\n"),
        (Frame::NullArray, Resp2) => out.put_slice(b"*-1\r\n"),
        (Frame::Array(values), _) | (Frame::Set(values) | Frame::Push(values), Resp2) => {
            put_values(b'*', values, version, out);
        }
        (Frame::Set(values), Resp3) => put_values(b'~', values, version, out),
        (Frame::Push(values), Resp3) => put_values(b'>', values, version, out),
        (Frame::Map(entries), Resp2) => put_entries(b'*', entries.len() * 2, entries, version, out),
        (Frame::Map(entries), Resp3) => put_entries(b'%', entries.len(), entries, version, out),
        (Frame::Double(value), Resp2) => put_payload(b'$', &[], double(*value).as_bytes(), out),
        (Frame::Double(value), Resp3) => put_line(b',', double(*value).as_bytes(), out),
        (Frame::Boolean(value), Resp2) => put_integer(b':', i64::from(*value), out),
        (Frame::Boolean(true), Resp3) => out.put_slice(b"#t\r\n"),
        (Frame::Boolean(false), Resp3) => out.put_slice(b"#f\r\n"),
        (Frame::BigNumber(digits), Resp2) => put_payload(b'$', &[], digits, out),
        (Frame::BigNumber(digits), Resp3) => put_line(b'(', digits, out),
        (Frame::Verbatim { text, .. }, Resp2) => put_payload(b'$', &[], text, out),
        (
            Frame::Verbatim {
                format: [a, b, c],
                text,
            },
            Resp3,
        ) => {
            put_payload(b'=', &[*a, *b, *c, b':'], text, out);
        }
        (Frame::BulkError(message), Resp3) => put_payload(b'!', &[], message, out),
    }
}

fn put_values(type_byte: u8, values: &[Frame], version: Version, out: &mut BytesMut) {
    put_head(type_byte, values.len(), out);
    for value in values {
        encode_frame(value, version, out);
    }
}

fn put_entries(
    type_byte: u8,
    count: usize,
    entries: &[(Frame, Frame)],
    version: Version,
    out: &mut BytesMut,
) {
    put_head(type_byte, count, out);
    for (key, value) in entries {
        encode_frame(key, version, out);
        encode_frame(value, version, out);
    }
}

fn put_payload(type_byte: u8, prefix: &[u8], payload: &[u8], out: &mut BytesMut) {
    let length = prefix.len() + payload.len();
    out.reserve(1 + MAX_DIGITS + 2 + length + 2);
    put_head(type_byte, length, out);
    out.put_slice(prefix);
    out.put_slice(payload);
    out.put_slice(b"\r\n");
}

fn put_line(type_byte: u8, text: &[u8], out: &mut BytesMut) {
    out.reserve(1 + text.len() + 2);
    out.put_u8(type_byte);
    out.extend(text.iter().map(|byte| {
        if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            *byte
        }
    }));
    out.put_slice(b"\r\n");
}

fn put_head(type_byte: u8, length: usize, out: &mut BytesMut) {
    out.put_u8(type_byte);
    put_digits(length as u64, out);
    out.put_slice(b"\r\n");
}

fn put_integer(type_byte: u8, value: i64, out: &mut BytesMut) {
    out.put_u8(type_byte);
    if value < 0 {
        out.put_u8(b'-');
    }
    put_digits(value.unsigned_abs(), out);
    out.put_slice(b"\r\n");
}

/// The digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;

/// Without the formatting machinery, which would be most of the cost of a small command.
fn put_digits(value: u64, out: &mut BytesMut) {
    let mut digits = [0; MAX_DIGITS];
    let mut first = MAX_DIGITS;
    let mut rest = value;
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        first = index;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(digits.get(first..).unwrap_or_default());
}

/// The shortest text that is read back as the same number; RESP3 fixes the spelling of the rest.
fn double(value: f64) -> String {
    const PLAIN: std::ops::Range<f64> = 1e-5..1e17;
    if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "inf" } else { "-inf" }.to_owned()
    } else if value == 0.0 || PLAIN.contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
