//! The words of an inline request.
//!
//! Decided here: the quoting rules, which are those of Redis. Words are separated by blanks.
//! Double quotes know `\n \r \t \b \a \xHH`, and a backslash before anything else stands for that.
//! Single quotes know only `\'`. A quote may begin anywhere in a word, and where it ends the word
//! has to end.
//!
//! One difference: for Redis a NUL byte silently ends the request. Here it is a byte like others.

use bytes::Bytes;

use crate::error::Error;

/// Splits a line, given without its line ending, into words.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Bytes>, Error> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        if is_space(byte) {
            rest = after;
        } else {
            let mut word = Vec::new();
            rest = take_word(rest, &mut word)?;
            words.push(word.into());
        }
    }
    Ok(words)
}

/// Moves a word from the front of `line` to `word` and gives what is left of the line.
fn take_word<'a>(line: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Error> {
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            // Narrower than `is_space`, which holds between words: so it is in Redis.
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' | b'\'' => {
                let after = if byte == b'"' {
                    double(after, word)?
                } else {
                    single(after, word)?
                };
                return match after.first() {
                    Some(next) if !is_space(*next) => Err(Error::UnbalancedQuotes),
                    Some(_) | None => Ok(after),
                };
            }
            _ => word.push(byte),
        }
        rest = after;
    }
    Ok(rest)
}

/// Moves the text of a double quote to `word`; gives what follows the closing quote.
fn double<'a>(text: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Error> {
    let mut rest = text;
    loop {
        let (byte, after) = match rest {
            [b'"', after @ ..] => return Ok(after),
            [b'\\', escape @ ..] => unescape(escape).ok_or(Error::UnbalancedQuotes)?,
            [byte, after @ ..] => (*byte, after),
            [] => return Err(Error::UnbalancedQuotes),
        };
        word.push(byte);
        rest = after;
    }
}

/// As `double`, for a single quote.
fn single<'a>(text: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Error> {
    let mut rest = text;
    loop {
        let (byte, after) = match rest {
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
            [] => return Err(Error::UnbalancedQuotes),
        };
        word.push(byte);
        rest = after;
    }
}

/// Reads what follows a backslash; gives the byte it stands for and the text after it.
fn unescape(escape: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'x', high, low, after @ ..] = escape
        && let Some(byte) = hex(*high, *low)
    {
        return Some((byte, after));
    }
    let (&escaped, after) = escape.split_first()?;
    let byte = match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    };
    Some((byte, after))
}

/// The byte that two hexadecimal digits stand for.
fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

/// What C calls a space.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, words: &[&[u8]]) {
        assert_eq!(split(line.as_bytes()).unwrap(), words, "{line}");
    }

    #[test]
    fn words_are_separated_by_blanks() {
        check("", &[]);
        check("  \t\r\u{b}\u{c} ", &[]);
        check("PING", &[b"PING"]);
        check("  SET  k\tv ", &[b"SET", b"k", b"v"]);
        check("a\rb", &[b"a", b"b"]);
        check("a\u{b}b", &[b"a\x0bb"]);
        check("a\0b \0", &[b"a\0b", b"\0"]);
    }

    #[test]
    fn double_quotes_know_escapes() {
        check(r#""""#, &[b""]);
        check(r#""a b" c"#, &[b"a b", b"c"]);
        check(r#""\n\r\t\b\a\\\"\q""#, &[b"\n\r\t\x08\x07\\\"q"]);
        check(r#""\x41\xff\x0A""#, &[b"A\xff\n"]);
        check(r#""\xg1\x4""#, &[b"xg1x4"]);
        check(r#""it's""#, &[b"it's"]);
        check(r#"key:"a b""#, &[b"key:a b"]);
    }

    #[test]
    fn single_quotes_know_only_themselves() {
        check("''", &[b""]);
        check(r"'a b' 'it\'s'", &[b"a b", b"it's"]);
        check(r#"'\n\x41"'"#, &[br#"\n\x41""#]);
        check("key:'a b'", &[b"key:a b"]);
    }

    #[test]
    fn quotes_must_be_closed_at_the_end_of_a_word() {
        for line in [
            r#"""#,
            "'",
            r#"a "b"#,
            "a 'b",
            r#""a"b"#,
            "'a'b",
            r#""a"'b'"#,
            r#""a\""#,
            r"'a\'",
        ] {
            assert_eq!(
                split(line.as_bytes()),
                Err(Error::UnbalancedQuotes),
                "{line}"
            );
        }
    }
}
