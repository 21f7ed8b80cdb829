//! Requests, as servers read them.
//!
//! Decided here: what a client may send to a door of ours, and the error it gets otherwise, with
//! the texts Redis has for it: an array of bulk strings, or an inline request, one line of words.
//! As in Redis, requests of no words at all are skipped without an answer.
//!
//! Stricter than Redis in one thing: Redis takes any two bytes where a CRLF belongs after an
//! argument. Here they are checked, so that no one in between can be made to see other requests.
//!
//! Deliberately not here: which commands exist, and who may send them.

use bytes::{Buf, Bytes, BytesMut};

use crate::{error::Error, inline, limits::Limits};

/// One request: the name of a command and its arguments, as the client wrote them.
///
/// The words of a request share the buffer they came in and keep it alive, so copy what is kept
/// for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Never empty.
    words: Vec<Bytes>,
}

impl Request {
    /// The name of the command.
    pub fn name(&self) -> &[u8] {
        self.words.first().map_or(&[], |name| name)
    }

    /// Whether this is the command called `name`, which clients write in either case.
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// The arguments after the name.
    pub fn arguments(&self) -> &[Bytes] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The name and the arguments; never empty.
    pub fn words(&self) -> &[Bytes] {
        &self.words
    }

    /// The name and the arguments; never empty.
    pub fn into_words(self) -> Vec<Bytes> {
        self.words
    }
}

/// Decodes the requests of a byte stream.
///
/// Bytes go in with [`RequestDecoder::feed`], or are read straight into
/// [`RequestDecoder::buffer_mut`]. The first error is also the last result: it is given again
/// however often one asks.
#[derive(Debug)]
pub struct RequestDecoder {
    limits: Limits,
    /// The stream from the first byte on that has not become part of `words`.
    buffer: BytesMut,
    /// Bytes at the front of `buffer` known to contain no line ending.
    searched: usize,
    /// Words the request being read still lacks; 0 between requests.
    missing: usize,
    /// Length of the word being read, once that is known.
    word: Option<usize>,
    /// The request being read.
    words: Vec<Bytes>,
    /// Bytes of the request being read that have left `buffer`.
    taken: usize,
    failed: Option<Error>,
}

impl RequestDecoder {
    /// A decoder at the start of a stream. Of the limits, depth means nothing to requests.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: BytesMut::new(),
            searched: 0,
            missing: 0,
            word: None,
            words: Vec::new(),
            taken: 0,
            failed: None,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes that have not been decoded yet. Add to the end of them, and nothing else.
    pub const fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next request that has arrived whole; `None` if there is none yet.
    pub fn next_request(&mut self) -> Result<Option<Request>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.try_next()
            .inspect_err(|error| self.failed = Some(*error))
    }

    fn try_next(&mut self) -> Result<Option<Request>, Error> {
        loop {
            let arrived = match (self.missing, self.buffer.first()) {
                (0, None) => false,
                (0, Some(b'*')) => self.multibulk_head()?,
                (0, Some(_)) => self.inline()?,
                (_, _) => self.bulk()?,
            };
            if !arrived {
                return Ok(None);
            }
            if self.missing == 0 {
                self.taken = 0;
                if !self.words.is_empty() {
                    return Ok(Some(Request {
                        words: std::mem::take(&mut self.words),
                    }));
                }
            }
        }
    }

    /// One line of words. `false` if it has not arrived whole.
    fn inline(&mut self) -> Result<bool, Error> {
        let Some(end) = self.find(b'\n', Error::InlineTooBig)? else {
            return Ok(false);
        };
        let line = self.buffer.get(..end).unwrap_or_default();
        self.words = inline::split(line.strip_suffix(b"\r").unwrap_or(line))?;
        self.skip(end + 1)?;
        Ok(true)
    }

    /// The number of words in a request. `false` if it has not arrived whole.
    fn multibulk_head(&mut self) -> Result<bool, Error> {
        let count = self.length(Error::MultibulkLength, Error::MultibulkCountTooBig)?;
        let Some(count) = count else { return Ok(false) };
        // As in Redis, any negative number stands for no words.
        let count = usize::try_from(count.max(0)).map_err(|_| Error::MultibulkLength)?;
        if count > self.limits.max_elements {
            return Err(Error::MultibulkLength);
        }
        self.missing = count;
        Ok(true)
    }

    /// One word of a request. `false` if it has not arrived whole.
    fn bulk(&mut self) -> Result<bool, Error> {
        let Some(length) = self.word_length()? else {
            return Ok(false);
        };
        let Some(ending) = self.buffer.get(length..length.saturating_add(2)) else {
            return Ok(false);
        };
        if ending != b"\r\n" {
            return Err(Error::PayloadEnding);
        }
        self.words.push(self.buffer.split_to(length).freeze());
        self.buffer.advance(2);
        self.taken += length + 2;
        self.word = None;
        self.missing -= 1;
        Ok(true)
    }

    /// The length of the word being read, which is remembered until the word has arrived.
    fn word_length(&mut self) -> Result<Option<usize>, Error> {
        if self.word.is_some() {
            return Ok(self.word);
        }
        match self.buffer.first() {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&other) => return Err(Error::ExpectedBulk(other)),
        }
        let Some(length) = self.length(Error::BulkLength, Error::BulkCountTooBig)? else {
            return Ok(None);
        };
        let length = usize::try_from(length).map_err(|_| Error::BulkLength)?;
        if length > self.limits.max_bulk {
            return Err(Error::BulkLength);
        }
        let limit = self.limits.max_frame;
        let total = self
            .taken
            .checked_add(length)
            .and_then(|total| total.checked_add(2));
        if total.is_none_or(|total| total > limit) {
            return Err(Error::FrameTooLong { limit });
        }
        self.word = Some(length);
        Ok(self.word)
    }

    /// Takes the number that follows the type byte; `None` if it has not arrived whole.
    fn length(&mut self, invalid: Error, too_big: Error) -> Result<Option<i64>, Error> {
        let Some(end) = self.find(b'\r', too_big)? else {
            return Ok(None);
        };
        match self.buffer.get(end + 1) {
            None => return Ok(None),
            Some(b'\n') => {}
            Some(_) => return Err(invalid),
        }
        let number = self
            .buffer
            .get(1..end)
            .and_then(plain_number)
            .ok_or(invalid)?;
        self.skip(end + 2)?;
        Ok(Some(number))
    }

    /// The offset of the next `ending`; `None` if it has not arrived. More than a line may have is
    /// not looked at: what was read too much must not decide which error is found.
    fn find(&mut self, ending: u8, too_big: Error) -> Result<Option<usize>, Error> {
        let window_end = self.limits.max_inline.saturating_add(1);
        let window = self.buffer.get(..window_end).unwrap_or(&self.buffer);
        let unsearched = window.get(self.searched..).unwrap_or_default();
        if let Some(offset) = unsearched.iter().position(|byte| *byte == ending) {
            self.searched += offset;
            return Ok(Some(self.searched));
        }
        if window.len() == window_end {
            return Err(too_big);
        }
        self.searched = window.len();
        Ok(None)
    }

    /// Drops a line that has been read.
    fn skip(&mut self, count: usize) -> Result<(), Error> {
        let limit = self.limits.max_frame;
        self.taken += count;
        if self.taken > limit {
            return Err(Error::FrameTooLong { limit });
        }
        self.buffer.advance(count);
        self.searched = 0;
        Ok(())
    }
}

/// A number as Redis wants it in a request: no plus sign, no leading zero, no `-0`.
fn plain_number(text: &[u8]) -> Option<i64> {
    match text {
        b"0" => Some(0),
        [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
