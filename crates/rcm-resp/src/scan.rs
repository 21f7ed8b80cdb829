//! Where a frame ends.
//!
//! Decided here: frame boundaries, and which frames are too deep, too wide or too long.
//! Deliberately not here: what the values say. `:x` has a sound boundary and is refused only by
//! the decoder, because whoever passes frames on need not understand them.
//!
//! The scanner looks at headers and jumps over payloads. Its state is a position and one count
//! per open level, so it resumes where it stopped, however the stream is cut.

use crate::{
    error::Error,
    limits::Limits,
    wire::{self, Length, Shape},
};

/// What a look at the bytes so far has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The frame goes on after these bytes.
    Need,
    /// The frame is complete.
    Frame {
        /// Its length: the bytes from the start of the buffer that belong to it.
        len: usize,
    },
}

/// A resumable search for the end of a frame.
///
/// Give it the buffer from the start of a frame on, and the same buffer with more at its end
/// until it says [`Progress::Frame`]. It is then ready for the next frame, at the start of which
/// the next buffer must begin. After an error it keeps giving that error for the same bytes.
///
/// A frame need not be held whole: see [`Scanner::discard`].
#[derive(Debug, Clone)]
pub struct Scanner {
    limits: Limits,
    /// Offset of the next byte to look at. Beyond the buffer while a payload is arriving.
    position: usize,
    /// Bytes of this frame which the caller has already taken out of the buffer.
    discarded: usize,
    /// Whether `position` is at the end of a payload, where its CRLF has to be.
    at_payload_end: bool,
    /// Bytes after the type byte at `position` known to contain no line ending.
    searched: usize,
    /// Values announced in this frame, on all levels.
    elements: usize,
    /// Values still to come on the innermost open level.
    missing: usize,
    /// The same for the levels around it, of which there are `depth`.
    outer: [usize; Limits::DEPTH_CEILING],
    depth: usize,
}

