//! Durations as settings, queries and commands write them.

use std::time::Duration;

/// Reads `500ms`, `10s`, `15m`, `10h`, `30d` or `0`.
///
/// # Errors
/// A message that says what is expected.
pub fn parse(text: &str) -> Result<Duration, String> {
    let expected = || "write a number and a unit: 500ms, 10s, 15m, 10h or 30d".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let too_long = || TOO_LONG.to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    if number.is_empty() {
        return Err(expected());
    }
    // Digits that are no number are too many.
    let number: u64 = number.parse().map_err(|_| too_long())?;
    let millis = number.checked_mul(millis).filter(|millis| *millis <= MAX_MILLIS);
    millis.map(Duration::from_millis).ok_or_else(too_long)
}

/// Parses a lifetime: whole seconds, or what [`parse`] accepts, but greater than zero.
///
/// # Errors
/// As [`parse`].
pub fn lifetime(text: &str) -> Result<Duration, String> {
    let seconds = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let span = parse(&if seconds { format!("{text}s") } else { text.to_owned() })?;
    if span.is_zero() { Err("it must be greater than zero".into()) } else { Ok(span) }
}

/// Formats a duration for [`parse`], in the largest unit that needs no fraction.
#[must_use]
pub fn text(span: Duration) -> String {
    let millis = span.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let whole = units.into_iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(("ms", 1));
    format!("{}{name}", millis / unit)
}

/// What [`parse`] says of a duration that is longer than any may be.
pub const TOO_LONG: &str = "it is at most 36500d";

/// A hundred years, so that a time plus a duration stays within the range of both databases.
pub const MAX_SECONDS: u64 = 36_500 * 86_400;
const MAX_MILLIS: u64 = MAX_SECONDS * 1_000;

/// Every text of this pattern is accepted by [`parse`], which also accepts numbers of more digits, up to the maximum.
pub const PATTERN: &str = "^(0|[0-9]{1,4}(ms|s|m|h|d))$";

/// Every text of this pattern is accepted by [`lifetime`], which also accepts whole seconds, `ms` and longer numbers.
pub const LIFETIME_PATTERN: &str = "^[1-9][0-9]{0,3}(s|m|h|d)$";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in
            [("500ms", 500), ("10s", 10_000), ("15m", 900_000), ("10h", 36_000_000), ("0", 0), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "10", "-1s", "1.5h", "10 s", "1w", "99999999999999999999d", "36501d"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for long in ["36501d", "99999999999999999999d", "18446744073709551615d", "9999999999999999h"] {
            assert_eq!(parse(long), Err(TOO_LONG.to_owned()), "{long}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for written in ["90d", "36h", "90m", "90s", "1500ms", "0ms"] {
            assert_eq!(text(parse(written).unwrap()), written);
        }
        assert_eq!(text(Duration::from_hours(48)), "2d");
    }

    #[test]
    fn lifetimes() {
        for (text, seconds) in [("1", 1), ("3600", 3_600), ("60m", 3_600), ("0090d", 7_776_000)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "0", "00", "0s", "0d", "-1", "1.0", "s", "36501d", "3153600001"] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }
}
