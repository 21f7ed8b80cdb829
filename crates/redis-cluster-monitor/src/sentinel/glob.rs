//! Glob patterns as Redis matches them: `*`, `?`, `[a-c]`, `[^x]` and `\`.
//!
//! Patterns come from clients. A failed match goes back to the last star only, so the work is
//! bounded by the product of the two lengths.

/// Whether `text` as a whole is what `pattern` describes.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern_rest, mut text_rest) = (pattern, text);
    // Where to go on after the last star, and what it has not swallowed yet.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = pattern_rest {
            star = Some((after, text_rest));
            pattern_rest = after;
            continue;
        }
        let matched = match (text_rest, pattern_rest) {
            ([], []) => return true,
            ([], _) => return false,
            (_, []) => None,
            ([byte, text_after @ ..], _) => {
                let (fits, pattern_after) = one(pattern_rest, *byte);
                fits.then_some((pattern_after, text_after))
            }
        };
        if let Some(rests) = matched {
            (pattern_rest, text_rest) = rests;
            continue;
        }
        let Some((after, [_, rest @ ..])) = star else {
            return false;
        };
        star = Some((after, rest));
        (pattern_rest, text_rest) = (after, rest);
    }
}

/// Whether the first element of `pattern`, which is neither empty nor a star, fits `byte`; and what
/// follows the element.
fn one(pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    match pattern {
        [b'?', rest @ ..] => (true, rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte, rest),
        [] => (false, pattern),
    }
}

/// What stands between brackets; a class that is not closed ends with the pattern.
fn class(mut rest: &[u8], byte: u8) -> (bool, &[u8]) {
    let negated = rest.first() == Some(&b'^');
    if negated {
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut found = false;
    loop {
        rest = match rest {
            [] => break,
            [b'\\', literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [from, b'-', to, after @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                after
            }
            [literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
        };
    }
    (found != negated, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_they_do_in_redis() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "+switch-master", true),
            ("+switch-master", "+switch-master", true),
            ("*switch*", "+switch-master", true),
            ("[-+]sdown", "+sdown", true),
            ("[-+]sdown", "-sdown", true),
            ("[-+]sdown", "xsdown", false),
            ("[^-]sdown", "+sdown", true),
            ("[^-]sdown", "-sdown", false),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[\\]]", "]", true),
            ("[abc", "c", true),
            ("[abc", "d", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("\\", "\\", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("*?", "", false),
            ("**", "x", true),
            ("a]", "a]", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_do_not_take_forever() {
        let pattern = b"a*".repeat(100);
        let text = b"a".repeat(99);
        assert!(!matches(&pattern, &text));
    }
}