impl Scanner {
    /// A scanner at the start of a frame.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            position: 0,
            discarded: 0,
            at_payload_end: false,
            searched: 0,
            elements: 0,
            missing: 1,
            outer: [0; Limits::DEPTH_CEILING],
            depth: 0,
        }
    }

    /// Goes on to the end of the frame, or of what has arrived of it.
    #[inline]
    pub fn scan(&mut self, buf: &[u8]) -> Result<Progress, Error> {
        loop {
            let arrived = if self.at_payload_end {
                self.end_payload(buf)?
            } else {
                self.value(buf)?
            };
            if !arrived {
                return Ok(Progress::Need);
            }
            if self.close_levels() {
                return Ok(Progress::Frame {
                    len: self.restart(),
                });
            }
        }
    }

    /// How many bytes need not be looked at again, from the start of the buffer. While a payload
    /// is arriving this is more than the buffer holds, by the rest of the payload.
    pub const fn scanned(&self) -> usize {
        self.position
    }

    /// Tells the scanner that `count` bytes were taken from the front of the buffer before the
    /// frame was complete, which is how a long value is passed on without being held.
    ///
    /// No more than [`Scanner::scanned`] bytes may be taken. A later [`Progress::Frame`] counts
    /// from the start of the shorter buffer.
    pub const fn discard(&mut self, count: usize) {
        debug_assert!(count <= self.position, "unscanned bytes were taken");
        self.position = self.position.saturating_sub(count);
        self.discarded = self.discarded.saturating_add(count);
    }

    /// Reads a value, or the head of an aggregate. `false` if more is needed; the value is then
    /// begun anew, except that a payload is waited for and a line is not searched twice.
    #[inline]
    fn value(&mut self, buf: &[u8]) -> Result<bool, Error> {
        let Some(&type_byte) = buf.get(self.position) else {
            return Ok(false);
        };
        let shape = Shape::of(type_byte)?;
        if shape == Shape::Line {
            return self.line(buf);
        }
        let Some((length, head_end)) = wire::length(buf, self.position + 1, type_byte)? else {
            return Ok(false);
        };
        match (shape, length) {
            (Shape::Line, _) | (_, Length::Null) => {
                self.advance(head_end, 0)?;
                self.missing -= 1;
            }
            (Shape::Payload, Length::Of(length)) => {
                self.payload(head_end, length)?;
                return self.end_payload(buf);
            }
            (Shape::Values, Length::Of(count)) => self.aggregate(head_end, Some(count), 1)?,
            (Shape::Pairs, Length::Of(count)) => {
                self.aggregate(head_end, count.checked_mul(2), 1)?;
            }
            // An attribute opens a level, but is not the value the level around it waits for.
            (Shape::Attribute, Length::Of(count)) => {
                self.aggregate(head_end, count.checked_mul(2), 0)?;
            }
        }
        Ok(true)
    }

    fn line(&mut self, buf: &[u8]) -> Result<bool, Error> {
        let limit = self.limits.max_inline;
        let start = self.position + 1;
        // Nothing after the longest line with its CRLF is looked at: what was read too much must
        // not decide which error is found.
        let window_end = start.saturating_add(limit).saturating_add(2);
        let window = buf.get(..window_end).unwrap_or(buf);
        if let Some(end) = wire::line_end(window, start + self.searched)? {
            self.advance(end + 2, 0)?;
            self.searched = 0;
            self.missing -= 1;
            return Ok(true);
        }
        if window.len() == window_end {
            return Err(Error::LineTooLong { limit });
        }
        // A CR at the very end is looked at again, together with what follows it.
        self.searched = window
            .strip_suffix(b"\r")
            .unwrap_or(window)
            .len()
            .saturating_sub(start);
        Ok(false)
    }

    #[inline]
    fn payload(&mut self, head_end: usize, length: usize) -> Result<(), Error> {
        let limit = self.limits.max_bulk;
        if length > limit {
            return Err(Error::BulkTooLong { length, limit });
        }
        // Counted with its CRLF, so that a frame which is too long is refused before it arrives.
        self.advance(head_end, length.saturating_add(2))?;
        self.position -= 2;
        self.missing -= 1;
        self.at_payload_end = true;
        Ok(())
    }

    #[inline]
    fn end_payload(&mut self, buf: &[u8]) -> Result<bool, Error> {
        let Some(ending) = buf.get(self.position..self.position.saturating_add(2)) else {
            return Ok(false);
        };
        if ending != b"\r\n" {
            return Err(Error::PayloadEnding);
        }
        self.position += 2;
        self.at_payload_end = false;
        Ok(true)
    }

    /// Opens a level of so many values (`None`: more than can be counted), which fills `places`
    /// on the level around it.
    #[inline]
    fn aggregate(
        &mut self,
        head_end: usize,
        values: Option<usize>,
        places: usize,
    ) -> Result<(), Error> {
        let limit = self.limits.max_elements;
        let too_many = Error::TooManyElements { limit };
        let values = values.ok_or(too_many)?;
        // What fills no place is counted nowhere else: it is an element too, or a stream of empty
        // attributes would be a frame of no elements.
        let announced = self.elements.checked_add(values);
        let elements = announced.and_then(|announced| announced.checked_add(1 - places));
        let elements = elements
            .filter(|elements| *elements <= limit)
            .ok_or(too_many)?;

        let limit = self.limits.max_depth.min(Limits::DEPTH_CEILING);
        let allowed = self.outer.get_mut(..limit).unwrap_or_default();
        let outer = allowed
            .get_mut(self.depth)
            .ok_or(Error::TooDeep { limit })?;
        *outer = self.missing - places;

        self.advance(head_end, 0)?;
        self.elements = elements;
        self.missing = values;
        self.depth += 1;
        Ok(())
    }

    /// Moves `position` to `offset + length` if the frame may be that long.
    #[inline]
    fn advance(&mut self, offset: usize, length: usize) -> Result<(), Error> {
        let limit = self.limits.max_frame;
        let position = offset.checked_add(length);
        match position.and_then(|position| position.checked_add(self.discarded)) {
            Some(total) if total <= limit => self.position = total - self.discarded,
            _ => return Err(Error::FrameTooLong { limit }),
        }
        Ok(())
    }

    /// Leaves the levels that are complete; whether the frame is.
    #[inline]
    fn close_levels(&mut self) -> bool {
        while self.missing == 0 {
            let Some(depth) = self.depth.checked_sub(1) else {
                return true;
            };
            self.missing = self.outer.get(depth).copied().unwrap_or(0);
            self.depth = depth;
        }
        false
    }

    /// Gets ready for the next frame and gives the length of this one.
    #[inline]
    const fn restart(&mut self) -> usize {
        let len = self.position;
        self.position = 0;
        self.discarded = 0;
        self.elements = 0;
        self.missing = 1;
        len
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
