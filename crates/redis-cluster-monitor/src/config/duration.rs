//! Durations as people write them: a number with a unit.

use std::time::Duration;

/// The text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// A bare number; nobody knows of what.
    #[error("`{0}` has no unit; write {0}ms, {0}s or {0}m")]
    NoUnit(String),
    /// Anything else.
    #[error("`{0}` is not a duration; write a number with a unit, such as 200ms, 1.5s or 2m")]
    Malformed(String),
}

/// Reads `200ms`, `1.5s`, `1m 30s`. Zero needs no unit.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(BadDuration::NoUnit(text.to_owned()));
    }
    humantime::parse_duration(text).map_err(|_| BadDuration::Malformed(text.to_owned()))
}

/// As [`parse`]; `off` means zero.
pub(super) fn parse_or_off(text: &str) -> Result<Duration, BadDuration> {
    if text.trim() == "off" {
        return Ok(Duration::ZERO);
    }
    parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        for (text, millis) in [
            ("200ms", 200),
            ("1s", 1_000),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("1m 30s", 90_000),
            ("0", 0),
            ("0s", 0),
        ] {
            let parsed = parse(text).map(|duration| duration.as_millis());
            assert_eq!(parsed, Ok(millis), "{text}");
        }
        for (text, message) in [
            ("5", "`5` has no unit; write 5ms, 5s or 5m"),
            (
                "5 parsecs",
                "`5 parsecs` is not a duration; write a number with a unit, such as 200ms, 1.5s \
                 or 2m",
            ),
            (
                "",
                "`` is not a duration; write a number with a unit, such as 200ms, 1.5s or 2m",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}
