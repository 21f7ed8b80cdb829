//! Where a client's request ends, and what its first words are, without holding it whole.
//!
//! Requests are passed on as they came, except that an inline one becomes the array that it stands
//! for: so nobody reads it twice in two ways. Mistakes have the texts that servers have for them.
//! Deliberately not here: limits on the length of arguments, which the server behind has.

use bytes::{Buf, BytesMut};
use rcm_resp::{Error, Limits, RequestDecoder, encode_command};

/// A request longer than this is passed on while it arrives, and what it is has to be told from
/// these many bytes.
pub(in crate::proxy) const WINDOW: usize = 16 * 1024;
/// The longest line in a request, as servers have it.
const LINE_LIMIT: usize = 64 * 1024;
/// The most arguments, as servers have it.
const COUNT_LIMIT: i64 = i32::MAX as i64;

/// What stands at the front of a client's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// Nothing that can be told yet.
    Unknown,
    /// So many bytes without a request in them.
    Nothing(usize),
    /// An inline request of so many bytes.
    Inline(usize),
    /// A request.
    Array(Shape),
}

/// What is known of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many words it has.
    pub(super) words: usize,
    /// Where they begin.
    pub(super) head: usize,
    /// Its bytes so far; all of them if it is `whole`.
    pub(super) len: usize,
    /// Whether it has arrived to its end.
    pub(super) whole: bool,
    /// What is still to come.
    pub(super) rest: Rest,
}

impl Shape {
    /// Whether it may be passed on, of `arrived` bytes: it is whole, or too long to be waited for.
    pub(super) const fn may_go_on(&self, arrived: usize) -> bool {
        self.whole || arrived >= WINDOW || self.rest.payload >= WINDOW
    }
}

/// Looks at the first bytes of `buf`, which is where a request begins.
#[inline]
pub(super) fn front(buf: &[u8]) -> Result<Front, Error> {
    match buf.first() {
        None => Ok(Front::Unknown),
        Some(b'*') => array(buf),
        Some(_) => inline(buf),
    }
}

#[inline]
fn array(buf: &[u8]) -> Result<Front, Error> {
    let count = number(buf, Error::MultibulkLength, Error::MultibulkCountTooBig)?;
    let Some((count, head)) = count else {
        return Ok(Front::Unknown);
    };
    if count > COUNT_LIMIT {
        return Err(Error::MultibulkLength);
    }
    let words = usize::try_from(count).unwrap_or(0);
    if words == 0 {
        return Ok(Front::Nothing(head));
    }
    let mut rest = Rest::of(words);
    let len = head + rest.advance(&buf[head..])?;
    Ok(Front::Array(Shape {
        words,
        head,
        len,
        whole: rest.is_over(),
        rest,
    }))
}

fn inline(buf: &[u8]) -> Result<Front, Error> {
    let window = &buf[..buf.len().min(LINE_LIMIT + 1)];
    match window.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Front::Inline(end + 1)),
        None if window.len() > LINE_LIMIT => Err(Error::InlineTooBig),
        None => Ok(Front::Unknown),
    }
}

/// Puts the array that the inline request in the first `len` bytes stands for in its place.
pub(super) fn unfold(input: &mut BytesMut, len: usize) -> Result<(), Error> {
    let line = input.split_to(len);
    let mut decoder = RequestDecoder::new(Limits::request());
    decoder.feed(&line);
    if let Some(request) = decoder.next_request()? {
        let mut array = BytesMut::with_capacity(line.len() * 2);
        encode_command(request.words(), &mut array);
        array.extend_from_slice(input);
        *input = array;
    }
    Ok(())
}

/// What is still to come of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// Words whose length has not been read.
    words: usize,
    /// Bytes of the word being read, without its line ending.
    payload: usize,
    /// Bytes of the line ending after it.
    ending: u8,
}

impl Rest {
    const fn of(words: usize) -> Self {
        Self {
            words,
            payload: 0,
            ending: 0,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.words == 0 && self.payload == 0 && self.ending == 0
    }

    /// Goes on as far as `buf` reaches, and gives how much of it belongs to the request. Given the
    /// rest of `buf` with more at its end, it goes on from there.
    #[inline]
    pub(super) fn advance(&mut self, buf: &[u8]) -> Result<usize, Error> {
        let mut at = 0;
        loop {
            let there = self.payload.min(buf.len() - at);
            self.payload -= there;
            at += there;
            while self.payload == 0 && self.ending > 0 && at < buf.len() {
                let expected = if self.ending == 2 { b'\r' } else { b'\n' };
                if buf[at] != expected {
                    return Err(Error::PayloadEnding);
                }
                self.ending -= 1;
                at += 1;
            }
            if self.payload > 0 || self.ending > 0 || self.words == 0 {
                return Ok(at);
            }
            let Some((length, size)) = word_length(&buf[at..])? else {
                return Ok(at);
            };
            self.words -= 1;
            self.payload = length;
            self.ending = 2;
            at += size;
        }
    }
}

/// The words of a request that have arrived whole, of the bytes after its head.
pub(super) fn words(mut body: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, size) = word_length(body).ok()??;
        let word = body.get(size..size.checked_add(length)?)?;
        body = body.get(size + length + 2..).unwrap_or_default();
        Some(word)
    })
}

#[inline]
fn word_length(buf: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    match buf.first() {
        None => return Ok(None),
        Some(b'$') => {}
        Some(&other) => return Err(Error::ExpectedBulk(other)),
    }
    let Some((length, size)) = number(buf, Error::BulkLength, Error::BulkCountTooBig)? else {
        return Ok(None);
    };
    let length = usize::try_from(length).map_err(|_| Error::BulkLength)?;
    Ok(Some((length, size)))
}

/// The number after the type byte, and where its line ends.
#[inline]
fn number(buf: &[u8], invalid: Error, too_big: Error) -> Result<Option<(i64, usize)>, Error> {
    let window = &buf[..buf.len().min(LINE_LIMIT + 1)];
    let Some(end) = window.iter().position(|byte| *byte == b'\r') else {
        return if window.len() > LINE_LIMIT {
            Err(too_big)
        } else {
            Ok(None)
        };
    };
    match buf.get(end + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(invalid),
    }
    let digits = buf.get(1..end).unwrap_or_default();
    plain(digits)
        .map(|number| Some((number, end + 2)))
        .ok_or(invalid)
}

/// A number as servers want it in a request: no plus sign, no leading zero, no `-0`.
#[inline]
fn plain(digits: &[u8]) -> Option<i64> {
    let (sign, digits) = match digits {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    match (sign, digits) {
        (1, b"0") => return Some(0),
        (_, [] | [b'0', ..]) => return None,
        _ => {}
    }
    digits.iter().try_fold(0_i64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(())?;
        number.checked_mul(10)?.checked_add(sign * i64::from(digit))
    })
}

/// Drops `count` bytes from the front.
pub(super) fn skip(input: &mut BytesMut, count: usize) {
    input.advance(count);
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
