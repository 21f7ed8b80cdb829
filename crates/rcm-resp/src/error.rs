//! What can be wrong with a byte stream.
//!
//! None of these can be recovered from: the place where the next frame begins is lost. A caller
//! closes the connection.

/// How a peer broke the protocol or exceeded a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A value began with a byte that names no type.
    #[error("unknown type byte {}", Quoted(*.0))]
    UnknownType(u8),
    /// A value of unknown length (`$?`, `*?`). No server sends them, so they are not supported.
    #[error("streamed values (length ? after {}) are not supported", Quoted(*.0))]
    Streamed(u8),
    /// A length that is not a plain decimal number, is negative, or has more than 64 bits.
    #[error("invalid length after {}", Quoted(*.0))]
    Length(u8),
    /// A line with a lone CR or LF in it. Redis writes none, and accepting one would let two
    /// parsers disagree about where a frame ends.
    #[error("line not ended by CRLF")]
    LineEnding,
    /// The bytes after a payload of declared length are not CRLF.
    #[error("payload not ended by CRLF")]
    PayloadEnding,
    /// A frame whose boundaries are sound, with a value in it that does not mean anything.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// Bytes handed over as one whole frame are none: something is missing, or left over.
    #[error("not exactly one frame")]
    NotOneFrame,

    /// See [`Limits::max_bulk`](crate::Limits::max_bulk).
    #[error("bulk of {length} bytes is longer than the limit of {limit}")]
    BulkTooLong {
        /// Declared length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// See [`Limits::max_depth`](crate::Limits::max_depth).
    #[error("frame is nested deeper than the limit of {limit} levels")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// See [`Limits::max_elements`](crate::Limits::max_elements).
    #[error("frame has more elements than the limit of {limit}")]
    TooManyElements {
        /// The limit in values.
        limit: usize,
    },
    /// See [`Limits::max_inline`](crate::Limits::max_inline).
    #[error("line is longer than the limit of {limit} bytes")]
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// See [`Limits::max_frame`](crate::Limits::max_frame).
    #[error("frame is longer than the limit of {limit} bytes")]
    FrameTooLong {
        /// The limit in bytes.
        limit: usize,
    },

    // Of requests. Clients and their tests know these texts, so they are the ones of Redis and
    // name no limit.
    /// The number of arguments is no number or above the limit.
    #[error("invalid multibulk length")]
    MultibulkLength,
    /// The length of an argument is no number, negative, or above the limit.
    #[error("invalid bulk length")]
    BulkLength,
    /// An argument that is not a bulk string.
    #[error("expected '$', got {}", Quoted(*.0))]
    ExpectedBulk(u8),
    /// An inline request with a quote that is not closed, or closed in the middle of a word.
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes,
    /// An inline request longer than the limit on lines.
    #[error("too big inline request")]
    InlineTooBig,
    /// The number of arguments is written longer than the limit on lines.
    #[error("too big mbulk count string")]
    MultibulkCountTooBig,
    /// The length of an argument is written longer than the limit on lines.
    #[error("too big bulk count string")]
    BulkCountTooBig,
}

/// A byte in quotes, readable also when it is not a character.
struct Quoted(u8);

impl std::fmt::Display for Quoted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            byte @ b' '..=b'~' => write!(f, "'{}'", char::from(byte)),
            byte => write!(f, "'\\x{byte:02x}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_thing_and_the_limit() {
        let check = |error: Error, text: &str| assert_eq!(error.to_string(), text);
        check(Error::UnknownType(b'\''), "unknown type byte '''");
        check(Error::UnknownType(0), r"unknown type byte '\x00'");
        check(
            Error::Streamed(b'*'),
            "streamed values (length ? after '*') are not supported",
        );
        check(Error::Length(b'$'), "invalid length after '$'");
        check(Error::LineEnding, "line not ended by CRLF");
        check(Error::PayloadEnding, "payload not ended by CRLF");
        check(Error::Malformed("integer"), "malformed integer");
        check(Error::NotOneFrame, "not exactly one frame");
        check(
            Error::BulkTooLong {
                length: 9,
                limit: 8,
            },
            "bulk of 9 bytes is longer than the limit of 8",
        );
        check(
            Error::TooDeep { limit: 32 },
            "frame is nested deeper than the limit of 32 levels",
        );
        check(
            Error::TooManyElements { limit: 7 },
            "frame has more elements than the limit of 7",
        );
        check(
            Error::LineTooLong { limit: 7 },
            "line is longer than the limit of 7 bytes",
        );
        check(
            Error::FrameTooLong { limit: 7 },
            "frame is longer than the limit of 7 bytes",
        );
    }

    #[test]
    fn request_messages_are_those_of_redis() {
        let check = |error: Error, text: &str| assert_eq!(error.to_string(), text);
        check(Error::MultibulkLength, "invalid multibulk length");
        check(Error::BulkLength, "invalid bulk length");
        check(Error::ExpectedBulk(b'x'), "expected '$', got 'x'");
        check(Error::UnbalancedQuotes, "unbalanced quotes in request");
        check(Error::InlineTooBig, "too big inline request");
        check(Error::MultibulkCountTooBig, "too big mbulk count string");
        check(Error::BulkCountTooBig, "too big bulk count string");
    }
}
