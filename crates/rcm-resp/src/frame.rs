//! A decoded value.
//!
//! Decided here: which distinctions of the wire a reader keeps. Deliberately not here: what a
//! value means, and conversions that guess, as from a bulk string to a number.

use std::borrow::Cow;

use bytes::Bytes;

use crate::{
    decode,
    error::Error,
    limits::Limits,
    scan::{Progress, Scanner},
};

/// One value of RESP2 or RESP3.
///
/// Text is kept as the bytes it came in: servers promise no encoding. A decoded text is a slice of
/// the buffer it was read into and keeps that buffer alive, so copy what is kept for long.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// `+` A short text, such as `OK`.
    Simple(Bytes),
    /// `-` An error; its first word is a code.
    Error(Bytes),
    /// `:` An integer.
    Integer(i64),
    /// `$` Bytes.
    Bulk(Bytes),
    /// `_` Nothing. Also what both nulls of RESP2 are decoded to.
    Null,
    /// Nothing, where RESP2 has `*-1`. Never decoded; it is for servers, because some RESP2
    /// clients tell the null of a list from that of a string. In RESP3 the same as `Null`.
    NullArray,
    /// `*` Values in order.
    Array(Vec<Self>),
    /// `%` Keys with their values, in the order they came, doublets kept.
    Map(Vec<(Self, Self)>),
    /// `~` Values without order; kept as they came.
    Set(Vec<Self>),
    /// `>` Values no request asked for; the first names their kind.
    Push(Vec<Self>),
    /// `,` A floating point number.
    Double(f64),
    /// `#` A truth value.
    Boolean(bool),
    /// `(` An integer of any size, as its decimal digits.
    BigNumber(Bytes),
    /// `=` A text with its format, such as `txt` or `mkd`.
    Verbatim {
        /// The format, three bytes.
        format: [u8; 3],
        /// The text after it.
        text: Bytes,
    },
    /// `!` An error which may hold any bytes.
    BulkError(Bytes),
}

impl Frame {
    /// Decodes bytes that are exactly one frame, as a [`Scanner`] finds them.
    pub fn decode(bytes: &Bytes, limits: Limits) -> Result<Self, Error> {
        match Scanner::new(limits).scan(bytes)? {
            Progress::Frame { len } if len == bytes.len() => decode::frame(bytes),
            Progress::Frame { .. } | Progress::Need => Err(Error::NotOneFrame),
        }
    }

    /// `+OK`.
    pub const fn ok() -> Self {
        Self::Simple(Bytes::from_static(b"OK"))
    }

    /// A simple string. Line breaks in it are written as spaces.
    pub fn simple(text: impl Into<Bytes>) -> Self {
        Self::Simple(text.into())
    }

    /// An error; `message` begins with its code. Line breaks in it are written as spaces.
    pub fn error(message: impl Into<Bytes>) -> Self {
        Self::Error(message.into())
    }

    /// A bulk string.
    pub fn bulk(bytes: impl Into<Bytes>) -> Self {
        Self::Bulk(bytes.into())
    }

    /// What a server tells a client that broke the protocol, before it closes the connection.
    pub fn protocol_error(error: &Error) -> Self {
        Self::error(format!("ERR Protocol error: {error}"))
    }

