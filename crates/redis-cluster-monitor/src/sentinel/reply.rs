//! The shapes of replies, and the errors that Redis has texts for.

use bytes::Bytes;
use rcm_resp::Frame;

/// The error of a group that nobody watches.
pub(super) const NO_SUCH_GROUP: &str = "ERR No such master with that name";
/// The error of who has not said the password.
pub(super) const NO_AUTH: &str = "NOAUTH Authentication required.";
/// The error of a password or name that is not the right one.
pub(super) const WRONG_PASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";
/// The error of arguments in no order that makes sense.
pub(super) const SYNTAX: &str = "ERR syntax error";
/// The error of text where a number belongs.
pub(super) const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";

/// Quoted words of clients are cut off after this many bytes.
const QUOTED: usize = 128;

pub(super) fn text(text: impl Into<Bytes>) -> Frame {
    Frame::Bulk(text.into())
}

pub(super) const fn word(text: &'static str) -> Frame {
    Frame::Bulk(Bytes::from_static(text.as_bytes()))
}

pub(super) fn error(text: impl Into<Bytes>) -> Frame {
    Frame::error(text)
}

pub(super) fn lines(lines: impl IntoIterator<Item = &'static str>) -> Frame {
    let line = |line: &'static str| Frame::Simple(Bytes::from_static(line.as_bytes()));
    Frame::Array(lines.into_iter().map(line).collect())
}

pub(super) fn integer(number: usize) -> Frame {
    Frame::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

pub(super) fn unknown_command(words: &[Bytes]) -> Frame {
    let (name, arguments) = words
        .split_first()
        .map_or((&[][..], &[][..]), |(name, rest)| (name.as_ref(), rest));
    let mut quoted = Vec::new();
    for argument in arguments {
        if quoted.len() >= QUOTED {
            break;
        }
        let room = QUOTED - quoted.len();
        quoted.push(b'\'');
        quoted.extend_from_slice(argument.get(..room).unwrap_or(argument));
        quoted.extend_from_slice(b"' ");
    }
    let mut message = b"ERR unknown command '".to_vec();
    message.extend_from_slice(name.get(..QUOTED).unwrap_or(name));
    message.extend_from_slice(b"', with args beginning with: ");
    message.extend_from_slice(&quoted);
    error(message)
}

pub(super) fn unknown_subcommand(container: &str, subcommand: &[u8]) -> Frame {
    let mut message = b"ERR unknown subcommand '".to_vec();
    message.extend_from_slice(subcommand.get(..QUOTED).unwrap_or(subcommand));
    message.extend_from_slice(b"'. Try ");
    message.extend_from_slice(container.to_uppercase().as_bytes());
    message.extend_from_slice(b" HELP.");
    error(message)
}

/// `name` is the whole one, as `sentinel|master`.
pub(super) fn wrong_arity(name: &str) -> Frame {
    error(format!(
        "ERR wrong number of arguments for '{name}' command"
    ))
}

/// An error that quotes what a client wrote.
pub(super) fn quoting(before: &str, quoted: &[u8], after: &str) -> Frame {
    let mut message = before.as_bytes().to_vec();
    message.extend_from_slice(quoted.get(..QUOTED).unwrap_or(quoted));
    message.extend_from_slice(after.as_bytes());
    error(message)
}

/// A number as Redis reads it in a command.
pub(super) fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    let text = str::from_utf8(bytes).ok()?;
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_wrote_is_quoted_within_bounds() {
        let words: Vec<Bytes> = [&b"GET"[..], b"x"].map(Bytes::copy_from_slice).to_vec();
        let expected = "ERR unknown command 'GET', with args beginning with: 'x' ";
        assert_eq!(unknown_command(&words), error(expected));
        let long = Bytes::from(vec![b'a'; 100_000]);
        let Frame::Error(message) = unknown_command(&vec![long.clone(); 50]) else {
            panic!("no error");
        };
        assert!(message.len() < 600);
        let Frame::Error(message) = unknown_subcommand("client", &long) else {
            panic!("no error");
        };
        assert!(message.ends_with(b"'. Try CLIENT HELP."));
        assert!(message.len() < 300);
    }

    #[test]
    fn numbers_are_read_as_strictly_as_redis_does() {
        for (text, expected) in [
            ("12", Some(12)),
            ("-1", Some(-1)),
            ("+1", None),
            ("x", None),
        ] {
            assert_eq!(number::<i64>(text.as_bytes()), expected);
        }
    }
}
