//! From bytes to frames.
//!
//! Decided here: what the values of a frame are. Where the frame ends and whether it is within
//! limits has been decided by the scanner before: only a complete, sound frame gets here. That is
//! why nothing is allocated for elements that were announced and never came.

use std::str::FromStr;

use bytes::{Bytes, BytesMut};

use crate::{
    error::Error,
    frame::{Frame, pairs},
    limits::Limits,
    scan::{Progress, Scanner},
    wire::{self, Length, Shape},
};

/// Decodes the frames of a byte stream.
///
/// Bytes go in with [`Decoder::feed`], or are read straight into [`Decoder::buffer_mut`].
/// The first error is also the last result: it is given again however often one asks.
#[derive(Debug)]
pub struct Decoder {
    scanner: Scanner,
    buffer: BytesMut,
    failed: Option<Error>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            scanner: Scanner::new(limits),
            buffer: BytesMut::new(),
            failed: None,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes that belong to no frame yet. Add to the end of them, and nothing else.
    pub const fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next frame that has arrived whole; `None` if there is none yet.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.try_next()
            .inspect_err(|error| self.failed = Some(*error))
    }

    fn try_next(&mut self) -> Result<Option<Frame>, Error> {
        match self.scanner.scan(&self.buffer)? {
            Progress::Need => Ok(None),
            Progress::Frame { len } => frame(&self.buffer.split_to(len).freeze()).map(Some),
        }
    }
}

/// Decodes a frame the scanner has approved of. Attributes are dropped: we never ask for any.
pub(crate) fn frame(bytes: &Bytes) -> Result<Frame, Error> {
    let mut reader = Reader { bytes, position: 0 };
    let mut levels: Vec<Level> = Vec::new();
    loop {
        let value = match reader.next()? {
            Piece::Value(value) => Some(value),
            Piece::Open(level) if level.missing == 0 => level.close(),
            Piece::Open(level) => {
                levels.push(level);
                None
            }
        };
        if let Some(value) = value
            && let Some(whole) = place(&mut levels, value)
        {
            return Ok(whole);
        }
    }
}

/// Puts a value where it belongs: into the innermost level, which may complete it and so make it
/// a value for the level around it. The outermost value is given back.
fn place(levels: &mut Vec<Level>, value: Frame) -> Option<Frame> {
    let mut value = value;
    while let Some(level) = levels.last_mut() {
        level.values.push(value);
        level.missing = level.missing.saturating_sub(1);
        if level.missing > 0 {
            return None;
        }
        value = levels.pop()?.close()?;
    }
    Some(value)
}

/// What one type byte begins.
enum Piece {
    Value(Frame),
    Open(Level),
}

/// An aggregate whose values are being read.
struct Level {
    type_byte: u8,
    missing: usize,
    values: Vec<Frame>,
}

impl Level {
    /// The aggregate as a value; `None` for an attribute, which is none.
    fn close(self) -> Option<Frame> {
        match self.type_byte {
            b'|' => None,
            b'%' => Some(Frame::Map(pairs(self.values))),
            b'~' => Some(Frame::Set(self.values)),
            b'>' => Some(Frame::Push(self.values)),
            _ => Some(Frame::Array(self.values)),
        }
    }
}

struct Reader<'a> {
    bytes: &'a Bytes,
    position: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Piece, Error> {
        let type_byte = *self.bytes.get(self.position).ok_or(Error::NotOneFrame)?;
        self.position += 1;
        let shape = Shape::of(type_byte)?;
        if shape == Shape::Line {
            let line = self.line()?;
            return line_value(type_byte, line).map(Piece::Value);
        }
        let found = wire::length(self.bytes, self.position, type_byte)?;
        let (length, head_end) = found.ok_or(Error::NotOneFrame)?;
        self.position = head_end;
        let count = match length {
            Length::Null => return Ok(Piece::Value(Frame::Null)),
            Length::Of(count) => count,
        };
        let missing = match shape {
            Shape::Line | Shape::Payload => {
                let payload = self.take(count, count.saturating_add(2))?;
                return payload_value(type_byte, payload).map(Piece::Value);
            }
            Shape::Values => count,
            Shape::Pairs | Shape::Attribute => count.saturating_mul(2),
        };
        // Every value takes three bytes or more, and all of them are here.
        let capacity = missing.min(self.bytes.len() / 3);
        Ok(Piece::Open(Level {
            type_byte,
            missing,
            values: Vec::with_capacity(capacity),
        }))
    }

    fn line(&mut self) -> Result<Bytes, Error> {
        let end = wire::line_end(self.bytes, self.position)?.ok_or(Error::NotOneFrame)?;
        let length = end - self.position;
        self.take(length, length + 2)
    }

    /// Takes `length` bytes and goes `step` bytes ahead.
    fn take(&mut self, length: usize, step: usize) -> Result<Bytes, Error> {
        let end = self
            .position
            .checked_add(step)
            .filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Error::NotOneFrame)?;
        let taken = self.bytes.slice(self.position..self.position + length);
        self.position = end;
        Ok(taken)
    }
}

fn line_value(type_byte: u8, line: Bytes) -> Result<Frame, Error> {
    match type_byte {
        b'+' => Ok(Frame::Simple(line)),
        b'-' => Ok(Frame::Error(line)),
        b':' => number(&line)
            .map(Frame::Integer)
            .ok_or(Error::Malformed("integer")),
        b',' => number(&line)
            .map(Frame::Double)
            .ok_or(Error::Malformed("double")),
        b'#' if line == "t" => Ok(Frame::Boolean(true)),
        b'#' if line == "f" => Ok(Frame::Boolean(false)),
        b'#' => Err(Error::Malformed("boolean")),
        b'_' if line.is_empty() => Ok(Frame::Null),
        b'_' => Err(Error::Malformed("null")),
        b'(' if is_decimal(&line) => Ok(Frame::BigNumber(line)),
        b'(' => Err(Error::Malformed("big number")),
        unknown => Err(Error::UnknownType(unknown)),
    }
}

fn payload_value(type_byte: u8, payload: Bytes) -> Result<Frame, Error> {
    match type_byte {
        b'$' => Ok(Frame::Bulk(payload)),
        b'!' => Ok(Frame::BulkError(payload)),
        b'=' => match payload.first_chunk() {
            Some(&[a, b, c, b':']) => Ok(Frame::Verbatim {
                format: [a, b, c],
                text: payload.slice(4..),
            }),
            Some(_) | None => Err(Error::Malformed("verbatim string")),
        },
        unknown => Err(Error::UnknownType(unknown)),
    }
}

/// Integers and doubles: the grammar of RESP for them is the one of the standard library.
fn number<T: FromStr>(line: &[u8]) -> Option<T> {
    str::from_utf8(line).ok()?.parse().ok()
}

fn is_decimal(line: &[u8]) -> bool {
    let digits = line
        .strip_prefix(b"-")
        .or_else(|| line.strip_prefix(b"+"))
        .unwrap_or(line);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