    /// Whether this is `+OK`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Simple(text) if text == "OK")
    }

    /// Whether this is a null, of whatever kind.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullArray)
    }

    /// The bytes of a simple, bulk or verbatim string.
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        if let Self::Simple(text) | Self::Bulk(text) | Self::Verbatim { text, .. } = self {
            Some(text)
        } else {
            None
        }
    }

    /// The text of a simple, bulk or verbatim string, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes().and_then(|text| str::from_utf8(text).ok())
    }

    /// The value of an integer.
    pub const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The message of an error of either kind. Errors quote what clients sent, so what is not
    /// UTF-8 in them is replaced.
    pub fn as_error(&self) -> Option<Cow<'_, str>> {
        if let Self::Error(message) | Self::BulkError(message) = self {
            Some(String::from_utf8_lossy(message))
        } else {
            None
        }
    }

    /// The first word of an error, such as `LOADING` or `NOAUTH`.
    pub fn error_code(&self) -> Option<&str> {
        if let Self::Error(message) | Self::BulkError(message) = self {
            let code = message.split(|byte| *byte == b' ').next()?;
            str::from_utf8(code).ok()
        } else {
            None
        }
    }

    /// The values of an array, set or push.
    pub fn into_array(self) -> Option<Vec<Self>> {
        if let Self::Array(values) | Self::Set(values) | Self::Push(values) = self {
            Some(values)
        } else {
            None
        }
    }

    /// The entries of a map, or of the flat array which RESP2 has in its place.
    pub fn into_map(self) -> Option<Vec<(Self, Self)>> {
        match self {
            Self::Map(entries) => Some(entries),
            Self::Array(values) if values.len().is_multiple_of(2) => Some(pairs(values)),
            Self::Simple(_)
            | Self::Error(_)
            | Self::Integer(_)
            | Self::Bulk(_)
            | Self::Null
            | Self::NullArray
            | Self::Array(_)
            | Self::Set(_)
            | Self::Push(_)
            | Self::Double(_)
            | Self::Boolean(_)
            | Self::BigNumber(_)
            | Self::Verbatim { .. }
            | Self::BulkError(_) => None,
        }
    }
}

/// Takes values two by two; an odd one at the end is dropped.
pub(crate) fn pairs(values: Vec<Frame>) -> Vec<(Frame, Frame)> {
    let mut entries = Vec::with_capacity(values.len() / 2);
    let mut values = values.into_iter();
    while let (Some(key), Some(value)) = (values.next(), values.next()) {
        entries.push((key, value));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accessors_answer_only_for_their_own_kind() {
        assert!(Frame::ok().is_ok());
        assert!(!Frame::bulk("OK").is_ok());
        assert!(Frame::Null.is_null() && Frame::NullArray.is_null());
        assert_eq!(Frame::bulk("x").as_str(), Some("x"));
        assert_eq!(Frame::bulk(&b"\xff"[..]).as_str(), None);
        assert_eq!(Frame::bulk("12").as_integer(), None);
        assert_eq!(Frame::Integer(12).as_integer(), Some(12));
        assert_eq!(Frame::ok().as_error(), None);
        assert_eq!(Frame::ok().into_array(), None);
        assert_eq!(
            Frame::Push(vec![Frame::Null]).into_array(),
            Some(vec![Frame::Null])
        );
    }

    #[test]
    fn errors_give_their_code() {
        let message = "LOADING Redis is loading the dataset in memory";
        assert_eq!(Frame::error(message).error_code(), Some("LOADING"));
        assert_eq!(Frame::error(message).as_error().as_deref(), Some(message));
        assert_eq!(
            Frame::BulkError("SYNTAX".into()).error_code(),
            Some("SYNTAX")
        );
        assert_eq!(Frame::error("").error_code(), Some(""));
        assert_eq!(Frame::bulk("ERR no").error_code(), None);
    }

    #[test]
    fn a_flat_array_is_as_good_as_a_map() {
        let entries = vec![(Frame::bulk("role"), Frame::bulk("replica"))];
        let flat = Frame::Array(vec![Frame::bulk("role"), Frame::bulk("replica")]);
        assert_eq!(
            Frame::Map(entries.clone()).into_map(),
            Some(entries.clone())
        );
        assert_eq!(flat.into_map(), Some(entries));
        assert_eq!(Frame::Array(vec![Frame::Null]).into_map(), None);
        assert_eq!(Frame::Null.into_map(), None);
    }

    #[test]
    fn decode_takes_exactly_one_frame() {
        let check = |text: &'static [u8], expected| {
            assert_eq!(
                Frame::decode(&Bytes::from_static(text), Limits::reply()),
                expected
            );
        };
        check(b"+OK\r\n", Ok(Frame::ok()));
        check(b"+OK\r", Err(Error::NotOneFrame));
        check(b"+OK\r\n+OK\r\n", Err(Error::NotOneFrame));
        check(b"", Err(Error::NotOneFrame));
        check(b"OK\r\n", Err(Error::UnknownType(b'O')));
    }
}
