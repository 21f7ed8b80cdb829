//! The two things RESP is made of: a length after a type byte, and a line.
//!
//! Decided here: their exact grammar. The scanner and the decoder both read through these
//! functions, so they cannot disagree about where something ends.

use crate::error::Error;

/// What follows the type byte of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Text up to CRLF.
    Line,
    /// A length, so many bytes, CRLF.
    Payload,
    /// A count, so many values.
    Values,
    /// A count, twice as many values.
    Pairs,
    /// As `Pairs`, and then the value it annotates: an attribute is not a value itself.
    Attribute,
}

impl Shape {
    #[inline]
    pub(crate) const fn of(type_byte: u8) -> Result<Self, Error> {
        match type_byte {
            b'$' | b'!' | b'=' => Ok(Self::Payload),
            b'*' | b'~' | b'>' => Ok(Self::Values),
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Ok(Self::Line),
            b'%' => Ok(Self::Pairs),
            b'|' => Ok(Self::Attribute),
            unknown => Err(Error::UnknownType(unknown)),
        }
    }
}

/// A length or count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Of(usize),
    /// `-1`, which RESP2 writes for null, after `$` and `*` only.
    Null,
}

/// Reads the length that begins at `start`, just after `type_byte`, and gives it with the offset
/// after its CRLF; `None` if it has not arrived whole.
///
/// As strict as Redis: no sign, no leading zero. This also bounds an unfinished length to the
/// digits of a `usize`, so that reading it anew after every read costs nothing.
#[inline]
pub(crate) fn length(
    buf: &[u8],
    start: usize,
    type_byte: u8,
) -> Result<Option<(Length, usize)>, Error> {
    let invalid = Error::Length(type_byte);
    let Some(rest) = buf.get(start..) else {
        return Ok(None);
    };
    let mut value = 0_usize;
    // A digit loop, not a search for the CR: lengths have one to four digits, where a search
    // costs more to set up than it saves.
    for (index, &byte) in rest.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            if value == 0 && index > 0 {
                return Err(invalid);
            }
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(usize::from(digit)))
                .ok_or(invalid)?;
        } else if byte == b'\r' && index > 0 {
            return match rest.get(index + 1) {
                Some(b'\n') => Ok(Some((Length::Of(value), start + index + 2))),
                Some(_) => Err(Error::LineEnding),
                None => Ok(None),
            };
        } else if index == 0 {
            return unusual_length(rest, type_byte)
                .map(|length| length.map(|(length, size)| (length, start + size)));
        } else {
            return Err(invalid);
        }
    }
    Ok(None)
}

/// A length that does not begin with a digit, and its size with the CRLF.
#[cold]
fn unusual_length(rest: &[u8], type_byte: u8) -> Result<Option<(Length, usize)>, Error> {
    const NULL: &[u8] = b"-1\r\n";
    if rest.first() == Some(&b'?') {
        return Err(Error::Streamed(type_byte));
    }
    if !matches!(type_byte, b'$' | b'*') {
        return Err(Error::Length(type_byte));
    }
    match rest.get(..NULL.len()) {
        Some(NULL) => Ok(Some((Length::Null, NULL.len()))),
        None if NULL.starts_with(rest) => Ok(None),
        Some(_) | None => Err(Error::Length(type_byte)),
    }
}

/// The offset of the CR that ends the line around `from`; `None` if it has not arrived, nor the LF
/// after it.
#[inline]
pub(crate) fn line_end(buf: &[u8], from: usize) -> Result<Option<usize>, Error> {
    let Some(rest) = buf.get(from..) else {
        return Ok(None);
    };
    let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Ok(None);
    };
    match rest.get(end..) {
        Some([b'\r', b'\n', ..]) => Ok(Some(from + end)),
        Some([b'\r']) => Ok(None),
        Some(_) | None => Err(Error::LineEnding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_plain_decimal_numbers() {
        let check = |text: &[u8], expected| assert_eq!(length(text, 1, text[0]), expected);
        check(b"$0\r\n", Ok(Some((Length::Of(0), 4))));
        check(b"$120\r\nrest", Ok(Some((Length::Of(120), 6))));
        check(b"$-1\r\n", Ok(Some((Length::Null, 5))));
        check(b"*-1\r\n", Ok(Some((Length::Null, 5))));
        for prefix in [&b"$"[..], b"$1", b"$12", b"$12\r", b"$-", b"$-1", b"$-1\r"] {
            check(prefix, Ok(None));
        }
        for text in [
            &b"$\r\n"[..],
            b"$-0\r\n",
            b"$-2\r\n",
            b"$-10\r\n",
            b"$+1\r\n",
            b"$01\r\n",
            b"$00\r\n",
            b"$1 \r\n",
            b"$ 1\r\n",
            b"$1\n",
            b"$\0\r\n",
            b"$1\0\r\n",
            b"$1a\r\n",
            b"$-1\n",
            b"$18446744073709551616\r\n",
            b"$99999999999999999999999",
        ] {
            check(text, Err(Error::Length(b'$')));
        }
        check(b"%-1\r\n", Err(Error::Length(b'%')));
        check(b"=-1\r\n", Err(Error::Length(b'=')));
        check(b"$1\r\r", Err(Error::LineEnding));
        check(b"$?\r\n", Err(Error::Streamed(b'$')));
        check(b"|?", Err(Error::Streamed(b'|')));
    }

    #[test]
    fn lines_end_with_crlf_and_hold_neither() {
        let check = |text: &[u8], expected| assert_eq!(line_end(text, 0), expected);
        check(b"OK\r\n", Ok(Some(2)));
        check(b"\r\n", Ok(Some(0)));
        check(b"a\0b\r\n", Ok(Some(3)));
        check(b"", Ok(None));
        check(b"OK", Ok(None));
        check(b"OK\r", Ok(None));
        check(b"OK\n", Err(Error::LineEnding));
        check(b"OK\r\r\n", Err(Error::LineEnding));
        check(b"O\rK\r\n", Err(Error::LineEnding));
        check(b"OK\n\r", Err(Error::LineEnding));
    }
}
